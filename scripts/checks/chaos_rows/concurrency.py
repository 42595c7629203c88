"""One sweep writes, and is killed; others read, and try to write.

Readers in processes of their own read the directory in every way that there is. Every
few seconds somebody starts a second sweep there, which must be refused, by the first
one's name, before it has taken two seconds. The first one is killed now and then, and
the time is taken until its lock is free.
"""

import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from chaos_rows import leash, tiny_grids
from chaos_rows.forks import Fork, Forks
from chaos_rows.job import Job
from jaxgrok.host.files.folder_lock import FolderLock, Held

ROOT = Path(__file__).resolve().parents[3]
READER, WRITER = (
    "chaos_rows.concurrency_reader:main",
    "chaos_rows.concurrency_writer:main",
)
SECONDS = 2.0
"""Within which a second writer is refused."""
GRID = """
import tiny
def get_config(scale="laptop"):
    return tiny.config(seed=(0, 1), n_train=(12, 24), train_fraction=())
"""


class Size(NamedTuple):
    """How much is done.

    Attributes:
        readers: processes that read.
        reads: of each.
        kills: of the writer.
        pause: seconds between two second writers, in the mean.
        limit: seconds within which the readers have to be done.
    """

    readers: int
    reads: int
    kills: int
    pause: float
    limit: float


WHOLE, QUICK = Size(3, 3400, 25, 6.0, 7200.0), Size(1, 60, 1, 1.0, 200.0)


class Refusal(NamedTuple):
    """What came of a second writer: what was wrong, if anything, and what it took."""

    fault: str
    wall: float
    cpu: float


def run(job: Job) -> None:
    """Read, and try to write, while a sweep writes and is killed now and then."""
    size = QUICK if job.quick else WHOLE
    shutil.rmtree(job.work)  # earlier runs
    job.work.mkdir()
    folder, chance = job.work, job.random()
    (folder / "current").write_text("")
    (folder / "mine.py").write_text(GRID)
    environment = tiny_grids.environment(folder / "cache", is_short=True)
    first = tiny_grids.short_cuts(job.quick)
    names = [folder / f"reader-{number}.json" for number in range(size.readers)]
    with Forks(folder / "log.txt", environment, *first) as forks:
        writer = Writer(folder, forks)
        readers = [
            forks.begin(READER, [str(folder), str(size.reads), str(seed), str(name)])
            for seed, name in enumerate(names, job.seed)
        ]
        refusals, waits = disturb(job, size, writer, readers, chance)
    over = sum(reader.returncode == 0 for reader in readers)
    words = f"{over} of {len(readers)} within {size.limit:.0f} s"
    job.check("readers come to their end", over == len(readers), words)
    answers = [json.loads(name.read_text()) for name in names if name.exists()]
    report_reads(job, answers, size)
    report_refusals(job, refusals)
    job.check(
        "once a writer was killed, the next one has the lock at once",
        max(waits, default=1.0) < 0.5,
        f"{len(waits)} SIGKILLs, at most {max(waits, default=1.0):.3f} s",
    )


def disturb(
    job: Job, size: Size, writer: "Writer", readers: list[Fork], chance: random.Random
) -> tuple[list["Refusal"], list[float]]:
    """Start second writers, and kill the first, until the readers are done.

    Returns:
        The refusals, and the seconds that it took to get the lock of a killed writer.
    """
    refusals: list[Refusal] = []
    waits: list[float] = []
    end = time.monotonic() + size.limit
    while time.monotonic() < end:
        is_over = all(reader.poll() is not None for reader in readers)
        if is_over and waits:
            break
        time.sleep(size.pause * (0.5 + chance.random()))
        if writer.runs:
            refusals += second_writers(writer, chance)
        if len(waits) < size.kills and refusals and writer.has_results:
            waits.append(writer.killed(again=not job.quick))
        job.say(refused=len(refusals), kills=len(waits))
    return refusals, waits


class Writer:
    """The sweep that writes; it is started anew once it was killed."""

    def __init__(self, folder: Path, forks: Forks) -> None:
        self._folder, self._forks = folder, forks
        self._start()

    def _start(self) -> None:
        self.process = self._forks.begin(WRITER, [str(self._folder)])

    @property
    def runs(self) -> bool:
        """Whether it was not killed for good."""
        return self.process.poll() is None

    @property
    def has_results(self) -> bool:
        """Whether cells have ended, which readers have seen or will see."""
        return any(self._folder.glob("run-*/curves/[!.]*.npz"))

    @property
    def path(self) -> Path:
        """The directory that it writes to."""
        number = int((self._folder / "current").read_text() or 0)
        return self._folder / f"run-{number}"

    def holds(self) -> bool:
        """Tell whether it has the lock now."""
        assert self.runs, (self._folder / "log.txt").read_text()[-2000:]
        try:
            FolderLock(self.path).look()
        except Held as holder:
            return f"process {self.process.pid} " in str(holder)
        return False

    def killed(self, *, again: bool) -> float:
        """Kill it while it has the lock; the seconds until another has it.

        Args:
            again: whether a new one then starts.
        """
        while not self.holds():
            time.sleep(0.002)
        lock = FolderLock(self.path)
        self.process.kill()
        self.process.wait()
        start = time.perf_counter()
        lock.acquire()
        seconds = time.perf_counter() - start
        lock.release()
        if again:
            self._start()
        return seconds


def variables() -> dict[str, str]:
    """Return the environment of second writers."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    own = {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1"}
    return os.environ | own


def second_writers(writer: Writer, chance: random.Random) -> list[Refusal]:
    """Start a command that would write there too; [] if nobody held the lock then."""
    out = writer.path
    grid = ["--grid", "mine.py", "--out", str(out)]
    command = chance.choice(
        [
            ["jaxgrok.sweep", *grid],
            ["jaxgrok.crossover", *grid],
            ["jaxgrok.crossover", str(out)],
        ]
    )
    # The writer gives its lock back between two sweeps, for milliseconds.
    if not writer.holds():
        return []
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=output,
            stderr=output,
            cwd=out.parent,
            env=variables(),
            preexec_fn=leash.end_with_parent,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        output.seek(0)
        words = output.read()
    # One that came to the lock between two sweeps was told something else.
    if "is held by" not in words:
        return []
    name = f"(process {writer.process.pid} on {platform.node()}, since "
    is_right = process.returncode == 2 and words.count("\n") == 1 and name in words
    fault = "" if is_right else f"{command}: {words}"
    return [Refusal(fault, wall, used.ru_utime + used.ru_stime)]


def report_reads(job: Job, answers: list[dict[str, Any]], size: Size) -> None:
    """Check what the readers say."""
    reads: Counter[str] = Counter()
    hashes: dict[str, set[str]] = {}
    errors = []
    for answer in answers:
        reads.update(answer["reads"])
        errors += answer["errors"]
        for name, digest in answer["hashes"].items():
            hashes.setdefault(name, set()).add(digest)
    job.say(reads=dict(reads), pruned=sum(answer["pruned"] for answer in answers))
    job.check(
        "readers meet no error while a sweep writes and is killed",
        not errors and reads.total() >= size.readers * size.reads,
        f"{reads.total()} reads in {size.readers} processes, {len(errors)} errors"
        + "".join(f"\n{kind}: {text}" for kind, text in errors[:3]),
    )
    job.check(
        "whoever reads a curve or a snapshot reads the same bits",
        bool(hashes) and all(len(digests) == 1 for digests in hashes.values()),
        f"{len(hashes)} curves and snapshots",
    )


def report_refusals(job: Job, refusals: list[Refusal]) -> None:
    """Check what came of the second writers."""
    wrong = [refusal.fault for refusal in refusals if refusal.fault]
    job.check(
        "a second writer is refused with exit code 2, naming the first one",
        not wrong and bool(refusals),
        f"{len(refusals)} tries {wrong[:2] or ''}",
    )
    wall, cpu = (max(getattr(r, n) for r in refusals) for n in ("wall", "cpu"))
    job.check(
        f"it is refused within {SECONDS:g} s",
        (cpu if job.quick else wall) < SECONDS,
        f"at most {wall:.2f} s, {cpu:.2f} s of them computing",
    )
