"""Run a grid into a run directory, or go on with one.

>>> dataset = run(config, out="runs/mine")
"""

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path

import ml_collections
import xarray as xr

from jaxgrok.engine.pace import Pace
from jaxgrok.engine.platform import Platform, notes
from jaxgrok.fleet.site import computing
from jaxgrok.grid.cells import Grid
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.host import machine, memory
from jaxgrok.host.command_line import FAILED
from jaxgrok.host.files import disk_errors
from jaxgrok.host.files.folder_lock import refuse_held
from jaxgrok.host.files.paths import AnyPath, UserPath, file_name
from jaxgrok.host.signals import INTERRUPTED, AskedToStop, Stop, asked_to_stop
from jaxgrok.host.terminal import number
from jaxgrok.results.finished_cell import OnCell
from jaxgrok.results.ledger import Ledger
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep import free_space
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.coordinator import Coordinator
from jaxgrok.sweep.crew import Crew, Resolved
from jaxgrok.sweep.intake import Intake, WorkersFailed
from jaxgrok.sweep.longest_first import Everything
from jaxgrok.sweep.options import Options
from jaxgrok.sweep.queue import Queue


class Interrupted(Exception):
    """The sweep stopped before its end: a signal, disk or memory; it can go on.

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
            bits; where a block of lanes surely exceeds a device's memory, or the
            results the disk.
        CallbackFailed: on_cell raised an error. Everything is saved by then, and the
            same call goes on behind that cell.
        Interrupted: after SIGINT, SIGTERM or SIGHUP, once everything is saved; where
            the directory cannot be written, once everything that fits is; and where
            memory runs out outside the training, which would compute less at a time.
    """
    options = Options(
        blocks=blocks,
        quiet=quiet,
        mixed_bits=mixed_bits,
        workers=workers,
        on_cell=on_cell,
        queue=queue,
        grid_file=grid_file,
        command=command,
    )
    return train(config, out, options)


def train(
    config: ml_collections.ConfigDict, out: UserPath | None, options: Options
) -> xr.Dataset:
    """Do what `run` does, with its keyword arguments as one object."""
    if out:
        refuse_held(out)
    with contextlib.ExitStack() as stack:
        platform = stack.enter_context(computing(options.who))
        # Before the directory is made: a config that makes no sense leaves nothing.
        crew = Crew(config, options, platform)
        # The lock comes first: two sweeps in one directory would mix their results.
        directory = stack.enter_context(RunDirectory(out or _folder(crew.resolved)))
        stop = stack.enter_context(asked_to_stop())
        stack.enter_context(crew)
        resolved = crew.gather(directory.path, stop)
        if resolved is None:
            raise Interrupted("stopped; no worker came", stop.exit_code)
        grid, platform = resolved
        archive = _opened(grid, directory, options, stop)
        fleet = crew.begin(directory.path, grid)
        queue, quiet, on_cell = options.queue, options.quiet, options.on_cell
        intake = Intake(grid, archive, fleet, queue, quiet=quiet, on_cell=on_cell)
        coordinator = Coordinator(intake)
        _introduce(coordinator, platform, options.blocks)
        return _finish(coordinator, stop)


def _opened(
    grid: Grid, directory: RunDirectory, options: Options, stop: Stop
) -> Archive:
    """Read what the directory has; nothing is in memory alone while that takes."""
    archive = functools.partial(
        Archive,
        grid,
        directory,
        options.grid_file,
        command=options.command,
        mixed_bits=options.mixed_bits,
    )
    try:
        return stop.broken_off(archive)
    except AskedToStop:
        raise Interrupted("stopped; nothing was trained", stop.exit_code) from None


def _folder(resolved: Resolved | None) -> Path:
    """Return the run directory of a grid, unless the user says."""
    if resolved is None:
        raise ValueError("out must name the run directory, where workers look")
    config = resolved.grid.config
    return Path("runs") / file_name(f"{config['task']}-{config['scale']}")


def _introduce(
    coordinator: Coordinator, platform: Platform, blocks: int | None
) -> None:
    """Say what is trained, where, and what of it is not as one may think.

    Raises:
        ValueError: not even the results fit on the disk.
    """
    display, grid = coordinator.display, coordinator.grid
    display.headline(platform)
    setups = (group.setup for group in grid.groups)
    lines = [machine.idle_cores(), *notes(setups, platform)]
    # How many cells a search trains nobody knows.
    if coordinator.queue.total is not None:
        archive = coordinator.archive
        ended = {row["id"] for row in archive.standing_rows()}
        n_blocks = blocks or platform.devices
        lines += free_space.check(grid, ended, archive.path, blocks=n_blocks)
    for line in filter(None, lines):
        display.say(line)


def _finish(coordinator: Coordinator, stop: Stop) -> xr.Dataset:
    """Train all cells, and draw the figures."""
    archive = coordinator.archive
    try:
        is_over = coordinator.train(stop)
        dataset = stop.broken_off(archive.finish) if is_over else None
    except AskedToStop:
        dataset = None  # every cell is trained; the same call draws the figures
    except WorkersFailed as error:
        words = f"{error}; {_finished(archive.ledger)}; logs say more"
        raise Interrupted(words, FAILED) from error
    except Exception as error:
        if memory.ran_out(error):
            raise _exhausted(error, archive) from error
        if isinstance(error, OSError):
            raise _unwritable(error, archive.path, archive.ledger) from error
        raise
    if dataset is None or stop.is_set():
        words = f"stopped; {_finished(archive.ledger)}"
        raise Interrupted(words, stop.exit_code)
    return dataset


def _unwritable(error: OSError, path: AnyPath, ledger: Ledger) -> Interrupted:
    """Return what to raise where a run directory cannot be written."""
    advice = disk_errors.way_out(error)
    return Interrupted(
        f"out={path} cannot be written ({error.strerror or error}); "
        f"{_finished(ledger)}{'; ' * bool(advice)}{advice}",
        FAILED,
    )


def _exhausted(error: Exception, archive: Archive) -> Interrupted:
    """Return what to raise where memory ran out, once what is finished is written."""
    archive.leave()
    words = f"{memory.in_words(error)}; {_finished(archive.ledger)}"
    return Interrupted(f"{words}; --blocks=1 takes the least", FAILED)


def _finished(ledger: Ledger) -> str:
    """Say how many cells are finished."""
    return f"{number(len(ledger), 'cell')} finished"
