"""Disks that refuse: every write, fsync, rename and new file of a run fails.

A library between the process and the system counts the calls below the run directory
of a run that nothing disturbs. Then a call of each place fails, in every way that disks
have, once and from then on, and the same command is run again on a good disk.
"""

import errno
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import tiny
from chaos_rows import sameness, tiny_grids
from chaos_rows.bad_disks import SHORT, BadDisk, Ended, Fault
from chaos_rows.job import Job
from jaxgrok.host.files.disk_errors import WAYS_OUT
from jaxgrok.results.run import open_run

ROOT = Path(__file__).resolve().parents[3]
NUMBERS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)
QUICK = 6
"""Faults of the short form, one after the other in one run directory."""
LATER = re.compile(r"(write|fsync|rename) /(resume|curves|checkpoints)/")
"""Places of the short form."""
SAID = 300
"""Characters of what a command said that are kept."""


class Command(NamedTuple):
    """A command line that is run on bad disks.

    Attributes:
        name: of it.
        module: whose main it is.
        words: its arguments but for the run directory.
    """

    name: str
    module: str
    words: tuple[str, ...]


def run(job: Job) -> None:
    """Fail the calls of sweeps, and of searches in the full form."""
    for old in job.work.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    environment = {"PYTHONPATH": path, "JAX_NUM_CPU_DEVICES": "1", "NPROC": "1"}
    environment["XLA_FLAGS"] = tiny.UNOPTIMISED
    environment["JAX_COMPILATION_CACHE_DIR"] = str(job.work / "cache")
    grid = tiny_grids.one_program(job.work)
    words = (f"--grid={grid}", "--blocks=1")
    commands = [Command("sweep", "jaxgrok.sweep.__main__", words)]
    if not job.quick:
        words = (f"--grid={tiny_grids.search(job.work)}", "--blocks=1", "--budget=1200")
        words += ("--width=1.5",)
        commands.append(Command("search", "jaxgrok.crossover.__main__", words))
    with BadDisk(job.work, environment) as disk:
        for command in commands:
            Faults(job, disk, command).play()


class Faults:
    """Fails a command in every way, and keeps what was not as promised."""

    def __init__(self, job: Job, disk: BadDisk, command: Command) -> None:
        self.job, self.disk, self.command = job, disk, command
        self.whole = job.work / command.name
        self.broken: list[str] = []
        self.carried_on: Counter[str] = Counter()
        """Places whose failure ended no run."""
        self.n_struck = 0

    def play(self) -> None:
        """Count the calls of a whole run, then fail them; add the checks."""
        job, name = self.job, self.command.name
        ended = self._run(self.whole)
        words = ended.said[-SAID:] if ended.code else ""
        job.check(f"{name}: on a good disk it ends well", ended.code == 0, words)
        plan = [*(short_plan if job.quick else full_plan)(ended.calls, job.random())]
        facts = {"calls": ended.calls.total(), "places": len(ended.calls)}
        job.say(**{name: facts | {"faults": len(plan)}})
        for index, fault in enumerate(plan):
            # A short form goes on where the fault before has left it.
            is_last = index == len(plan) - 1
            self._fail(fault, ends=not job.quick or is_last)
            if is_last or index % 20 == 19:
                self._say(index + 1)
        struck = f"{self.n_struck} of {len(plan)}"
        enough = self.n_struck >= 0.9 * len(plan) > 0
        job.check(f"{name}: the faults were reached", enough, struck)
        what = "one clear line, readable, and then the same bytes"
        words = f"{self.n_struck} faults, {len(self.broken)} broken"
        job.check(f"{name}: {what}", not self.broken, f"{words} {self.broken or ''}")

    def _run(self, out: Path, fault: Fault | None = None) -> Ended:
        module, words = self.command.module, self.command.words
        return self.disk.run(
            module, [*words, f"--out={out}"], out, fault, draws=not self.job.quick
        )

    def _fail(self, fault: Fault, *, ends: bool) -> None:
        """Run the command with a fault, then to its end if that is wanted."""
        out = self.job.work / f"bad-{self.command.name}"
        ended = self._run(out, fault)
        self.n_struck += ended.is_struck
        wrong = misspoken(ended, fault, out) + unreadable(out)
        if ended.code == 0:
            self.carried_on[fault.place] += ended.is_struck
            wrong += [f"carried on, {what}" for what in self._differences(out)]
        if ends:
            ended = self._run(out)
            if ended.code:
                wrong.append(f"no end, code {ended.code}: {ended.said[-SAID:]}")
            else:
                wrong += self._differences(out)
            shutil.rmtree(out)
        self.broken += [f"{fault}: {what}" for what in wrong]

    def _differences(self, out: Path) -> list[str]:
        """Return what differs from the whole run, of a search in what both trained."""
        if self.command.name == "sweep":
            return sameness.differences(out, self.whole)
        found, want = (open_run(path).results for path in (out, self.whole))
        different = [f"two rows of {cell}" for cell in sameness.repeated_cells(out)]
        for cell in found.keys() & want.keys():
            if found[cell].status == want[cell].status == "done":
                different += sameness.different_result(found[cell], want[cell])
        return different

    def _say(self, n_faults: int) -> None:
        name = self.command.name
        self.job.say(
            **{
                f"{name}, so far": f"{n_faults} faults, {self.n_struck} reached",
                f"{name}, carried on": dict(self.carried_on),
                f"{name}, broken": self.broken,
            }
        )


def full_plan(calls: Counter[str], chance: random.Random) -> Iterator[Fault]:
    """Yield a fault of each place, error and duration, those of one kind far apart."""
    kinds = [(number, stays) for number in (*NUMBERS, SHORT) for stays in (False, True)]
    for round_ in range(len(kinds)):
        for index, (place, n_calls) in enumerate(calls.items()):
            number, stays = kinds[(index + round_) % len(kinds)]
            if number != SHORT or place.startswith("write"):
                yield Fault(place, chance.randint(1, n_calls), number, stays)


def short_plan(calls: Counter[str], chance: random.Random) -> Iterator[Fault]:
    """Yield faults of some places, in the order in which a run comes to them."""
    # The others a run need not come to again, or it ends well without them.
    places = [place for place in calls if LATER.search(place)]
    chosen = sorted(chance.sample(range(len(places)), QUICK))
    for index, at in enumerate(chosen):
        number = NUMBERS[index % len(NUMBERS)]
        yield Fault(places[at], 1, number, stays=bool(index % 2))


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


def unreadable(out: Path) -> list[str]:
    """Return why a run directory cannot be read, if it is one already."""
    if not (out / "manifest.json").exists():
        return []
    try:
        run = open_run(out)
        run.rows()
        for kin, steps in run.snapshots.every().items():
            run.snapshots.load(kin, sorted(steps))
        dict(run.results)
    except Exception as error:
        return [f"unreadable: {error!r}"]
    return []
