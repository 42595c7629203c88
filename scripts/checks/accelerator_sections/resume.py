"""A sweep that is killed and goes on ends with the bytes of one that was left alone."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from accelerator_sections.job import Job

ENVIRONMENT = dict(os.environ)
"""Of the sweeps; this process must not take the device from them."""
os.environ["JAX_PLATFORMS"] = "cpu"

import jaxgrok  # noqa: E402
from runs import same  # noqa: E402

GRID = '''"""A tiny sweep, saved all the time: long cells, and short ones."""

import tiny
from jaxgrok.fleet import chores
from jaxgrok.sweep import coordinator


def get_config(scale="auto"):
    coordinator.ANSWER_SECONDS = 0.0
    often = chores.Period(seconds=0.05, spacing=4)
    chores.PERIODS |= {{"flush": often, "save": often}}
    return tiny.config(
        model="transformer", seed=(0, 1, 2), steps=(100, {steps}), stop="steps",
        weight_decay=(1.0, 2.0), block_width=8,
    )
'''
STEPS, QUICK_STEPS = 3_000, 1_200
PATIENCE = 0.02
"""Seconds between two looks at what is on disk."""


def run(job: Job) -> None:
    """Train a sweep twice, once with a kill in between, and compare."""
    steps = QUICK_STEPS if job.quick else STEPS
    grid_file = job.work / "tiny_sweep.py"
    grid_file.write_text(GRID.format(steps=steps))
    whole, broken = job.work / "whole", job.work / "broken"
    for folder in (whole, broken):  # of a check before this one
        shutil.rmtree(folder, ignore_errors=True)
    start = time.perf_counter()
    finish(grid_file, whole)
    job.say(seconds_whole=time.perf_counter() - start)
    finished = kill(grid_file, broken, job)
    cells = len(jaxgrok.load(whole).phase.values.ravel())
    job.say(cells=cells, finished_before_the_kill=finished)
    in_time = finished < cells
    job.check("killed in its middle", in_time, f"{finished} of {cells} cells were done")
    finish(grid_file, broken)
    compare(broken, whole, "the same bytes", job)
    if job.planted:
        table = broken / "cells.csv"
        table.write_bytes(table.read_bytes() + b"\n")
        compare(broken, whole, "a spoilt table", job)


def compare(broken: Path, whole: Path, name: str, job: Job) -> None:
    """Check that two runs have the same bytes."""
    try:
        same(broken, whole)
        words, agree = "cells.csv and every array", True
    except AssertionError as error:
        words, agree = " ".join(str(error).split())[:200], False
    job.check(name, agree, words)


def command(grid_file: Path, out: Path) -> list[str]:
    """Return the command of the sweep."""
    words = ["-m", "jaxgrok.sweep", "--grid", str(grid_file), "--out", str(out)]
    return [sys.executable, *words, "--blocks", "1"]


def finish(grid_file: Path, out: Path) -> None:
    """Train the sweep to its end; RuntimeError if it fails."""
    done = subprocess.run(
        command(grid_file, out), env=ENVIRONMENT, capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise RuntimeError(f"the sweep ended with {done.returncode}: {''.join(last)}")


def kill(grid_file: Path, out: Path, job: Job) -> int:
    """Start the sweep and kill it once it has saved lanes and results.

    Returns:
        The cells that were finished then.
    """
    with open(job.work / "broken.log", "w") as log:
        process = subprocess.Popen(
            command(grid_file, out), env=ENVIRONMENT, stdout=log, stderr=log
        )
    while not (list(out.glob("resume/*.npz")) and list(out.glob("curves/*.npz"))):
        if process.poll() is not None or job.left < 5:
            break
        time.sleep(PATIENCE)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    if not list(out.glob("curves/*.npz")):
        raise RuntimeError(
            "the sweep was stopped before it had a result; see broken.log"
        )
    return int((jaxgrok.load(out).phase.values != "").sum())
