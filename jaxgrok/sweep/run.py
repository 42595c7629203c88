"""Run a grid into a run directory, or go on with one.

>>> dataset = run(config, out="runs/mine")
"""

import contextlib
import errno
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import ml_collections
import xarray as xr

from jaxgrok.engine import sizing
from jaxgrok.engine.engine import Engine
from jaxgrok.engine.pace import Pace
from jaxgrok.engine.platform import Platform, notes, refuse
from jaxgrok.fleet.hello import Hello
from jaxgrok.fleet.job import describe
from jaxgrok.fleet.local import LocalFleet
from jaxgrok.fleet.protocol import Fleet
from jaxgrok.fleet.site import computing
from jaxgrok.fleet.worker import Worker
from jaxgrok.fleet.workers import Workers, parse
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.grid.resolver import resolve
from jaxgrok.host import machine
from jaxgrok.host.command_line import FAILED
from jaxgrok.host.paths import AnyPath, UserPath, file_name
from jaxgrok.host.signals import INTERRUPTED, Stop, asked_to_stop
from jaxgrok.host.terminal import number
from jaxgrok.results.finished_cell import OnCell
from jaxgrok.results.ledger import Ledger
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.coordinator import Coordinator
from jaxgrok.sweep.intake import Intake, WorkersFailed
from jaxgrok.sweep.longest_first import Everything
from jaxgrok.sweep.queue import Queue

if TYPE_CHECKING:
    from jaxgrok.fleet.dask_fleet import DaskFleet


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
    workers: str | int = "local",
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
        workers: who trains: "local", this process; a number of processes that it
            starts; or "listen:HOST:PORT", whoever runs `python -m jaxgrok.worker`.
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
    if blocks is not None and blocks < 1:
        raise ValueError(f"blocks={blocks} must be at least 1")
    who = parse(workers)
    with contextlib.ExitStack() as stack:
        platform = stack.enter_context(computing(who))
        # Before the directory is made: a config that makes no sense leaves nothing.
        grid = _resolved(config, platform, who) if platform else None
        # The lock comes first: two sweeps in one directory would mix their results.
        directory = stack.enter_context(RunDirectory(out or _folder(grid)))
        stop = stack.enter_context(asked_to_stop())
        remote = _remote(who, directory.path, platform)
        if remote:
            stack.enter_context(remote)
        if remote and not platform:
            first = _first_worker(remote, stop, quiet=quiet)
            stack.enter_context(machine.elsewhere(first.platform.name, first.bits))
            platform, grid = first.platform, _resolved(config, first.platform, who)
        assert grid and platform
        archive = Archive(
            grid, directory, grid_file, command=command, mixed_bits=mixed_bits
        )
        fleet: Fleet
        if remote:
            job = describe(config, grid, grid_file)
            remote.begin(job, machine.bits(), mixed_bits=mixed_bits)
            fleet = remote
        else:
            fleet = _local(grid, directory.path, blocks)
            stack.enter_context(closing(fleet))
        intake = Intake(grid, archive, fleet, queue, quiet=quiet, on_cell=on_cell)
        coordinator = Coordinator(intake)
        _introduce(coordinator, platform)
        return _train(coordinator, stop)


def _folder(grid: Grid | None) -> Path:
    """Return the run directory of a grid, unless the user says."""
    if grid is None:
        raise ValueError("out must name the run directory, where workers look")
    name = file_name(f"{grid.config['task']}-{grid.config['scale']}")
    return Path("runs") / name


def _local(grid: Grid, run_dir: AnyPath, blocks: int | None) -> LocalFleet:
    """Let this process train, on all devices of this machine."""

    def engine(group: Group, n_cells: int) -> Engine:
        return sizing.build(
            group.setup, block_width=group.block_width, cells=n_cells, blocks=blocks
        )

    return LocalFleet(Worker(grid, [engine], run_dir))


def _remote(
    who: Workers, run_dir: AnyPath, platform: Platform | None
) -> "DaskFleet | None":
    """Let others train: processes of this machine, or whoever connects."""
    if who.is_local:
        return None
    # Imported late: most sweeps need neither the package nor the time it takes.
    from jaxgrok.fleet.dask_fleet import DaskFleet

    return DaskFleet(run_dir, who, platform)


def _first_worker(fleet: "DaskFleet", stop: Stop, *, quiet: bool) -> Hello:
    """Wait for the first worker: the grid is resolved for what it computes on."""
    if not quiet:
        words = f"waiting for workers: {fleet.invitation}"
        print(words, file=sys.stderr, flush=True)
    while not stop.is_set():
        if hello := fleet.first_hello():
            return hello
    raise Interrupted("stopped; no worker came", stop.exit_code)


def _introduce(coordinator: Coordinator, platform: Platform) -> None:
    """Say what is trained, where, and what of it is not as one may think."""
    coordinator.display.headline(platform)
    setups = (group.setup for group in coordinator.grid.groups)
    for line in filter(None, (machine.idle_cores(), *notes(setups, platform))):
        coordinator.display.say(line)


def _train(coordinator: Coordinator, stop: Stop) -> xr.Dataset:
    """Train all cells, and draw the figures."""
    archive = coordinator.archive
    try:
        dataset = archive.finish() if coordinator.train(stop) else None
    except OSError as error:
        raise _unwritable(error, archive.path, archive.ledger) from error
    except WorkersFailed as error:
        words = f"{error}; {_finished(archive.ledger)}; logs say more"
        raise Interrupted(words, FAILED) from error
    if dataset is None or stop.is_set():
        words = f"stopped; {_finished(archive.ledger)}"
        raise Interrupted(words, stop.exit_code)
    return dataset


def _resolved(
    config: ml_collections.ConfigDict, platform: Platform, who: Workers
) -> Grid:
    """Resolve a config; refuse what its devices cannot train."""
    grid = resolve(config)
    setups = [group.setup for group in grid.groups]
    refuse(setups, platform)
    if not who.is_local:
        return grid  # whose devices are not here to be asked for their memory
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
