"""Run a grid into a run directory, or go on with one.

>>> dataset = run(config, out="runs/mine")
"""

import functools
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import ml_collections
import xarray as xr

from jaxgrok.engine import sizing
from jaxgrok.engine.engine import Engine
from jaxgrok.engine.pace import Pace
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.grid.resolver import resolve
from jaxgrok.host.signals import asked_to_stop
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.coordinator import Coordinator
from jaxgrok.sweep.fleet import LocalFleet
from jaxgrok.sweep.longest_first import Everything
from jaxgrok.sweep.queue import Queue
from jaxgrok.sweep.worker import Worker


class Interrupted(Exception):
    """The sweep was asked to stop; its state is saved and it can go on."""


def run(
    config: ml_collections.ConfigDict,
    out: str | Path | None = None,
    *,
    blocks: int | None = None,
    quiet: bool = False,
    mixed_bits: bool = False,
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
        mixed_bits: go on with a directory that was computed where results differ in
            their last bits. Each cell says what it was computed with.
        queue: what makes the queue of cells; by default it holds every one of them.
        grid_file: where the config comes from, for the manifest.

    Raises:
        ValueError: for a config that makes no sense, and for a directory that holds
            another sweep, is in use, or was computed where results would differ in
            bits.
        Interrupted: after SIGINT or SIGTERM, once everything is saved.
    """
    grid = resolve(config)
    if out is None:
        out = Path("runs") / f"{grid.config['task']}-{grid.config['scale']}"
    if blocks is not None and blocks < 1:
        raise ValueError(f"blocks={blocks} must be at least 1")
    fleet = LocalFleet(Worker(grid, functools.partial(_engine, blocks)))
    # The lock comes first: two sweeps in one directory would mix their results.
    with RunDirectory(out) as directory, closing(fleet), asked_to_stop() as stop:
        archive = Archive(grid, directory, grid_file, mixed_bits=mixed_bits)
        coordinator = Coordinator(grid, archive, fleet, queue, quiet=quiet)
        if not coordinator.train(stop):
            done = len(coordinator.ledger)
            raise Interrupted(f"stopped; {done} cells are finished")
        return coordinator.finish()


def _engine(blocks: int | None, group: Group, n_cells: int) -> Engine:
    """Build the engine of a group on all devices of this machine."""
    return sizing.build(
        group.setup, block_width=group.block_width, cells=n_cells, blocks=blocks
    )
