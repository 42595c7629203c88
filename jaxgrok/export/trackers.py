"""Curves in experiment trackers, after the fact: one tracker run a cell.

A tracker run has the axes of its cell as hyper-parameters, every plain curve (losses,
accuracies, weight norms and the like) over steps, and the columns of cells.csv as its
outcome.

>>> export_tensorboard("runs/mine", out="tensorboard")      # tensorboard --logdir …
>>> export_wandb("runs/mine", cell="seed=0", out="wandb", project="grokking")
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from jaxgrok.grid.selector import Selector
from jaxgrok.host.files.atomic_files import atomic_folder, check_writable
from jaxgrok.host.files.paths import AnyPath, UserPath, as_path, remove_tree
from jaxgrok.host.packages import needed
from jaxgrok.results.run import Run, RunOrPath, open_run

INDEX = ("cell", "id", "step")
"""Columns of a frame of curves that are neither axes nor curves."""


@dataclass(frozen=True)
class TrackerRun:
    """What a tracker is told of a cell.

    Attributes:
        label: name of the cell, by its axes.
        axes: its axis values.
        outcome: columns of cells.csv that it has a value for.
        curves: one row a step: `step`, and the values of the curves.
    """

    label: str
    axes: dict[str, Any]
    outcome: dict[str, Any]
    curves: pd.DataFrame

    def scalars(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield each step and the values that were recorded at it."""
        for row in self.curves.to_dict("records"):
            step = int(row.pop("step"))
            yield step, {k: float(v) for k, v in row.items() if pd.notna(v)}


def tracker_runs(run: Run, cell: Selector | None = None) -> Iterator[TrackerRun]:
    """Yield what is told of each of some cells that has ended, in cell order.

    Raises:
        ValueError: none of them has ended.
    """
    curves = dict(tuple(run.curves().groupby("cell")))
    names = list(run.manifest.axes)
    chosen = range(len(run)) if cell is None else run.matching(cell)
    ended = [row for row in run.cells().to_dict("records") if row["cell"] in chosen]
    if not ended:
        raise ValueError("no such cell has ended yet")
    for row in ended:
        index = row["cell"]
        axes = {name: row[name] for name in names}
        outcome = {
            name: _plain(value)
            for name, value in row.items()
            if name not in (*INDEX, *names) and pd.notna(value) and value != ""
        }
        table = curves.get(index, pd.DataFrame({"step": []}))
        kept = [name for name in table if name not in ("cell", "id", *names)]
        yield TrackerRun(run.cell(index).label, axes, outcome, table[kept])


def export_tensorboard(
    run: RunOrPath, *, cell: Selector | None = None, out: UserPath
) -> int:
    """Write event files, a folder a cell.

    Args:
        run: a run or its directory.
        cell: which cells; all that have ended by default.
        out: a folder that does not exist or is empty.

    Returns:
        The number of cells.

    Raises:
        ValueError: there is no such cell, `out` has files, or tensorboardX is not
            installed.
        FileNotFoundError: there is no run directory.
    """
    writers = needed("tensorboardX", extra="tensorboard")
    opened, folder = open_run(run), _fresh(out)
    with atomic_folder(folder) as partial:
        return _write_events(writers, opened, cell, partial)


def _write_events(
    writers: ModuleType, run: Run, cell: Selector | None, folder: Path
) -> int:
    """Write the event files of cells, a folder each; return their number."""
    count = 0
    for told in tracker_runs(run, cell):
        with writers.SummaryWriter(str(folder / told.label)) as writer:
            for step, values in told.scalars():
                for name, value in values.items():
                    writer.add_scalar(name, value, step)
            numbers = {
                f"outcome/{name}": float(value)
                for name, value in told.outcome.items()
                if not isinstance(value, str)
            }
            # `add_hparams` would open a second file, maybe of the same name.
            for summary in writers.summary.hparams(told.axes, numbers):
                writer.file_writer.add_summary(summary)
            for name, value in numbers.items():
                writer.add_scalar(name, value, told.outcome.get("steps"))
        count += 1
    return count


def export_wandb(
    run: RunOrPath,
    *,
    cell: Selector | None = None,
    out: UserPath,
    project: str | None = None,
) -> int:
    """Write runs of Weights & Biases; with WANDB_MODE=offline nothing is sent.

    After an error nothing is left in `out`; what was sent before it stays sent.

    Args:
        run: a run or its directory.
        cell: which cells; all that have ended by default.
        out: a folder that does not exist or is empty, for what wandb keeps.
        project: of wandb; by default the run's name.

    Returns:
        The number of cells.

    Raises:
        ValueError: there is no such cell, `out` has files, or wandb is not installed.
        FileNotFoundError: there is no run directory.
    """
    wandb = needed("wandb", extra="wandb")
    opened, folder = open_run(run), _fresh(out)
    told = list(tracker_runs(opened, cell))
    place = {"project": project or opened.path.name, "group": opened.path.name}
    with _filled(folder) as on_disk:
        _log(wandb, told, on_disk, place)
    return len(told)


def _log(
    wandb: ModuleType, told: Sequence[TrackerRun], folder: Path, place: dict[str, str]
) -> None:
    """Log runs of Weights & Biases, which keeps its files in a folder."""
    try:
        for one in told:
            tracked = wandb.init(
                name=one.label, config=one.axes, dir=str(folder), **place
            )
            for step, values in one.scalars():
                tracked.log(values, step=step)
            tracked.summary.update(one.outcome)
            tracked.finish()
    except wandb.errors.Error as error:
        raise ValueError(f"wandb: {error}; or set WANDB_MODE=offline") from None
    finally:
        # Its service may still write what a run has finished.
        wandb.teardown()


@contextlib.contextmanager
def _filled(folder: AnyPath) -> Iterator[Path]:
    """Yield a folder on a disk to write to; after an error, leave what was there.

    No folder beside is renamed in the end: wandb says, as it goes, where its files lie.
    What is for a store is sent there in the end.
    """
    if not isinstance(folder, Path):
        with atomic_folder(folder) as copy:
            copy.mkdir()
            yield copy
        return
    existed = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        remove_tree(folder)
        if existed:
            folder.mkdir()
        raise


def _fresh(out: UserPath) -> AnyPath:
    """Return a folder that holds nothing yet."""
    folder = as_path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"--out {out} holds something already; name a new folder")
    check_writable(folder.parent)
    return folder


def _plain(value: Any) -> Any:
    """Return a NumPy or pandas number as Python's own."""
    return value.item() if hasattr(value, "item") else value
