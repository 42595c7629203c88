"""One sweep writes, and is killed; others read, and try to write.

Readers in processes of their own read the directory in every way that there is. Every
few seconds somebody starts a second sweep there, which must be refused, by the first
one's name, before it has taken two seconds. The first one is killed now and then, and
the time is taken until its lock is free.
"""

import contextlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chaos_rows.job import Job
from jaxgrok.host.files.folder_lock import FolderLock, Held

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SECONDS = 2.0
"""Within which a second writer is refused."""
PATIENCE = 3600.0
"""Seconds after which a reader counts as hanging."""
GRID = """
import tiny
def get_config(scale="laptop"):
    return tiny.config(seed=(0, 1), n_train=(12, 24), train_fraction=())
"""


class Size(NamedTuple):
    """How much is done."""

    readers: int
    reads: int
    kills: int
    pause: float


class Refusal(NamedTuple):
    """What came of a second writer: what was wrong, if anything, and what it took."""

    fault: str
    wall: float
    cpu: float


def run(job: Job) -> None:
    size = Size(1, 40, 1, 2.0) if job.quick else Size(3, 3400, 25, 6.0)
    folder, chance = job.work, job.random()
    (folder / "current").write_text("")
    (folder / "mine.py").write_text(GRID)
    environment = variables(job.quick)
    refusals: list[Refusal] = []
    waits: list[float] = []
    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(Writer(folder, environment))
        names = [folder / f"reader-{number}.json" for number in range(size.readers)]
        readers = [
            stack.enter_context(
                reading(folder, name, size.reads, job.seed + number, environment)
            )
            for number, name in enumerate(names)
        ]
        deadline = time.monotonic() + PATIENCE
        while any(reader.poll() is None for reader in readers) or not waits:
            assert time.monotonic() < deadline, "a reader hangs"
            time.sleep(size.pause * (0.5 + chance.random()))
            refusals += second_writers(writer, chance)
            if len(waits) < size.kills and refusals:
                waits.append(writer.killed())
            job.say(refused=len(refusals), kills=len(waits))
    report_reads(job, [json.loads(name.read_text() or "{}") for name in names], size)
    report_refusals(job, refusals)
    job.check(
        "once a writer was killed, the next one has the lock at once",
        max(waits) < 0.5,
        f"{len(waits)} SIGKILLs, at most {max(waits):.3f} s",
    )


class Writer:
    """The sweep that writes; it is started anew once it was killed."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self.environment = folder, environment
        self._start()

    def _start(self) -> None:
        program = [sys.executable, str(HERE / "concurrency_writer.py")]
        with open(self._folder / "writer.log", "ab") as log:
            self.process = subprocess.Popen(
                [*program, str(self._folder)],
                stdout=log,
                stderr=log,
                env=self.environment,
            )

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def path(self) -> Path:
        """The directory that it writes to."""
        number = int((self._folder / "current").read_text() or 0)
        return self._folder / f"run-{number}"

    def holds(self) -> bool:
        """Tell whether it has the lock now."""
        assert self.process.poll() is None, (self._folder / "writer.log").read_text()
        try:
            FolderLock(self.path).look()
        except Held as holder:
            return f"process {self.process.pid} " in str(holder)
        return False

    def killed(self) -> float:
        """Kill it while it has the lock; the seconds until another has it."""
        while not self.holds():
            time.sleep(0.002)
        lock = FolderLock(self.path)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        start = time.perf_counter()
        lock.acquire()
        seconds = time.perf_counter() - start
        lock.release()
        self._start()
        return seconds


@contextlib.contextmanager
def reading(
    folder: Path, answer: Path, reads: int, seed: int, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that reads."""
    program = [sys.executable, str(HERE / "concurrency_reader.py")]
    words = [str(folder), str(reads), str(seed)]
    with open(answer, "wb") as file, open(f"{answer}.log", "wb") as log:
        process = subprocess.Popen(
            [*program, *words], stdout=file, stderr=log, env=environment
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def variables(is_short: bool) -> dict[str, str]:
    """Return the environment of all processes of the row."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    own = {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1"}
    return os.environ | own | {"MODEL": "mlp" if is_short else "transformer"}


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
            env=writer.environment,
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
