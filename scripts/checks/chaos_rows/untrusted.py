"""Run directories that somebody made to do harm are refused in one line.

Every parser gets files that are broken at random, and files whose checksums fit but
whose contents lie: names outside the directory, sizes of terabytes, Python objects,
JSON as deep as a well. In a memory of so many GB, and with an alarm.
"""

import collections
import io
import json
import random
import resource
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import logging

import jaxgrok
from chaos_rows import hostile
from chaos_rows.job import Job
from chaos_rows.specimens import specimens, undrawn
from jaxgrok.circuits.weights.transformerlens import load_npz
from jaxgrok.host.files import sealed
from jaxgrok.results import snapshots
from jaxgrok.results.files import final_states, index, resume, shards
from jaxgrok.results.files.resume import Saves
from jaxgrok.results.status import read_status
from jaxgrok.verify.audit import audit

INPUTS = 50_000
QUICK = 600
SECONDS = 10
"""What an input may take at most."""
ROOM = 2 * 2**30
"""Bytes that may be allocated beyond what the process has."""


class TooLong(BaseException):
    """A reader did not end in time."""


def run(job: Job) -> None:
    """Feed every parser, and count what it answered."""
    logging.set_verbosity(logging.FATAL)
    draw = job.random()
    with undrawn():
        (specimen,) = specimens(job.work, ("unfinished",), "transformer")
        run_dir = specimen.path
        weights = job.work / "weights" / "model.npz"
        cell = jaxgrok.open(run_dir).indices_with_snapshots()[0]
        jaxgrok.export_weights(run_dir, cell, out=weights)
        read_all(run_dir)
    targets = targets_of(run_dir, weights)
    _limit()
    count = QUICK if job.quick else INPUTS
    counts: collections.Counter[str] = collections.Counter()
    wrong: list[str] = []
    slowest = 0.0
    for number in range(count):
        target = targets[number % len(targets)]
        start = time.perf_counter()
        try:
            counts[f"{target.name} {target.feed(draw)}"] += 1
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            wrong.append(f"{target.name}: {type(error).__name__}: {error}"[:500])
        slowest = max(slowest, time.perf_counter() - start)
        if number % 5_000 == 4_999:
            job.say(inputs=number + 1, wrong=wrong[:20])
    job.say(inputs=count, counts=dict(counts), wrong=wrong[:20])
    words = f"{count} inputs, {len(wrong)} wrong, the slowest took {slowest:.2f} s"
    job.check("one clear line, no hang, bounded memory", not wrong, words)
    held = not hostile.Danger.unpacked
    job.check("no Python object of a file was unpacked", held)
    job.check("no input took long", slowest < SECONDS, f"{slowest:.2f} s")


def _limit() -> None:
    """Bound the memory that is left, and let an alarm end what hangs."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))

    def too_long(*_: object) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, too_long)


class Target:
    """A file, and what reads it.

    Args:
        name: of what is fed.
        file: the file that is replaced.
        make: makes the contents of a hostile one.
        read: reads it.
    """

    def __init__(
        self,
        name: str,
        file: Path,
        make: Callable[[random.Random, bytes], bytes],
        read: Callable[[], object],
    ) -> None:
        self.name, self._file, self._make, self._read = name, file, make, read
        self._content = file.read_bytes()

    def feed(self, draw: random.Random) -> str:
        """Replace the file, read it, put it back; "read" or "refused"."""
        self._file.write_bytes(self._make(draw, self._content))
        signal.alarm(SECONDS)
        try:
            self._read()
        except (ValueError, OSError) as error:
            self._check(str(error))
            return "refused"
        finally:
            signal.alarm(0)
            self._file.write_bytes(self._content)
        return "read"

    def _check(self, text: str) -> None:
        """Refuse an error that is no single line which names the file or its folder."""
        folder = str(self._file.parent.parent)
        if "\n" in text or len(text) > 1_000 or folder not in text:
            raise AssertionError(f"an error as nobody wants it: {text[:300]!r}")


def targets_of(run_dir: Path, weights: Path) -> list[Target]:
    """Return the files of a run with their readers, by bytes and by contents."""

    def both(name: str, file: Path, make: Any, read: Callable[[], object]) -> None:
        targets.append(Target(f"{name} by bytes", file, hostile.hostile_bytes, read))
        targets.extend([Target(name, file, make, read)] * 3)

    def first(folder: str, suffix: str = ".npz") -> Path:
        return min((run_dir / folder).glob(f"*{suffix}"))

    def manifest(draw: random.Random, content: bytes) -> bytes:
        text = hostile.hostile_text(draw, sealed.unsealed(content))
        body = text.rstrip().removesuffix("}")
        return sealed.sealed(body + ',\n "edition": 9999\n}')

    targets: list[Target] = []
    both("manifest", run_dir / "manifest.json", manifest, lambda: tables(run_dir))
    both("index", run_dir / index.FILE, resealed, lambda: tables(run_dir))
    both("curves", first("curves"), repacked, lambda: shards.read_results(run_dir))
    both("resume", first("resume"), repacked, lambda: Saves(run_dir, 10))
    states = first("final_states")
    both("final states", states, repacked, lambda: final_states.check_lanes(states))
    description = first("checkpoints", ".json")
    both("snapshots", description, resealed, lambda: trajectories(run_dir))
    both("status", run_dir / "manifest.json", manifest, lambda: read_status(run_dir))
    both("verify", run_dir / "manifest.json", manifest, lambda: str(audit(run_dir)))
    both("weights", weights, repacked, lambda: load_npz(weights))
    config = weights.with_name("cfg.json")
    both("cfg.json", config, plain, lambda: load_npz(weights))
    return targets


def resealed(draw: random.Random, content: bytes) -> bytes:
    """Return a sealed object with other contents, whose checksum fits."""
    return sealed.sealed(hostile.hostile_text(draw, sealed.unsealed(content)))


def plain(draw: random.Random, content: bytes) -> bytes:
    """Return JSON with other contents."""
    return hostile.hostile_text(draw, json.loads(content)).encode()


def repacked(draw: random.Random, content: bytes) -> bytes:
    """Return an .npz with other contents, whose checksums fit."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    return hostile.hostile_npz(draw, members)


def tables(run_dir: Path) -> None:
    """Read the curves and tables of a run."""
    run = jaxgrok.open(run_dir)
    run.dataset()
    run.cells()
    run.curves()


def trajectories(run_dir: Path) -> None:
    """Read all snapshots of one training."""
    found = snapshots.SnapshotIndex(run_dir)
    for kin in sorted(found.trainings())[:1]:
        found.load(kin, found.steps(kin))


def read_all(run_dir: Path) -> None:
    """Read the run as it is: what is loaded later would count as its memory."""
    tables(run_dir)
    trajectories(run_dir)
    audit(run_dir)
    for file in (run_dir / "resume").glob("*.npz"):
        resume.check(file)
