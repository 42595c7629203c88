"""Disks that refuse: every write, fsync, rename and new file of a run fails.

A library between the process and the system counts the calls below the run directory
of a run that nothing disturbs. Then a call of each place fails, in every way that disks
have, once and from then on, and the same command is run again, on a good disk or into
the next fault.
"""

import errno
import functools
import itertools
import math
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tiny
from chaos_rows import hooks, tiny_grids
from chaos_rows.bad_disks import SHORT, BadDisk, Ended, Fault
from chaos_rows.forks import SEARCH, SWEEP
from chaos_rows.job import Job
from jaxgrok.host.files.disk_errors import WAYS_OUT

SAMENESS = "chaos_rows.sameness"
NUMBERS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)
CHAIN = 8
"""Faults at most of one run directory, one after the other."""
QUICK = 4
"""Faults of the short form."""
SMALLER = (
    "--grid.seed=(0, 1)",
    "--grid.steps=(20,)",
    "--grid.measures=none",
    "--grid.model=mlp",
)
"""Of the sweep of the short form."""
LATER = re.compile(r"(write|fsync|rename) /(resume|curves|checkpoints)/")
"""Places of the short form."""
MOST = 10**9
"""Lane-steps of a search: what was lost is trained again."""
SAID_EVERY = 10
"""Run directories between two answers."""
SAID = 300
"""Characters of what a command said that are kept."""


class Command(NamedTuple):
    """A command line that is run on bad disks.

    Attributes:
        name: of it.
        function: its main, as MODULE:FUNCTION.
        words: its arguments but for the run directory.
        rounds: faults of each place, of ten that there are.
    """

    name: str
    function: str
    words: tuple[str, ...]
    rounds: int = 10


def run(job: Job) -> None:
    """Fail the calls of sweeps, and of searches in the full form."""
    environment = tiny_grids.environment(job.work / "cache", job.quick)
    environment |= {"JAX_NUM_CPU_DEVICES": "1", "NPROC": "1"}
    grid = tiny_grids.one_program(job.work)
    words = (f"--grid={grid}", "--blocks=1")
    words += SMALLER if job.quick else ()
    commands = [Command("sweep", SWEEP, words)]
    if not job.quick:
        words = (f"--grid={tiny_grids.search(job.work)}", "--blocks=1", "--budget=1200")
        words += ("--width=1.5",)
        # Most of its places are a sweep's.
        commands.append(Command("search", SEARCH, words, rounds=2))
    # In full too: hundreds of runs compile more than they compute.
    environment["XLA_FLAGS"] = tiny.UNOPTIMISED
    with BadDisk(job.work, environment, functools.partial(hooks.draw_nothing)) as disk:
        for command in commands:
            Faults(job, disk, command).play()


class Faults:
    """Fails a command in every way, and keeps what was not as promised."""

    def __init__(self, job: Job, disk: BadDisk, command: Command) -> None:
        self.job, self.disk, self.command = job, disk, command
        self.whole = job.work / command.name
        self.calls: list[str] = []
        """Of a run on a good disk."""
        self.broken: list[str] = []
        self.carried_on: Counter[str] = Counter()
        """Places whose failure ended no run."""
        self.n_struck = self.n_done = 0

    def play(self) -> None:
        """Count the calls of a whole run, then fail them; add the checks."""
        job, name = self.job, self.command.name
        ended = self._run(self.whole)
        words = ended.said[-SAID:] if ended.code else ""
        job.check(f"{name}: on a good disk it ends well", ended.code == 0, words)
        self.calls = ended.calls
        if job.quick:
            chains = [*short_plan(self.calls, job.random())]
        else:
            chains = [*full_plan(self.calls, job.random(), self.command.rounds)]
        n_faults = sum(map(len, chains))
        facts = {"calls": len(self.calls), "places": len({*self.calls})}
        job.say(**{name: facts | {"faults": n_faults}})
        missed = []
        for chain in chains:
            missed += self._fail_all(chain)
        # A run that goes on may not come to a place that one from the start comes to.
        for fault in missed:
            self._fail_all([fault])
        struck = f"{self.n_struck} of {n_faults}"
        enough = self.n_struck >= 0.9 * n_faults > 0
        job.check(f"{name}: the faults were reached", enough, struck)
        what = "one clear line, readable, and then the same bytes"
        words = f"{self.n_struck} faults, {len(self.broken)} broken"
        job.check(f"{name}: {what}", not self.broken, f"{words} {self.broken or ''}")

    def _run(self, out: Path, fault: Fault | None = None) -> Ended:
        words = [*self.command.words, f"--out={out}"]
        return self.disk.run(self.command.function, words, out, fault)

    def _fail_all(self, chain: list[Fault]) -> list[Fault]:
        """Run a command into one fault after the other, then to its end.

        Returns:
            The faults that were not reached.
        """
        out = self.job.work / f"bad-{self.command.name}"
        missed, before = [], 0
        for fault in chain:
            after = position(self.calls, fault)
            # The run goes on from about there, and its calls are counted anew.
            call = max(self.calls[before:after].count(fault.place), 1)
            if not self._fail(fault._replace(call=call), out):
                missed.append(fault)
            before = after
        ended = self._run(out)
        wrong = [f"no end, code {ended.code}: {ended.said[-SAID:]}"]
        if ended.code == 0:
            wrong = self._differences(out)
        shutil.rmtree(out)
        self.broken += [f"behind {'; '.join(map(str, chain))}: {w}" for w in wrong]
        self.n_done += 1
        if self.n_done % SAID_EVERY == 0 or wrong:
            self._say()
        return missed

    def _fail(self, fault: Fault, out: Path) -> bool:
        """Run the command into a fault; whether that was reached."""
        ended = self._run(out, fault)
        self.n_struck += ended.is_struck
        wrong = misspoken(ended, fault, out)
        wrong += self.disk.forks.call(f"{SAMENESS}:unreadable", str(out))
        if ended.code == 0 and ended.is_struck:
            self.carried_on[fault.place] += 1
            wrong += [f"carried on, {what}" for what in self._differences(out)]
        self.broken += [f"{fault}: {what}" for what in wrong]
        return ended.is_struck

    def _differences(self, out: Path) -> list[str]:
        """Return what differs from the whole run, of a search in what both trained."""
        paths = str(out), str(self.whole)
        if self.command.name == "sweep":
            found: list[str] = self.disk.forks.call(f"{SAMENESS}:differences", *paths)
        else:
            function = f"{SAMENESS}:search_faults"
            found, _ = self.disk.forks.call(function, *paths, MOST)
        return found

    def _say(self) -> None:
        name = self.command.name
        self.job.say(
            **{
                f"{name}, so far": f"{self.n_struck} faults in {self.n_done} runs",
                f"{name}, carried on": dict(self.carried_on),
                f"{name}, broken": self.broken,
            }
        )


def full_plan(
    calls: list[str], chance: random.Random, rounds: int
) -> Iterator[list[Fault]]:
    """Yield chains with a fault of each place, error and duration, in some rounds.

    Those of a chain lie far apart, in the order in which a run comes to them.
    """
    kinds = [(number, stays) for number in (*NUMBERS, SHORT) for stays in (False, True)]
    counts = Counter(calls)
    for round_ in range(rounds):
        faults = []
        for index, (place, n_calls) in enumerate(counts.items()):
            number, stays = kinds[(index + round_) % len(kinds)]
            if number != SHORT or place.startswith("write"):
                faults.append(Fault(place, chance.randint(1, n_calls), number, stays))
        faults.sort(key=functools.partial(position, calls))
        n_chains = math.ceil(len(faults) / CHAIN)
        yield from (faults[first::n_chains] for first in range(n_chains))


def position(calls: list[str], fault: Fault) -> int:
    """Return how many calls a run has made with the one that is to fail."""
    places = (index for index, place in enumerate(calls) if place == fault.place)
    return next(itertools.islice(places, fault.call - 1, None)) + 1


def short_plan(calls: list[str], chance: random.Random) -> Iterator[list[Fault]]:
    """Yield a chain of faults of some places."""
    # The others a run need not come to again, or it ends well without them.
    places = [place for place in dict.fromkeys(calls) if LATER.search(place)]
    chosen = sorted(chance.sample(range(len(places)), QUICK))
    chain = []
    for index, at in enumerate(chosen):
        number = NUMBERS[index % len(NUMBERS)]
        chain.append(Fault(places[at], 1, number, stays=bool(index % 2)))
    yield chain


def misspoken(ended: Ended, fault: Fault, out: Path) -> list[str]:
    """Return what is wrong with how a command ended."""
    errors = [line for line in ended.said.splitlines() if line.startswith("error")]
    wrong = [f"{len(errors)} lines: {errors}"] if len(errors) > 1 else []
    if "Traceback" in ended.said:
        wrong.append(f"a traceback: {ended.said[-SAID:]}")
    if ended.code == 0:
        return wrong + [f"code 0, but {line}" for line in errors]
    if not ended.is_struck:
        return [*wrong, f"code {ended.code} without a fault: {ended.said[-SAID:]}"]
    if ended.code != 1:
        wrong.append(f"code {ended.code}")
    line = errors[0] if errors else ended.said[-SAID:]
    if "cannot be" not in line or str(out) not in line:
        wrong.append(f"no file named: {line}")
    if WAYS_OUT.get(fault.number, "") not in line:
        wrong.append(f"no way out: {line}")
    return wrong
