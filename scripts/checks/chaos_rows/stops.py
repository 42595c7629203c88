"""SIGINT, SIGTERM and SIGHUP in every phase of a run, and how soon it is gone.

In full the networks are those of p = 113, and every program is compiled anew in the
phase that compiles. The short form trains tiny ones, and its compiler never ends.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

from chaos_rows import hooks, leash, tiny_grids
from chaos_rows.forks import SWEEP, Forks
from chaos_rows.job import Job
from chaos_rows.places import STARTING

ROOT = Path(__file__).resolve().parents[3]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PHASES = (
    "opening",
    "compiling",
    "first evaluation",
    "chunk",
    "evaluation",
    "inside a snapshot's tree",
    "before the rename of a save",
    "refill",
    "tidying up",
    "last redraw",
    "a picture of it",
    "its page",
    "analysis",
)
"""Places of a run, in the order in which it comes to them."""
FEW = ("compiling", "inside a snapshot's tree", "chunk", "last redraw")
"""Those of the short form."""
WRITTEN = ("inside a snapshot's tree", "before the rename of a save")
LIMIT = 10.0
"""Seconds within which a run has to be gone."""
COMPILES = 90.0
"""Seconds that a program takes to compile in the short form."""


class Stopped(NamedTuple):
    """A run that was asked to stop.

    Attributes:
        phase: where it was.
        signal: what asked it.
        seconds: until its process was gone.
        code: its exit code.
    """

    phase: str
    signal: str
    seconds: float
    code: int

    @property
    def is_polite(self) -> bool:
        """Whether it said that it was stopped, as a shell sees it."""
        number = int(signal.Signals[self.signal])
        return self.code in (128 + number, -number)


def run(job: Job) -> None:
    """Stop a run in every phase by every signal, then compare what came of it."""
    sweep = partial(tiny_grids.sweep, is_short=True) if job.quick else tiny_grids.p113
    grid = sweep(job.work)
    environment = tiny_grids.environment(job.work / "cache", job.quick)
    signals, phases = (SIGNALS[:1], FEW) if job.quick else (SIGNALS, PHASES)
    stops: list[Stopped] = []
    first = [partial(hooks.draw_nothing)] if job.quick else []
    with Forks(job.work / "log.txt", environment, *first) as forks:
        whole = job.work / "whole"
        assert forks.whole(SWEEP, _words(grid, whole)) == 0
        different = {}
        for number in signals:
            out = job.work / number.name
            for phase in phases:
                if stopped := _stop(job, forks, _words(grid, out), phase, number):
                    stops.append(stopped)
                    words = f"{stopped.seconds} s, code {stopped.code}"
                    job.say(**{f"{stopped.signal}, {phase}": words})
            code = forks.whole(SWEEP, _words(grid, out))
            found = [f"code {code}"]
            if code == 0:
                paths = str(out), str(whole)
                found = forks.call("chaos_rows.sameness:differences", *paths)
            if found:
                different[number.name] = found
    for number in signals:
        stops.append(_stop_start(grid, job.work / "started", number, environment))
    _judge(job, stops, different, len(signals) * (len(phases) + 1))


def _judge(job: Job, stops: list[Stopped], different: object, meant: int) -> None:
    """Say how long the phases took, and whether that was good enough."""
    slowest = {
        phase: max((s.seconds for s in stops if s.phase == phase), default=None)
        for phase in (STARTING, *PHASES)
    }
    job.say(slowest=slowest, load=os.getloadavg())
    job.check("every phase was met", len(stops) == meant, f"{len(stops)} of {meant}")
    late = [list(s) for s in stops if s.seconds > LIMIT]
    most = max(s.seconds for s in stops)
    words = f"at most {most:.1f} s {late or ''}"
    job.check(f"gone within {LIMIT:.0f} s", not late, words)
    rude = [list(s) for s in stops if not s.is_polite]
    job.check("the exit code names the signal", not rude, str(rude or ""))
    job.check("resumed, the bytes are the same", not different, str(different or ""))


def _words(grid: Path, out: Path) -> list[str]:
    return ["--grid", str(grid), "--out", str(out)]


def _stop(
    job: Job, forks: Forks, words: list[str], phase: str, number: signal.Signals
) -> Stopped | None:
    """Ask a run to stop where it is in a phase; None where it does not come there."""
    compiles = phase == "compiling"
    is_slow = compiles and job.quick
    cache = job.work / "cache"
    if compiles and not job.quick:
        cache.rename(job.work / "kept")
    seconds = COMPILES if is_slow else 0.0
    hold = partial(hooks.hold, place=phase, seconds=seconds)
    # In its own time a run of seconds writes nothing before its end.
    first = (partial(hooks.hurry), hold) if phase in WRITTEN else (hold,)
    run = forks.begin(SWEEP, words, *first)
    if not run.reaches_place():
        return None
    time.sleep(0.5 if compiles else 0.02)
    start = time.perf_counter()
    try:
        run.send_signal(number)
    except ProcessLookupError:
        return None
    code = run.wait()
    seconds = time.perf_counter() - start
    if compiles and not job.quick:
        shutil.rmtree(cache, ignore_errors=True)
        (job.work / "kept").rename(cache)
    return Stopped(phase, number.name, round(seconds, 2), code)


def _stop_start(
    grid: Path, out: Path, number: signal.Signals, environment: dict[str, str]
) -> Stopped:
    """Stop a process while it imports what it needs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "jaxgrok.sweep", *_words(grid, out)],
        env=os.environ | environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=_heard,
    )
    time.sleep(0.7)
    start = time.perf_counter()
    process.send_signal(number)
    code = process.wait()
    seconds = round(time.perf_counter() - start, 2)
    return Stopped(STARTING, number.name, seconds, code)


def _heard() -> None:
    """Hear the signals, also where a shell has started this in its background."""
    leash.end_with_parent()
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
