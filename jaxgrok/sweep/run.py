"""Run a grid into a run directory, or go on with one.

>>> dataset = run(config, out="runs/mine")
"""

import errno
import functools
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import jax
import ml_collections
import xarray as xr

from jaxgrok.engine import sizing
from jaxgrok.engine.engine import Engine
from jaxgrok.engine.pace import Pace
from jaxgrok.engine.platform import Platform, notes, refuse
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.grid.resolver import resolve
from jaxgrok.host import machine
from jaxgrok.host.command_line import FAILED
from jaxgrok.host.paths import AnyPath, UserPath, file_name
from jaxgrok.host.signals import INTERRUPTED, asked_to_stop
from jaxgrok.host.terminal import number
from jaxgrok.results.finished_cell import OnCell
from jaxgrok.results.ledger import Ledger
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.coordinator import Coordinator
from jaxgrok.sweep.fleet import LocalFleet
from jaxgrok.sweep.longest_first import Everything
from jaxgrok.sweep.queue import Queue
from jaxgrok.sweep.worker import Worker


class Interrupted(Exception):
    """The sweep stopped before its end, by a signal or a full disk; it can go on.

    Attributes:
        exit_code: 128 + the signal's number, or FAILED.
    """

    def __init__(self, message: str, exit_code: int = INTERRUPTED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def run(
    config: ml_collections.ConfigDict,
    out: UserPath | None = None,
    *,
    blocks: int | None = None,
    quiet: bool = False,
    mixed_bits: bool = False,
    on_cell: OnCell | None = None,
    queue: Callable[[Grid, Pace], Queue] = Everything,
    grid_file: GridFile | None = None,
    command: str = "",
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
        on_cell: called with every cell that ends, a `FinishedCell` with its axes, its
            row of cells.csv and its curves; for live logging. A cell whose result was
            lost to a kill is trained again, and handed over again.
        queue: what makes the queue of cells; by default it holds every one of them.
        grid_file: where the config comes from, for the manifest.
        command: the command line, for the manifest.

    Raises:
        ValueError: for a config that makes no sense, and for a directory that holds
            another sweep, is in use, or was computed where results would differ in
            bits; where a block of lanes surely exceeds a device's memory.
        CallbackFailed: on_cell raised an error. Everything is saved by then, and the
            same call goes on behind that cell.
        Interrupted: after SIGINT, SIGTERM or SIGHUP, once everything is saved; where
            the directory cannot be written, once everything that fits is.
    """
    platform = Platform.of(jax.local_devices())
    grid = _resolved(config, platform)
    if out is None:
        name = file_name(f"{grid.config['task']}-{grid.config['scale']}")
        out = Path("runs") / name
    if blocks is not None and blocks < 1:
        raise ValueError(f"blocks={blocks} must be at least 1")
    fleet = LocalFleet(Worker(grid, functools.partial(_engine, blocks)))
    # The lock comes first: two sweeps in one directory would mix their results.
    with RunDirectory(out) as directory, closing(fleet), asked_to_stop() as stop:
        archive = Archive(
            grid, directory, grid_file, command=command, mixed_bits=mixed_bits
        )
        coordinator = Coordinator(
            grid, archive, fleet, queue, quiet=quiet, on_cell=on_cell
        )
        coordinator.display.headline(platform)
        precisions = notes((group.setup for group in grid.groups), platform)
        for line in filter(None, (machine.idle_cores(), *precisions)):
            coordinator.display.say(line)
        try:
            dataset = archive.finish() if coordinator.train(stop) else None
        except OSError as error:
            raise _unwritable(error, directory.path, coordinator.ledger) from error
        if dataset is None or stop.is_set():
            words = f"stopped; {_finished(coordinator.ledger)}"
            raise Interrupted(words, stop.exit_code)
        return dataset


def _resolved(config: ml_collections.ConfigDict, platform: Platform) -> Grid:
    """Resolve a config; refuse what the devices of this machine cannot train."""
    grid = resolve(config)
    setups = [group.setup for group in grid.groups]
    refuse(setups, platform)
    widths = [group.block_width for group in grid.groups]
    sizing.refuse_too_wide(zip(setups, widths, strict=True), jax.local_devices()[0])
    return grid


def _unwritable(error: OSError, path: AnyPath, ledger: Ledger) -> Interrupted:
    """Return what to raise where a run directory cannot be written."""
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return Interrupted(
        f"out={path} cannot be written ({error.strerror or error}); "
        f"{_finished(ledger)}{'; free space there' if is_full else ''}",
        FAILED,
    )


def _finished(ledger: Ledger) -> str:
    """Say how many cells are finished."""
    return f"{number(len(ledger), 'cell')} finished"


def _engine(blocks: int | None, group: Group, n_cells: int) -> Engine:
    """Build the engine of a group on all devices of this machine."""
    return sizing.build(
        group.setup, block_width=group.block_width, cells=n_cells, blocks=blocks
    )
