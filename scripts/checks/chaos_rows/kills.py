"""SIGKILL at any moment, then the same command again.

A run is killed where it was seen to be, again and again, then trained to its end. What
it leaves has to be what a run leaves that nobody disturbed.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from chaos_rows import hooks, leash, tiny_grids
from chaos_rows.forks import SEARCH, SWEEP, Forks
from chaos_rows.job import Job
from chaos_rows.places import ENDING, FILES, PLACES, STARTING, moment

ROOT = Path(__file__).resolve().parents[3]
SAMENESS = "chaos_rows.sameness"
ANYWHERE = "anywhere"
SKIPS = (0, 1, 2, 4, 9)
"""Times that one of OFTEN is passed before the kill: one of these."""
OFTEN = {"refill", "chunk", "evaluation"} | {f for f in FILES if "a save" in f}
IN_TREE = "inside a snapshot's tree"
HALFWAY = (
    "refill",
    IN_TREE,
    "inside the write of a save",
    "before the rename of results",
)
"""Places of a short form before the end."""
LANES = 2
STEPS = 120
BUDGET = 1200
"""Lane-steps of a search."""


class Size(NamedTuple):
    """How many kills there are of what."""

    sweeps: int
    searches: int
    starts: int


WHOLE, QUICK = Size(300, 60, 24), Size(2, 1, 1)


class Kills:
    """Kills runs, and keeps count of where."""

    def __init__(self, job: Job, forks: Forks) -> None:
        self.job, self.forks = job, forks
        self.chance = job.random()
        self.counts: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()
        """Exit codes of runs that ended before they came to the place."""

    def kill(self, function: str, words: list[str], place: str) -> bool:
        """Run a command and kill it there; False where it ended before."""
        is_known = place not in (ANYWHERE, IN_TREE)
        hold = partial(
            hooks.hold,
            place="opening" if place == ANYWHERE else place,
            skip=self._skip(place),
            seconds=hooks.HELD if is_known else 0.0,
            seed=self.chance.randrange(2**32),
        )
        run = self.forks.begin(function, words, partial(hooks.hurry), hold)
        if not run.reaches_place():
            self.codes[run.wait()] += 1
            return False
        if not is_known:
            time.sleep(self.chance.uniform(0, 3.0 if place == ANYWHERE else 0.1))
        run.kill()
        code = run.wait()
        if code != -signal.SIGKILL:
            self.codes[code] += 1
            return False
        self.counts[place] += 1
        return True

    def _skip(self, place: str) -> int:
        """Return how often a place is passed before; a short form comes there once."""
        is_often = place in OFTEN and not self.job.quick
        return self.chance.choice(SKIPS) if is_often else 0

    def places(self) -> Iterator[str]:
        """Yield places in an order of chance, those of the end of a run last."""
        front = [place for place in PLACES if place not in ENDING] + [ANYWHERE] * 4
        if self.job.quick:
            yield from (self.chance.choice(HALFWAY), self.chance.choice(ENDING))
            return
        for places in (front, list(ENDING)):
            yield from self.chance.sample(places, len(places))

    def say(self, **facts: object) -> None:
        """Say how many kills there were, and where they fell."""
        fell: Counter[str] = Counter()
        for place, count in self.counts.items():
            fell[moment(place)] += count
        self.job.say(**facts, kills=self.counts.total(), fell=dict(fell.most_common()))


def run(job: Job) -> None:
    """Kill sweeps, searches, and processes that have not come to Python's main."""
    size = QUICK if job.quick else WHOLE
    environment = tiny_grids.environment(job.work / "cache", job.quick)
    environment["JAX_NUM_CPU_DEVICES"] = "1"
    first = [partial(hooks.draw_nothing)] if job.quick else []
    with Forks(job.work / "log.txt", environment, *first) as forks:
        kills = Kills(job, forks)
        grid = tiny_grids.sweep(job.work, job.quick)
        _kill_starts(kills, size.starts, grid, os.environ | environment)
        _kill_sweeps(kills, size.sweeps, grid)
        _kill_searches(kills, size.searches)
    kills.say(places=dict(kills.counts.most_common()), unkilled=dict(kills.codes))
    words = f"{kills.counts.total()} kills"
    job.check("as many kills as meant", kills.counts.total() >= sum(size), words)
    bad = {code: n for code, n in kills.codes.items() if code}
    job.check("no run ended by itself with an error", not bad, str(bad or ""))


def _words(grid: Path, out: Path, *more: str) -> list[str]:
    return ["--grid", str(grid), "--out", str(out), *more]


def _sweep(job: Job, number: int) -> Path:
    return job.work / f"sweep-{number}"


def _kill_sweeps(kills: Kills, least: int, grid: Path) -> None:
    """Kill sweeps until there were so many kills; compare each once it has ended."""
    job, forks = kills.job, kills.forks
    whole = job.work / "sweep"
    assert forks.whole(SWEEP, _words(grid, whole, "--blocks=1")) == 0
    different: dict[str, list[str]] = {}
    before, done = kills.counts.total(), 0
    while kills.counts.total() - before < least:
        out = _sweep(job, done)
        words = _words(grid, out, "--blocks=1")
        is_over = False
        for place in kills.places():
            if kills.counts.total() - before >= least:
                break
            # What has ended comes to no other places.
            if not is_over or place in ENDING:
                is_over |= not kills.kill(SWEEP, words, place)
        code = forks.whole(SWEEP, words)
        found = [f"code {code}"]
        if code == 0:
            found = forks.call(f"{SAMENESS}:differences", str(out), str(whole))
        if found:
            different[out.name] = found
        done += 1
        kills.say(sweeps=done, sweep_kills=kills.counts.total() - before)
        if not found:
            shutil.rmtree(out)
    words = f"{done} sweeps, {kills.counts.total() - before} kills {different or ''}"
    job.check("tables, curves and snapshots are the same bytes", not different, words)


def _kill_searches(kills: Kills, least: int) -> None:
    """Kill crossover searches; compare what they and an undisturbed one trained."""
    job, forks = kills.job, kills.forks
    grid, whole = tiny_grids.search(job.work, job.quick), job.work / "search"
    more = ("--blocks=1", f"--budget={BUDGET}", "--width=1.5")
    assert forks.whole(SEARCH, _words(grid, whole, *more)) == 0
    front = ["chunk", "refill", "evaluation", "opening", "compiling", ANYWHERE]
    files = ["inside the write of a save", "before the rename of results"]
    files += ["after the rename of a save", "after the rename of results"]
    places = itertools.cycle([*front, *files])
    broken, shared, done = [], 0, 0
    before = kills.counts.total()
    # What is in the lanes as the budget is spent is trained to its end.
    most = BUDGET + LANES * STEPS
    while kills.counts.total() - before < least:
        out = job.work / f"search-{done}"
        words = _words(grid, out, *more)
        for place in itertools.islice(places, min(12, least)):
            kills.kill(SEARCH, words, place)
        code = forks.whole(SEARCH, words)
        faults, common = [f"code {code}"], 0
        if code == 0:
            paths = str(out), str(whole)
            faults, common = forks.call(f"{SAMENESS}:search_faults", *paths, most)
        broken += [f"{out.name}: {fault}" for fault in faults]
        shared, done = shared + common, done + 1
        kills.say(searches=done, search_kills=kills.counts.total() - before)
    text = f"{done} searches, {kills.counts.total() - before} kills, {shared} trainings"
    job.check(
        "searches: what two trained is equal, one row a cell, the budget is kept",
        not broken and shared > 0,
        f"{text} {broken or ''}",
    )


def _kill_starts(
    kills: Kills, least: int, grid: Path, environment: dict[str, str]
) -> None:
    """Kill processes while they start and import what the first sweep needs."""
    for _ in range(least):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jaxgrok.sweep",
                *_words(grid, _sweep(kills.job, 0)),
            ],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=leash.end_with_parent,
        )
        time.sleep(kills.chance.uniform(0, 1.5))
        process.kill()
        kills.counts[STARTING] += process.wait() == -signal.SIGKILL
    kills.say()
