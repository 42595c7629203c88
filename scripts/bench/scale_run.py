"""A sweep of a made-up grid on a made-up fleet, in virtual time: for scale.py.

>>> measure(Machines(workers=8, seats=8, lanes=128), 10_000)["devices_mostly"]
0.97
"""

import contextlib
import math
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from crowd import Crowd
from crowd_seat import Clock, Machines
from jaxgrok import grid
from jaxgrok.fleet import chores
from jaxgrok.grid.cells import Grid
from jaxgrok.host.signals import Stop
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.coordinator import Coordinator
from jaxgrok.sweep.intake import Intake
from jaxgrok.sweep.longest_first import Everything

GROUPS, BUDGET = 10, 40_000
MOSTLY = 0.98
"""The share of the cells until which occupancy is counted a second time."""
Around = Callable[[], contextlib.AbstractContextManager[Any]]
NOTHING: Around = contextlib.nullcontext


def cells_of(count: int) -> Grid:
    """Lay out so many cells in ten groups; families of 10 seeds, or 100 in a million.

    Args:
        count: a multiple of 1,000.
    """
    config = grid.base("post")
    seeds = 100 if count >= 1_000_000 else 10
    decays = np.geomspace(0.1, 3, count // GROUPS // seeds)
    config.weight_decay = tuple(decays.round(6).tolist())
    config.train_fraction = tuple(np.linspace(0.2, 0.65, GROUPS).round(3).tolist())
    config.seed, config.steps = tuple(range(seeds)), (BUDGET,)
    return grid.resolve(config)


def lengths_of(cells: Grid) -> dict[str, int]:
    """Draw the steps of each cell: families differ, and four in a hundred never end."""
    rng = np.random.default_rng(0)
    every = cells.config["eval_every"]
    families: dict[tuple[Any, ...], tuple[float, float]] = {}
    lengths = {}
    for cell in cells.cells:
        key = cell.lane["weight_decay"], cell.lane["n_train"]
        if key not in families:
            mean = np.exp(rng.uniform(np.log(1_000), np.log(10_000)))
            families[key] = mean, rng.beta(0.15, 3.6)
        mean, share = families[key]
        steps = mean * np.exp(rng.normal(0, 0.45))
        if rng.random() < share:
            steps = BUDGET
        lengths[cell.id] = int(
            np.clip(round(steps / every), 1, BUDGET // every) * every
        )
    return lengths


class Run:
    """One sweep on one fleet, and what was measured of it."""

    def __init__(
        self, cells: Grid, machines: Machines, run_dir: Path, *, restart: bool
    ) -> None:
        self.cells, self.machines, self.run_dir = cells, machines, run_dir
        self.clock = Clock()
        lengths = lengths_of(cells)
        self.crowd = Crowd(self.clock, cells, lengths, machines, run_dir)
        self.crowd.watch = self._watch
        self.stop = Stop()
        self.archive: Archive | None = None
        self.mostly: tuple[float, float, float] | None = None
        self._half = len(cells.cells) // 2 if restart else len(cells.cells) + 1
        self.jobs: Counter[str] = Counter()
        """Seconds that periodic jobs took, by name."""

    def train(self) -> dict[str, Any]:
        """Train everything; return what was measured."""
        start = time.process_time()
        while not self._coordinate():
            self.stop.clear()
            self._half = len(self.cells.cells) + 1
            self.crowd.rejoin()
        files = [file for file in self.run_dir.rglob("*") if file.is_file()]
        return self._summary() | {
            "disk_mb": sum(file.stat().st_size for file in files) / 1e6,
            "files": len(files),
            "bench_s": time.process_time() - start,
        }

    def _coordinate(self) -> bool:
        with (
            mock.patch("time.monotonic", self.clock.monotonic),
            mock.patch.object(chores.Chores, "run", self._timed(chores.Chores.run)),
            RunDirectory(self.run_dir) as directory,
        ):
            self.clock.resume()
            self.archive = Archive(self.cells, directory)
            intake = Intake(
                self.cells, self.archive, self.crowd, Everything, quiet=True
            )
            coordinator = Coordinator(intake)
            is_over = coordinator.train(self.stop)
            self.clock.suspend()
        return is_over

    def _timed(self, run: Callable[..., None]) -> Callable[..., None]:
        """Return a way to run a periodic job that also adds up its seconds."""

        def timed(jobs: chores.Chores, name: str, job: Callable[[], object]) -> None:
            start = self.clock.monotonic()
            run(jobs, name, job)
            self.jobs[name] += self.clock.monotonic() - start

        return timed

    def _watch(self) -> None:
        """Look at the clock when most cells have ended; ask for an end half-way."""
        assert self.archive is not None
        done = len(self.archive.ledger)
        if done >= MOSTLY * len(self.cells.cells) and self.mostly is None:
            totals = self.crowd.totals
            self.mostly = self.clock.now, totals.lanes, totals.seats
        if done >= self._half:
            self.stop.set()

    def _summary(self) -> dict[str, Any]:
        clock, totals, machines = self.clock, self.crowd.totals, self.machines
        assert self.mostly is not None
        seats = machines.workers * machines.seats
        moment, lanes, busy = self.mostly
        n_cells = len(self.cells.cells)
        return {
            "wall_s": clock.now,
            "lanes_all": totals.lanes / (clock.now * seats * machines.lanes),
            "lanes_mostly": lanes / (moment * seats * machines.lanes),
            "devices_all": totals.seats / (clock.now * seats),
            "devices_mostly": busy / (moment * seats),
            "lost": totals.lost / totals.lanes,
            "losses": self.crowd.losses,
            "cells_a_lane": n_cells / (seats * machines.lanes),
            "core": clock.cpu / clock.now,
            "cpu_s": clock.cpu,
            "ms_a_cell": clock.cpu / n_cells * 1e3,
            "jobs": sum(self.jobs.values()) / clock.now,
            "jobs_s": dict(self.jobs),
            "reports": self.crowd.reports,
        }


def measure(
    machines: Machines,
    count: int,
    *,
    restart: bool = False,
    draws: bool = False,
    around: Around = NOTHING,
) -> dict[str, Any]:
    """Run one configuration in this process.

    Args:
        machines: that train.
        count: of cells.
        restart: whether another coordinator goes on half-way.
        draws: whether figures are drawn, which takes a hundredth of the time at most,
            and of this script's the most.
        around: a context for the run, such as a profile.
    """
    start = time.process_time()
    cells = cells_of(count)
    resolving = time.process_time() - start
    with tempfile.TemporaryDirectory() as run_dir:
        run = Run(cells, machines, Path(run_dir), restart=restart)
        rarely = chores.PERIODS["redraw"]._replace(seconds=60.0 if draws else math.inf)
        with (
            mock.patch.dict(chores.PERIODS, {"redraw": rarely}),
            # The clock counts what the processor does, and the disk may be anybody's.
            mock.patch("os.fsync", lambda _: None),
            around(),
        ):
            measured = run.train()
    # Linux counts kilobytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    hours = machines.lifetime / 3600
    facts = {"workers": machines.workers, "cells": count, "restart": restart}
    facts |= {"seats": machines.seats, "lanes": machines.lanes}
    facts["hours"] = hours if math.isfinite(hours) else 0
    return facts | measured | {"resolve_s": resolving, "peak_gb": peak / 1e9}
