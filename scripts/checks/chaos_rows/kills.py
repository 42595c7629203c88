"""SIGKILL at any moment, then the same command again.

A run is killed where it was seen to be, again and again, then trained to its end. What
it leaves has to be what a run leaves that nobody disturbed.
"""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from chaos_rows import sameness, tiny_grids
from chaos_rows.forks import Forks
from chaos_rows.job import Job
from chaos_rows.places import ENDING, FILES, PLACES
from jaxgrok.results.run import open_run

ROOT = Path(__file__).resolve().parents[3]
SWEEP, SEARCH = "jaxgrok.sweep.__main__", "jaxgrok.crossover.__main__"
ANYWHERE = "anywhere"
STARTING = "starting Python"
SKIPS = (0, 1, 2, 4, 9)
"""Times that one of OFTEN is passed before the kill: one of these."""
OFTEN = {"refill", "chunk", "evaluation"} | {f for f in FILES if "a save" in f}
LANES = 2
STEPS = 120
BUDGET = 1200
"""Lane-steps of a search."""


class Kills:
    """Kills runs, and keeps count of where."""

    def __init__(self, job: Job, forks: Forks) -> None:
        self.job, self.forks = job, forks
        self.chance = job.random()
        self.counts: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()
        """Exit codes of runs that ended before they came to the place."""

    def kill(self, module: str, words: list[str], place: str) -> bool:
        """Run a command and kill it there; False where it ended before."""
        is_known = place not in (ANYWHERE, "inside a snapshot's tree")
        self.forks.begin(
            module,
            words,
            place="opening" if place == ANYWHERE else place,
            skip=self.chance.choice(SKIPS) if place in OFTEN else 0,
            hold=3600.0 if is_known else 0.0,
            seed=self.chance.randrange(2**32),
        )
        if not self.forks.reaches_place():
            self.codes[self.forks.wait()] += 1
            return False
        if not is_known:
            time.sleep(self.chance.uniform(0, 3.0 if place == ANYWHERE else 0.1))
        with contextlib.suppress(ProcessLookupError):
            self.forks.send(signal.SIGKILL)
        code = self.forks.wait()
        if code != -signal.SIGKILL:
            self.codes[code] += 1
            return False
        self.counts[place] += 1
        return True

    def places(self) -> Iterator[str]:
        """Yield places in an order of chance, those of the end of a run last."""
        front = [place for place in PLACES if place not in ENDING] + [ANYWHERE] * 4
        for places, few in ((front, 2), (list(ENDING), 1)):
            n_places = few if self.job.quick else len(places)
            yield from self.chance.sample(places, n_places)


def run(job: Job) -> None:
    """Kill sweeps, searches, and processes that have not come to Python's main."""
    n_sweeps, n_searches, n_starts = (3, 0, 0) if job.quick else (300, 60, 24)
    for old in job.work.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    environment = tiny_grids.environment(job.work / "cache", job.quick)
    environment["JAX_NUM_CPU_DEVICES"] = "1"
    with Forks(job.work / "log.txt", environment) as forks:
        kills = Kills(job, forks)
        _kill_sweeps(kills, n_sweeps)
        if n_searches:
            _kill_searches(kills, n_searches)
    if n_starts:
        _kill_starts(kills, n_starts, os.environ | environment)
    job.say(kills=kills.counts.total(), fell=dict(kills.counts.most_common()))
    job.say(unkilled=dict(kills.codes))
    total = n_sweeps + n_searches + n_starts
    words = f"{kills.counts.total()} kills"
    job.check("as many kills as meant", kills.counts.total() >= total, words)
    bad = {code: n for code, n in kills.codes.items() if code}
    job.check("no run ended by itself with an error", not bad, str(bad or ""))


def _words(grid: Path, out: Path, *more: str) -> list[str]:
    return ["--grid", str(grid), "--out", str(out), *more]


def _kill_sweeps(kills: Kills, least: int) -> None:
    """Kill sweeps until there were so many kills; compare each once it has ended."""
    job, forks = kills.job, kills.forks
    grid = tiny_grids.sweep(job.work, seeds=1 if job.quick else 2)
    whole = job.work / "sweep"
    assert forks.whole(SWEEP, _words(grid, whole, "--blocks=1")) == 0
    different: dict[str, list[str]] = {}
    before, done = kills.counts.total(), 0
    while kills.counts.total() - before < least:
        out = job.work / f"sweep-{done}"
        words = _words(grid, out, "--blocks=1")
        is_over = False
        for place in kills.places():
            if kills.counts.total() - before >= least:
                break
            # What has ended comes to no other places.
            if not is_over or place in ENDING:
                is_over |= not kills.kill(SWEEP, words, place)
        code = forks.whole(SWEEP, words, hurry=False)
        found = sameness.differences(out, whole) if code == 0 else [f"code {code}"]
        if found:
            different[out.name] = found
        done += 1
        job.say(sweeps=done, sweep_kills=kills.counts.total() - before)
        if not found:
            shutil.rmtree(out)
    words = f"{done} sweeps, {kills.counts.total() - before} kills {different or ''}"
    job.check("tables, curves and snapshots are the same bytes", not different, words)


def _kill_searches(kills: Kills, least: int) -> None:
    """Kill crossover searches; compare what they and an undisturbed one trained."""
    job, forks = kills.job, kills.forks
    grid, whole = tiny_grids.search(job.work), job.work / "search"
    more = ("--blocks=1", f"--budget={BUDGET}", "--width=1.5")
    assert forks.whole(SEARCH, _words(grid, whole, *more)) == 0
    front = ["refill", "chunk", "evaluation", "opening", "compiling", ANYWHERE]
    files = ["inside the write of a save", "before the rename of results"]
    files += ["after the rename of a save", "after the rename of results"]
    places = itertools.cycle([*front, *files])
    broken, shared, done = [], 0, 0
    before = kills.counts.total()
    while kills.counts.total() - before < least:
        out = job.work / f"search-{done}"
        words = _words(grid, out, *more)
        for place in itertools.islice(places, min(12, least)):
            kills.kill(SEARCH, words, place)
        code = forks.whole(SEARCH, words, hurry=False)
        faults, common = _search_faults(out, whole) if code == 0 else ([str(code)], 0)
        broken += [f"{out.name}: {fault}" for fault in faults]
        shared, done = shared + common, done + 1
        job.say(searches=done, search_kills=kills.counts.total() - before)
    words = (
        f"{done} searches, {kills.counts.total() - before} kills, {shared} trainings"
    )
    job.check(
        "searches: what two trained is equal, one row a cell, the budget is kept",
        not broken and shared > 0,
        f"{words} {broken or ''}",
    )


def _search_faults(out: Path, whole: Path) -> tuple[list[str], int]:
    """Return what is wrong with a search, and how many trainings both made."""
    faults = [f"two rows of {cell_id}" for cell_id in sameness.repeated_cells(out)]
    found, want = (open_run(path).results for path in (out, whole))
    both = [
        cell_id
        for cell_id in found.keys() & want.keys()
        if found[cell_id].status == want[cell_id].status == "done"
    ]
    for cell_id in both:
        faults += sameness.different_result(found[cell_id], want[cell_id])
    spent = sum(row["steps"] for row in open_run(out).rows())
    # What is in the lanes as the budget is spent is trained to its end.
    if spent > BUDGET + LANES * STEPS:
        faults.append(f"{spent} lane-steps of {BUDGET}")
    return faults, len(both)


def _kill_starts(kills: Kills, least: int, environment: dict[str, str]) -> None:
    """Kill processes while they start and import, then run the same to its end."""
    job, whole = kills.job, kills.job.work / "sweep"
    words = _words(job.work / "grid.py", job.work / "started", "--blocks=1")
    command = [sys.executable, "-m", "jaxgrok.sweep", *words]
    for _ in range(least):
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(kills.chance.uniform(0, 1.5))
        process.kill()
        kills.counts[STARTING] += process.wait() == -signal.SIGKILL
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True)
    found = [f"code {ended.returncode}: {ended.stderr.decode()[-300:]}"]
    if ended.returncode == 0:
        found = sameness.differences(job.work / "started", whole)
    job.check("killed while Python starts", not found, f"{least} kills {found or ''}")
