"""Where engine and store meet: run a grid into a run directory, or go on with one.

Owns the order of things: what is pending, when to flush, save and stop. Knows no
arithmetic and no file formats.

    >>> dataset = run(config, out="runs/mine")
"""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from jaxgrok.engine.engine import Engine, Snapshot
from jaxgrok.engine.pace import Pace
from jaxgrok.engine.sizing import build
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.grid.resolver import resolve
from jaxgrok.host.signals import asked_to_stop
from jaxgrok.host.terminal import Console
from jaxgrok.plots import sweep
from jaxgrok.plots.files import save
from jaxgrok.plots.sweep.circuit_measures import circuit_measures
from jaxgrok.results import snapshots as checkpoints
from jaxgrok.results.dataset import Rows
from jaxgrok.results.extension import adopt
from jaxgrok.results.ledger import Ledger
from jaxgrok.results.manifest import Usage, describe
from jaxgrok.results.rows import OVER, Result
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep import estimate
from jaxgrok.sweep.longest_first import Everything
from jaxgrok.sweep.queue import Queue
from jaxgrok.training.records import CURVES, FLAGS
from jaxgrok.training.setup import lane_of

PERIODS = {"flush": 10.0, "save": 45.0, "redraw": 60.0}
"""Seconds between two of a chore, at least."""
SELDOM = {"flush": 10, "save": 10, "redraw": 100}
"""A chore is left alone for so many times what it took."""
ANSWER_SECONDS = 1.0
"""Length of a dispatch: what Ctrl-C waits for."""

assert CURVES == CURVES
TEST_ACCURACY = CURVES.index("test_accuracy")
FINISHED, DIVERGED_STEP = -2, -1
"""Columns of a record."""
assert FLAGS == ("finished", "diverged_step")


class Interrupted(Exception):
    """The sweep was asked to stop; its state is saved and it can go on."""


def run(
    config: Any,
    out: str | Path | None = None,
    *,
    blocks: int | None = None,
    quiet: bool = False,
    queue: Callable[[Grid, Pace], Queue] = Everything,
    grid_file: GridFile | None = None,
) -> xr.Dataset:
    """Train every cell of a grid that has no result yet, and return the dataset.

    Args:
        config: a ConfigDict as `jaxgrok.grid.base` starts one.
        out: the run directory; by default under runs/, named after task and scale.
            An existing one goes on, or is extended by the cells it lacks.
        blocks: blocks of lanes; by default one a device. Changes no result.
        quiet: print nothing.
        queue: what makes the queue of cells; by default it holds every one of them.
        grid_file: where the config comes from, for the manifest.

    Raises ValueError for a config that makes no sense, and for a directory that holds
    another sweep, is in use, or was computed where results would differ in bits;
    Interrupted after SIGINT or SIGTERM, once everything is saved.
    """
    grid = resolve(config)
    if out is None:
        out = Path("runs") / f"{grid.config['task']}-{grid.config['scale']}"
    if blocks is not None and blocks < 1:
        raise ValueError(f"blocks={blocks} must be at least 1")
    with RunDirectory(out) as directory, asked_to_stop() as stop:
        return _Sweep(grid, directory, blocks, stop, quiet, queue, grid_file).run()


class _Sweep:
    """One call of `run`: results and curves so far, and the clocks of its chores."""

    def __init__(
        self,
        grid: Grid,
        directory: RunDirectory,
        blocks: int | None,
        stop: threading.Event,
        quiet: bool,
        queue: Callable[[Grid, Pace], Queue],
        grid_file: GridFile | None,
    ) -> None:
        self.grid, self.directory = grid, directory
        self.blocks, self.stop = blocks, stop
        self.tracks: dict[str, list[np.ndarray]] = {}
        """Records of the busy cells, one an evaluation."""
        self.cells = {cell.id: cell for cell in grid.cells}
        self.pace = Pace()
        self.queue = queue(grid, self.pace)
        self.manifest, there = adopt(directory, describe(grid, grid_file))
        self.ledger = Ledger(directory, self.manifest, there)
        rows = [row for row in self.ledger.rows() if row["status"] != "failed"]
        self.ledger.stand(self.queue.known(rows))
        done = len(self.ledger)
        self.console = Console(self.queue.total, done=done, quiet=quiet)
        self.announced = False
        self.snapshots = checkpoints.Writer(directory.path)
        self.due = {chore: time.monotonic() + every for chore, every in PERIODS.items()}

    def run(self) -> xr.Dataset:
        """Run group after group; leave table and figures behind."""
        self.directory.write_manifest(self.manifest)
        snapshot = self._resumed()
        with self.console, self.snapshots:
            for group in _first(self.grid.groups, snapshot.cells):
                if self.queue.most(group):
                    try:
                        self._group(group, snapshot)
                    except jax.errors.JaxRuntimeError as error:
                        self._fail(group, error)
            self._flush()
        self.directory.drop_resume()
        if self.grid.config["snapshots"] == "phases":
            checkpoints.prune(self.directory.path, self._one_per_phase())
        return self._redraw()

    def _group(self, group: Group, snapshot: Snapshot) -> None:
        """Train the cells of one group, refilling lanes as they come free."""
        engine = build(
            group.setup,
            block_width=group.block_width,
            cells=self.queue.most(group),
            blocks=self.blocks,
        )
        mine = {cell.id for cell in group.cells}
        if mine & set(snapshot.cells) and len(snapshot.cells) <= engine.free:
            engine.restore(snapshot)
            for cell in engine.cells:
                self.ledger.reopen(cell)  # once stopped, then wanted again
                self.queue.resumed(self.cells[cell])
        elif mine & set(snapshot.cells):
            self.tracks.clear()  # too many for the lanes there are: they start anew
        while True:
            if not engine.offset:
                self._give_up(engine)
                self._fill(engine, group)
                if not engine.cells:
                    break
                if engine.free:
                    engine.compact()
            if self.stop.is_set():
                self._flush()
                self._save(engine)
                self._count(engine)
                raise Interrupted(f"stopped; {len(self.ledger)} cells are finished")
            every = engine.setup.eval_every
            n_steps = self.pace.steps(engine, ANSWER_SECONDS)
            n_steps = min(n_steps, self._unkept(engine, most=n_steps))
            chunks = 1
            # A queue that gives cells up looks at every evaluation, at any pace.
            ahead = self.queue.total is not None
            if ahead and not engine.offset and n_steps >= every:
                chunks = min(n_steps // every, self._certain(engine))
            n_steps = min(n_steps, every - engine.offset)
            started = time.perf_counter()
            read = engine.advance(n_steps, chunks=chunks)
            seconds = time.perf_counter() - started
            self.pace.measured(engine, n_steps * chunks, seconds)
            self._announce(engine)
            for records in read:
                self._note(engine, records)
            self._keep(engine, engine.cells)
            self._chores(engine, n_steps * chunks / seconds)
        self._count(engine)

    def _certain(self, engine: Engine) -> int:
        """Evaluations, at least 1, up to the first that could end a lane.

        A grok takes `hold` good evaluations; so many can be made without looking. (A
        lane that diverges meanwhile makes steps for nothing, which are dropped.)
        """
        setup = engine.setup
        bound = []
        for cell in engine.cells:
            track = self.tracks[cell]
            left = self.cells[cell].lane["steps"] - self._step(engine, cell)
            left //= setup.eval_every
            if setup.stop == "grokked":
                recent = track[-setup.thresholds.hold :]
                good = [r[TEST_ACCURACY] >= setup.thresholds.accuracy for r in recent]
                held = next((i for i, g in enumerate(good[::-1]) if not g), len(good))
                left = min(left, setup.thresholds.hold - held)
            bound.append(left)
        return max(min(bound), 1)

    def _count(self, engine: Engine) -> None:
        """Keep how many of the lane-steps made were made for a cell."""
        usage = self.manifest.usage
        usage = Usage(usage.busy + engine.busy, usage.executed + engine.executed)
        self.manifest = dataclasses.replace(self.manifest, usage=usage)
        self.directory.write_manifest(self.manifest)

    def _fill(self, engine: Engine, group: Group) -> None:
        """Start cells in the free lanes."""
        while engine.free and (cells := self.queue.take(group, engine.free)):
            lanes = {cell.id: lane_of(engine.setup, **cell.lane) for cell in cells}
            for cell in lanes:
                self.ledger.reopen(cell)  # once stopped, then wanted again
                self.tracks[cell] = []
            self._note(engine, engine.admit(lanes))
            self._keep(engine, [cell for cell in lanes if cell in self.tracks])

    def _give_up(self, engine: Engine) -> None:
        """Stop the cells that the queue no longer needs."""
        steps = {cell: self._step(engine, cell) for cell in engine.cells}
        rows = []
        for cell, cause in self.queue.needless(steps).items():
            self._keep(engine, [cell], last=True)
            engine.release(cell)
            rows.append(self._finish(engine, cell, "stopped", cause))
        self._tell(rows)

    def _note(self, engine: Engine, records: Mapping[str, np.ndarray]) -> None:
        """Append records to their cells' curves; take finished cells out."""
        rows = []
        for cell, record in records.items():
            if cell not in self.tracks:
                continue  # it ended at an earlier evaluation of the same dispatch
            # A copy: a view would keep the records of all lanes.
            self.tracks[cell].append(record[: -len(FLAGS)].copy())
            if record[FINISHED]:
                diverged_step = record[DIVERGED_STEP]
                if diverged_step < 0:
                    self._keep(engine, [cell], last=True)
                engine.release(cell)
                cause = f"training loss not finite at step {int(diverged_step)}"
                ended = ("done", "") if diverged_step < 0 else ("diverged", cause)
                rows.append(self._finish(engine, cell, *ended))
                self.queue.ended(self.cells[cell], rows[-1])
        self._tell(rows)

    def _step(self, engine: Engine, cell: str) -> int:
        """Steps a busy cell has made, as far as they are noted."""
        return (len(self.tracks[cell]) - 1) * engine.setup.eval_every + engine.offset

    def _unkept(self, engine: Engine, most: int) -> int:
        """Steps, at most `most`, up to the next snapshot of a busy cell."""
        steps = [
            self._step(engine, cell)
            for cell in engine.cells
            if self.cells[cell].kin in self.grid.kept
        ]
        return min([most, *(self.grid.schedule.after(step) - step for step in steps)])

    def _keep(
        self, engine: Engine, cells: Iterable[str], *, last: bool = False
    ) -> None:
        """Keep snapshots of the cells whose step is on the schedule, or their last."""
        due = []
        for cell in cells:
            kin, step = self.cells[cell].kin, self._step(engine, cell)
            wanted = kin in self.grid.kept and (last or self.grid.schedule.keeps(step))
            if wanted and not self.snapshots.has(kin, step):
                due.append((cell, kin, step))
        vectors = engine.vectors([cell for cell, _, _ in due])
        for (_, kin, step), vector in zip(due, vectors, strict=True):
            self.snapshots.add(kin, step, vector, engine.shapes)

    def _one_per_phase(self) -> set[str]:
        """The first training of each phase that has snapshots."""
        have = checkpoints.kept(self.directory.path)
        chosen: dict[str, str] = {}
        for row in self.ledger.rows():
            kin = self.cells[row["id"]].kin
            if kin in have:
                chosen.setdefault(row["phase"], kin)
        return set(chosen.values())

    def _finish(
        self, engine: Engine, cell: str, status: str, cause: str
    ) -> dict[str, Any]:
        """A cell has ended: keep its result; its row of cells.csv."""
        result = Result(
            cell,
            status,
            columns=("step", *engine.columns),
            records=self._curves(cell),
            block_width=engine.width,
            cause=cause,
        )
        del self.tracks[cell]
        return self.ledger.add(result)

    def _tell(self, rows: list[dict[str, Any]]) -> None:
        """Show cells that have just ended."""
        left = self._left() if rows else None
        for row in rows:
            self.console.finished(row, left=left)

    def _curves(self, cell: str) -> np.ndarray:
        """The records of a busy cell under their steps: [evals, 1 + columns]."""
        track = self.tracks[cell]
        every = self.grid.config["eval_every"]
        steps = np.arange(len(track), dtype=track[0].dtype) * every
        # In one piece: `np.stack` looks at every record by itself.
        records = np.concatenate(track).reshape(len(track), -1)
        return np.concatenate([steps[:, None], records], axis=1)

    def _fail(self, group: Group, error: Exception) -> None:
        """Give up on a group's open cells, and say why; a later run tries again."""
        cause = str(error).splitlines()[0][:200]
        for cell in group.cells:
            wanted = self.queue.total is not None and cell.id not in self.ledger
            if wanted or cell.id in self.tracks:
                self.tracks.pop(cell.id, None)
                columns = ("step", *CURVES)
                empty = np.empty((0, len(columns)), group.setup.dtype)
                width = group.block_width
                result = Result(cell.id, "failed", columns, empty, width, cause)
                self.queue.ended(cell, self.ledger.add(result))
        self.console.say(f"failed: {cause}")

    def _left(self) -> float | None:
        """Seconds to go, None if they are not known."""
        every = self.grid.config["eval_every"]
        made = {n: max(len(t) - 1, 0) * every for n, t in self.tracks.items()}
        return self.queue.left(made)

    def _announce(self, engine: Engine) -> None:
        """Say once, after the first dispatches, what is ahead and how long it takes."""
        if self.announced or not self.pace.known:
            return
        self.announced = True
        left, done = self._left(), len(self.ledger)
        if left is None:
            return
        snapshots = estimate.snapshot_bytes(self.grid, engine)
        self.console.say(
            estimate.headline(self.grid, left, engine.lanes, done, snapshots)
        )
        for warning in estimate.warnings(self.grid, left, snapshots):
            self.console.say(warning)

    def _chores(self, engine: Engine, steps_per_second: float) -> None:
        """Show progress; flush, save and redraw when their time has come."""
        busy = len(engine.cells)
        self.console.moved(
            busy=busy,
            lanes=engine.lanes,
            rate=busy * steps_per_second,
            left=self._left(),
        )
        if self.ledger.unwritten:
            self._when_due("flush", self._flush)
        self._when_due("save", lambda: self._save(engine))
        if len(self.ledger):
            self._when_due("redraw", self._redraw)

    def _when_due(self, chore: str, do: Callable[[], Any]) -> None:
        """Do a chore whose time has come; the longer it takes, the more seldom."""
        started = time.monotonic()
        if started >= self.due[chore]:
            do()
            ended = time.monotonic()
            self.due[chore] = ended + max(
                PERIODS[chore], SELDOM[chore] * (ended - started)
            )

    def _flush(self) -> None:
        """Write finished cells, their snapshots before them."""
        if self.ledger.unwritten:
            self.snapshots.flush()
            self.snapshots.wait()
        self.ledger.flush()

    def _save(self, engine: Engine) -> None:
        """Save what is in memory alone: lanes, curves so far, snapshots on no shard."""
        snapshot = engine.snapshot()
        self.snapshots.wait()
        pending = self.snapshots.pending
        meta = {
            "offset": snapshot.offset,
            "cells": snapshot.cells,
            "pending": {kin: list(rows) for kin, rows in pending.items()},
            "shapes": engine.shapes,
        }
        leaves = {f"{i:04d}": leaf for i, leaf in enumerate(snapshot.leaves)}
        tracks = {cell: self._curves(cell) for cell in snapshot.cells}
        vectors = {kin: np.stack(list(rows.values())) for kin, rows in pending.items()}
        arrays = {"leaves": leaves, "tracks": tracks, "pending": vectors}
        self.directory.save_resume(meta, arrays)

    def _resumed(self) -> Snapshot:
        """The lanes that were busy when the directory was last left, if any."""
        found = self.directory.load_resume()
        if found is None:
            return Snapshot(0, [], [])
        meta, arrays = found
        leaves = [arrays["leaves"][name] for name in sorted(arrays["leaves"])]
        snapshot = Snapshot(meta["offset"], meta["cells"], leaves)
        over = {row["id"] for row in self.ledger.rows() if row["status"] in OVER}
        stale = {c for c in meta["cells"] if c in over or c not in self.cells}
        snapshot = snapshot.without(stale)
        self.tracks = {c: list(arrays["tracks"][c][:, 1:]) for c in snapshot.cells}
        for kin, steps in meta["pending"].items():
            for step, vector in zip(steps, arrays["pending"][kin], strict=True):
                if not self.snapshots.has(kin, step):
                    self.snapshots.add(kin, step, vector, meta["shapes"])
        return snapshot

    def _redraw(self) -> xr.Dataset:
        """Redraw the figures from disk; what they show."""
        rows = Rows(self.ledger.rows(), self.ledger.component_rows())
        dataset = self.directory.assemble(rows)
        folder = self.directory.path / "plots"
        folder.mkdir(exist_ok=True)
        for name, figure in sweep.figures(dataset):
            save(figure, folder / f"{name}.png")
        if "W_E_norm" in dataset:
            save(circuit_measures(dataset), folder / "circuit_measures.png")
        return dataset


def _first(groups: tuple[Group, ...], cells: list[str]) -> list[Group]:
    """The groups, beginning with the one that was cut off."""
    cut = set(cells)
    return sorted(groups, key=lambda g: not cut & {cell.id for cell in g.cells})
