"""Memory that is really short: less is computed at a time, and no bit is another one.

In full, limits of every kind are sought at which fewer blocks train, at which one
device evaluates after the other, and at which one block is left: a search between what
an unlimited run takes and what is not enough for anything. Every run that ends is
compared with the unlimited one; every other one is run again without a limit. Then the
kernel kills a run for its memory, which is all that the short form does.
"""

import itertools
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from chaos_rows import limits, sameness, tiny_grids
from chaos_rows.job import Job
from chaos_rows.limits import CGROUP, KINDS, MIB, PLANNED, Ended, Limit, Sweep
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.verify.audit import audit

BLOCKS = 16
STAGES = ("all at once", "fewer blocks", "evaluations in turn", "one block", "no run")
"""What limits lead to, from the highest to the lowest."""
SMALLER = ("--grid.modulus=23", "--grid.model=mlp", "--grid.steps=(2,)")
SMALLER += ("--grid.block_width=1",)
"""Of the sweep of the short form."""
MOST_RUNS, SOME_RUNS = 12, 5
"""Runs that the search for limits of a kind may take; of one that is not planned by."""
FINEST = 4 * MIB
"""Distance of two limits that are not told apart."""
SAID = 400
"""Characters of what a run said that are kept."""


class Try(NamedTuple):
    """A run under a limit.

    Attributes:
        limit: of its memory.
        stage: index into STAGES.
        short: what its manifest says about memory.
        code: its exit code.
        wrong: what was not as promised.
    """

    limit: Limit
    stage: int
    short: str
    code: int
    wrong: list[str]

    def __str__(self) -> str:
        """Say what the limit led to."""
        words = self.short or STAGES[self.stage]
        return f"{self.limit}: code {self.code}, {words}"


def run(job: Job) -> None:
    """Limit the memory of sweeps, and compare what comes of it."""
    if refusal := limits.refusal():
        job.say(cgroup=f"{refusal}: only resource limits are tried")
    row = Row(job, has_groups=not refusal)
    whole = row.measured()
    if job.quick:
        row.killed("manifest.json")
        return
    row.with_fewer_blocks()
    for kind in KINDS:
        if kind != CGROUP or row.has_groups:
            row.search(kind, whole.peaks[kind])
    # Longer: some of its results are on the disk before the others have ended.
    row.killed("curves/[!.]*.npz", words=["--grid.steps=(2, 20)"])


class Row:
    """The sweep of a row, and the folder of the run that nothing limited.

    Args:
        job: what is asked for.
        has_groups: whether the system lets this process make control groups.
    """

    def __init__(self, job: Job, *, has_groups: bool) -> None:
        self.job, self.has_groups = job, has_groups
        self.whole = job.work / "whole"
        self.grid = tiny_grids.large_modulus(job.work, seeds=1 if job.quick else 8)
        self.environment = tiny_grids.environment(job.work / "cache", job.quick)
        self.environment |= {"JAX_NUM_CPU_DEVICES": "2", "NPROC": "2"}

    def begin(
        self, out: Path, limit: Limit | None = None, words: Sequence[str] = ()
    ) -> Sweep:
        """Start the sweep into a folder; its last words count."""
        blocks = 2 if self.job.quick else BLOCKS
        words = [*(SMALLER if self.job.quick else ()), *words]
        words = [f"--grid={self.grid}", f"--out={out}", f"--blocks={blocks}", *words]
        log = out.with_suffix(".log")
        return Sweep(words, self.environment, log, limit, in_group=self.has_groups)

    def measured(self) -> Ended:
        """Run it without a limit."""
        ended = self.begin(self.whole).wait()
        words = f"code {ended.code}, {ended.seconds} s"
        self.job.check("without a limit it ends well", ended.code == 0, words)
        peaks = {kind: f"{n // MIB} MiB" for kind, n in ended.peaks.items()}
        self.job.say(unlimited=peaks)
        noted = short_of_memory(self.whole)
        self.job.check("and memory was not short", not noted, noted)
        return ended

    def with_fewer_blocks(self) -> None:
        """Run it with fewer blocks by choice: limits meet programs that are there."""
        for blocks in (2, 1):
            out = self.job.work / f"blocks-{blocks}"
            code = self.begin(out, words=[f"--blocks={blocks}"]).wait().code
            wrong = self._differences(out) if code == 0 else [str(code)]
            self.job.check(f"{blocks} of {BLOCKS} blocks", not wrong, str(wrong or ""))

    def search(self, kind: str, most: int) -> None:
        """Look for limits of each stage between what is too little, and enough."""
        # Less is planned before it has to be.
        ends = (Limit(kind, most // 8), Limit(kind, 2 * most))
        tries = [self._try(limit) for limit in ends]
        most_runs = MOST_RUNS if kind in PLANNED else SOME_RUNS
        while len(tries) < most_runs and (gap := widest_gap(tries)):
            tries.append(self._try(Limit(kind, gap)))
        tries.sort(key=lambda one: -one.limit.n_bytes)
        self.job.say(**{kind: [str(one) for one in tries]})
        met = {one.stage for one in tries}
        # Of limits that jaxgrok does not plan by, XLA may hear first, and abort.
        for stage in (1, 2, 3) if kind in PLANNED else ():
            found = [str(one) for one in tries if one.stage == stage]
            words = "; ".join(found) or f"not among {len(tries)} limits"
            self.job.check(f"{kind}: {STAGES[stage]}", stage in met, words)
        wrong = [f"{one}: {one.wrong}" for one in tries if one.wrong]
        name = f"{kind}: the same bytes, recorded, or one line and then the same bytes"
        self.job.check(name, not wrong, f"{len(tries)} runs {wrong or ''}")

    def killed(self, pattern: str, words: Sequence[str] = ()) -> None:
        """Let the kernel kill it for its memory, and go on with what is there.

        Args:
            pattern: of a file that is there by then.
            words: of its command, more or other ones.
        """
        if not self.has_groups:
            return  # nothing kills it, and nothing is shown
        out, whole = self.job.work / "killed", self.whole
        if words:
            whole = self.job.work / "longer"
            self.begin(whole, words=words).wait()
        sweep = self.begin(out, words=words)
        sweep.strangle(out, pattern)
        ended = sweep.wait()
        is_killed = ended.code == -9 and ended.kills > 0
        facts = f"code {ended.code}, {ended.kills} killed, {ended.seconds} s"
        self.job.check("the kernel kills it for its memory", is_killed, facts)
        found = audit(out)
        facts = f"{found.counts} {found.faults or ''}"
        self.job.check("what it leaves is whole", not found.faults, facts)
        ended = self.begin(out, words=words).wait()
        wrong = [ended.said[-SAID:]]
        if ended.code == 0:
            wrong = sameness.differences(out, whole)
        facts = f"code {ended.code}, {ended.seconds} s {wrong or ''}"
        self.job.check("it goes on to the same bytes", not wrong, facts)

    def _try(self, limit: Limit) -> Try:
        """Run it under a limit; where it does not end well, again without one."""
        out = self.job.work / f"{limit.kind}-{limit.n_bytes // MIB}"
        ended = self.begin(out, limit).wait()
        short = short_of_memory(out)
        stage = stage_of(short) if ended.code == 0 else len(STAGES) - 1
        wrong = []
        if "Traceback" in ended.said:
            wrong.append(f"a traceback: {ended.said[-SAID:]}")
        if ended.code == 0 and short and short not in ended.said:
            wrong.append("it was not said")
        if ended.code > 0 and not re.search("memory|thread", last_line(ended.said)):
            wrong.append(f"no line about it: {ended.said[-SAID:]}")
        if ended.code:
            words = f"code {ended.code}: {last_line(ended.said)[-SAID:]}"
            self.job.say(**{str(limit): words})
            again = self.begin(out).wait()
            wrong += [again.said[-SAID:]] if again.code else []
        wrong += self._differences(out) if not wrong else []
        one = Try(limit, stage, short, ended.code, wrong)
        print(f"memory: {one}", flush=True)
        shutil.rmtree(out)
        return one

    def _differences(self, out: Path) -> list[str]:
        return sameness.differences(out, self.whole)


def short_of_memory(out: Path) -> str:
    """Return what the manifest of a run says about memory, "" without one."""
    try:
        return "; ".join(g.short for g in read_manifest(out).groups if g.short)
    except FileNotFoundError:
        return ""


def stage_of(short: str) -> int:
    """Return how little was computed at a time, as an index into STAGES."""
    if "1 block of" in short:
        return 3
    if "evaluates after" in short:
        return 2
    return 1 if re.search(r"\d+ blocks of", short) else 0


def last_line(said: str) -> str:
    """Return what a run said last."""
    return next(reversed(said.strip().splitlines()), "")


def widest_gap(tries: list[Try]) -> int:
    """Return a limit between two whose stages are not neighbours; 0 without any."""
    by_size = sorted(tries, key=lambda one: one.limit.n_bytes)
    gaps = []
    for low, high in itertools.pairwise(by_size):
        n_bytes = high.limit.n_bytes - low.limit.n_bytes
        if low.stage - high.stage > 1 and n_bytes > FINEST:
            gaps.append((n_bytes, low.limit.n_bytes + n_bytes // 2))
    return max(gaps, default=(0, 0))[1]
