"""Small real runs to be damaged: a finished one, one cut off in flight, a search."""

import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from matplotlib.figure import Figure

import jaxgrok
import searches
import tiny
from jaxgrok.analyse.survey import survey, write_survey
from jaxgrok.crossover.find import find
from jaxgrok.fleet import chores
from jaxgrok.fleet.chores import Period
from jaxgrok.sweep import coordinator, run
from runs import StopAfter

FIELDS = {"seed": (0, 1, 2), "weight_decay": (0.0, 1.0), "snapshots": "all"}
FIELDS |= {"snapshot_every": 20, "snapshot_early_until": 0, "steps": (40,)}


@dataclasses.dataclass(frozen=True)
class Specimen:
    """A run to be damaged.

    Attributes:
        name: of it.
        path: its directory.
        older: the directory of the same run at an earlier moment.
        whole: the directory of the same run when all of it is trained.
        train: the command that made it, given a directory.
    """

    name: str
    path: Path
    older: Path
    whole: Path
    train: Callable[[Path], object]


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Leave figures empty: drawing them takes longer than training does."""

    def touch(self: Figure, path: Path, **how: object) -> None:
        path.touch()

    with mock.patch.object(Figure, "savefig", touch):
        yield


def sweep(out: Path, model: str) -> object:
    """Train the small grid, or go on with it."""
    config = tiny.config(**FIELDS, model=model)
    return jaxgrok.run(config, out, blocks=1, quiet=True)


def search(out: Path) -> object:
    """Search the small grid, or go on with it."""
    config = searches.config(model="transformer")
    return find(config, out, width=searches.WIDTH, blocks=2, quiet=True)


def cut_off(out: Path, asked: int, train: Callable[[Path], object]) -> None:
    """Stop a run once it was asked so many times; it saves at every moment."""

    @contextlib.contextmanager
    def stopping() -> Iterator[StopAfter]:
        yield StopAfter(asked)

    periods = chores.PERIODS | {
        name: Period(0.0, spacing=0) for name in ("flush", "save", "tables")
    }
    with (
        mock.patch.object(run, "asked_to_stop", stopping),
        mock.patch.object(coordinator, "ANSWER_SECONDS", 0.0),
        mock.patch.object(chores, "PERIODS", periods),
        contextlib.suppress(run.Interrupted),
    ):
        train(out)


def specimens(work: Path, names: tuple[str, ...], model: str) -> list[Specimen]:
    """Make the runs that are named: "finished", "unfinished", "search"."""
    made = []
    train = functools.partial(sweep, model=model)
    if {"finished", "unfinished"} & set(names):
        early, late, whole = (work / name for name in ("early", "late", "whole"))
        cut_off(early, 40, train)
        shutil.copytree(early, late)
        cut_off(late, 30, train)
        shutil.copytree(late, whole)
        train(whole)
        made.append(Specimen("unfinished", late, early, whole, train))
        if "finished" in names:
            write_survey(survey(whole), whole)
        made.append(Specimen("finished", whole, late, whole, train))
    if "search" in names:
        early, whole = work / "search-early", work / "search"
        cut_off(early, 60, search)
        shutil.copytree(early, whole)
        search(whole)
        made.append(Specimen("search", whole, early, whole, search))
    return [one for one in made if one.name in names]
