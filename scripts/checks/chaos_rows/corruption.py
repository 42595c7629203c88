"""Damaged files are named, or harmless: no reader tells a wrong number.

Of small real runs (finished, cut off in flight, a crossover search) one file after the
other is deleted, truncated, swapped, flipped by a bit, zeroed, or put back to what it
was before; every kind of file as often as any other. Readers read each, and for a share
the same command goes on with it.
"""

import collections
import contextlib
import dataclasses
import functools
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

import jaxgrok
from chaos_rows.job import Job
from chaos_rows.mutations import (
    DESCRIPTIONS,
    KINDS,
    applied,
    by_kind,
    files_of,
    mutated,
)
from chaos_rows.specimens import Specimen, specimens, undrawn
from jaxgrok.crossover.report import read_table
from jaxgrok.host.files.paths import as_path
from jaxgrok.plots.tables import read_circuits
from jaxgrok.results.run import Run
from jaxgrok.results.status import read_status
from jaxgrok.verify.audit import audit

MUTATIONS = 2_400
QUICK = 12
"""Mutations of the short form, half of them of descriptions of snapshots."""
RESUMED_OF = 13
"""One in so many is followed by the same command again: no multiple of the KINDS."""


class Wrong(Exception):
    """A reader told a wrong number, or an error is not as promised."""


def run(job: Job) -> None:
    """Damage the runs, and count what came of it."""
    logging.set_verbosity(logging.ERROR)
    names = ("unfinished",) if job.quick else ("finished", "unfinished", "search")
    with undrawn():
        model = "mlp" if job.quick else "transformer"
        runs = specimens(job.work, names, model)
        job.say(files={one.name: len(files_of(one.path)) for one in runs})
        seconds = time.perf_counter()
        tally = Tally()
        n_each = (QUICK if job.quick else MUTATIONS) // len(runs)
        for one in runs:
            attack(Trial(one, job.work / "copy"), n_each, job, tally)
    n_all = n_each * len(runs)
    job.say(mutations=n_all, **vars(tally))
    job.say(seconds_each=round((time.perf_counter() - seconds) / n_all, 3))
    words = f"{n_all} mutations, {len(tally.wrong)} wrong, {dict(tally.counts)}"
    name = "damage is named, or harmless: never a wrong number"
    job.check(name, not tally.wrong, words)


@dataclasses.dataclass
class Tally:
    """What came of the mutations: by kind, by kind of file, and what was wrong."""

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    hits: collections.Counter[str] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)


def attack(trial: "Trial", n_mutations: int, job: Job, tally: Tally) -> None:
    """Damage one run so many times."""
    draw = random.Random(f"{trial.name} {job.seed}")
    for number in range(n_mutations):
        kind = KINDS[number % len(KINDS)]
        half = job.quick and number < n_mutations // 2
        what = DESCRIPTIONS if half else draw.choice(trial.kinds)
        resumed = number % RESUMED_OF == 0
        try:
            tally.counts.update(trial.damage(kind, what, draw, resumed=resumed))
            tally.hits[what] += 1
        except Exception as error:
            tally.wrong.append(f"{trial.words}: {error!r}"[:600])
        if number % 200 == 199:
            job.say(**vars(tally))


class Trial:
    """One run that is damaged again and again.

    Args:
        specimen: the run.
        copy: a folder for copies with which the same command goes on.

    Attributes:
        name: of the run.
        kinds: of the files that it has.
        words: what was damaged last.
    """

    def __init__(self, specimen: Specimen, copy: Path) -> None:
        self._one, self._copy = specimen, copy
        self.name = specimen.name
        self._files = files_of(specimen.path)
        self._by_kind = by_kind(specimen.path, self._files)
        self.kinds = [*self._by_kind]
        self._truth = read_all(specimen.path)
        if any(isinstance(value, Exception) for value in self._truth.values()):
            raise Wrong(f"{specimen.name} cannot be read: {self._truth}")
        self._whole = (specimen.whole / "cells.csv").read_bytes()
        self.words = ""

    def damage(
        self, kind: str, what: str, draw: random.Random, *, resumed: bool
    ) -> list[str]:
        """Damage a file in one way, read all, and mend it; return what to count.

        Args:
            kind: of damage.
            what: one of `kinds`, a file of which is damaged.
            draw: decides which, and where.
            resumed: whether the same command goes on with a copy.
        """
        file = draw.choice(self._by_kind[what])
        name = file.relative_to(self._one.path)
        older = self._one.older / name
        if not older.is_file() or older.read_bytes() == file.read_bytes():
            older = None
        changes = mutated(kind, file, self._files, older, draw)
        self.words = f"{self.name} {kind} {name}"
        if all(f.read_bytes() == content for f, content in changes.items()):
            return ["unchanged"]
        with applied(changes):
            noticed = self._check()
            if resumed:
                shutil.rmtree(self._copy, ignore_errors=True)
                shutil.copytree(self._one.path, self._copy)
        counts = [f"{kind} {'named' if noticed else 'harmless'}"]
        if resumed:
            counts.append(self._go_on())
        return counts

    def _check(self) -> bool:
        """Read the damaged run; whether anything of it was named."""
        answers = read_all(self._one.path)
        noticed = False
        for name, answer in answers.items():
            if isinstance(answer, Exception):
                noticed = True
                check_error(answer, self._one.path)
            elif not same(answer, self._truth[name]):
                raise Wrong(f"{name} is another")
        return noticed or answers["verify"] is None

    def _go_on(self) -> str:
        """Let the same command go on with a copy, whose results must be right."""
        self._one.train(self._copy)
        found = (self._copy / "cells.csv").read_bytes()
        if self.name != "search" and found != self._whole:
            raise Wrong("after the same command, cells.csv is another")
        if self.name == "search" and not set(found.splitlines()) >= set(
            line for line in self._whole.splitlines() if b",stopped," not in line
        ):
            raise Wrong("after the same command, a row of cells.csv is another")
        report = audit(as_path(self._copy))
        if not report.is_whole:
            raise Wrong(f"after the same command: {report}")
        return "gone on"


def read_all(path: Path) -> dict[str, Any]:
    """Read a run in every way; an error that readers may raise is an answer too."""
    # Once for all of these, which takes a third of the time.
    opened = functools.cache(lambda: jaxgrok.open(path))
    ways = {
        "load": lambda: jaxgrok.load(opened()),
        "cells": lambda: jaxgrok.cells(opened()),
        "curves": lambda: jaxgrok.curves(opened()),
        "snapshots": lambda: snapshots(opened()),
        "crossover": lambda: read_table(path),
        "circuits": lambda: circuits(path),
        "status": lambda: status(path),
        "verify": lambda: verify(path),
    }
    answers: dict[str, Any] = {}
    for name, read in ways.items():
        with answering(answers, name):
            answers[name] = read()
    return answers


@contextlib.contextmanager
def answering(answers: dict[str, Any], name: str) -> Iterator[None]:
    """Take an error that is promised for an answer."""
    try:
        yield
    except (ValueError, OSError) as error:
        answers[name] = error


def snapshots(run: Run) -> dict[int, Any]:
    """Read every snapshot of a run."""
    cells = run.indices_with_snapshots()
    return {index: jaxgrok.load_trajectory(run, index) for index in cells}


def circuits(path: Path) -> list[dict[str, Any]] | None:
    """Read what an analysis left; None where there is nothing."""
    table = path / "circuits.csv"
    return read_circuits(table) if table.exists() else None


def status(path: Path) -> Any:
    """Read what a run says of itself; a note makes an error of it."""
    found = read_status(as_path(path))
    if found.note:
        raise ValueError(found.note)
    return found.state, found.counts, found.cells


def verify(path: Path) -> dict[str, int] | None:
    """Verify a run: how its cells ended; None where it names a fault."""
    report = audit(as_path(path))
    return None if report.faults else report.counts


def check_error(error: Exception, path: Path) -> None:
    """Refuse an error that is no single line that names a file or folder of the run."""
    text = str(error)
    if str(path) not in text or "\n" in text or len(text) > 700:
        raise Wrong(f"an error as nobody wants it: {text[:300]}") from error


def same(one: Any, other: Any) -> bool:
    """Tell whether two answers are the same to the last bit."""
    if one is None:  # verify has named it, or it is not there
        return True
    if isinstance(one, dict) and one and isinstance(next(iter(one.values())), tuple):
        return one.keys() == other.keys() and all(
            np.array_equal(one[i][0], other[i][0])
            and all(np.array_equal(a, other[i][1][k]) for k, a in one[i][1].items())
            for i in one
        )
    if hasattr(one, "identical"):
        return bool(one.drop_attrs().identical(other.drop_attrs()))
    if hasattr(one, "equals"):
        return bool(one.equals(other))
    return bool(one == other)
