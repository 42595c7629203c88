"""As much of two shipped sweeps as the time allows, and their figures."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from accelerator_sections.job import Job, one_line

ENVIRONMENT = dict(os.environ)
"""Of the sweeps; this process must not take the device from them."""
os.environ["JAX_PLATFORMS"] = "cpu"

import jaxgrok  # noqa: E402
from jaxgrok.plots.files import save  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
SWEEPS = {
    "mainline": [f"--grid.seed={tuple(range(32))}", "--grid.snapshots=none"],
    "wd_vs_frac": [],
}
"""Grid files of the post's scale → overrides."""
TINY = [
    "--grid.modulus=7",
    "--grid.d_model=8",
    "--grid.d_head=2",
    "--grid.d_mlp=16",
    "--grid.snapshots=none",
    "--grid.train_fraction=(0.5,)",
    "--grid.seed=(0, 1)",
    "--grid.eval_every=50",
    "--grid.steps_past_grok=0",
    "--grid.stop=steps",
]
FINE = {0: "complete", 128 + signal.SIGTERM: "stopped; it can go on"}
"""Exit codes of a sweep."""
QUICK = {"mainline": (200, 60.0), "wd_vs_frac": (10**7, 5.0)}
"""Steps and seconds of --quick: one sweep ends, the other is stopped."""
GRACE = 25.0
"""Seconds after SIGTERM for a sweep to save what it has, and to draw it."""
LEAST = 20.0
"""Seconds that a sweep is worth starting for."""


def run(job: Job) -> None:
    """Train one sweep after the other until the time is up."""
    for name, overrides in SWEEPS.items():
        if job.left < LEAST + GRACE:
            job.say(**{name: {"status": "not started: no time left"}})
            continue
        out = job.work / (f"{name}-quick" if job.quick else name)
        job.say(**{name: {"status": "running"}})
        scale = "laptop" if job.quick else "post"
        grid_file = f"{ROOT}/sweeps/{name}.py:{scale}"
        words = ["--grid", grid_file, "--out", str(out)]
        seconds = job.left - GRACE
        if job.quick:
            steps, seconds = QUICK[name]
            overrides = [*TINY, f"--grid.steps=({steps},)"]
        words += overrides
        answer = train(words, out, seconds)
        answer |= progress(out) | {"figures": figures(name, out, job.out)}
        job.say(**{name: answer})
        if answer["exit_code"] not in FINE:
            raise RuntimeError(f"{name} ended with {answer['exit_code']}; see its log")


def train(words: list[str], out: Path, seconds: float) -> dict[str, Any]:
    """Run a sweep, and stop it when its time is up; it saves what it has."""
    command = [sys.executable, "-m", "jaxgrok.sweep", *words]
    start, log = time.perf_counter(), out.with_suffix(".log")
    with open(log, "w") as file:
        process = subprocess.Popen(command, env=ENVIRONMENT, stdout=file, stderr=file)
    # It heeds a signal from about here on.
    while process.poll() is None and not (out / "manifest.json").exists():
        time.sleep(0.1)
    try:
        process.wait(max(seconds - (time.perf_counter() - start), 2.0))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE - 5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    code = process.returncode
    last = log.read_text().strip().splitlines()[-1:]
    status = FINE.get(code, f"ended with {code}")
    return {
        "status": status,
        "exit_code": code,
        "seconds": time.perf_counter() - start,
        "command": shlex.join(["python", *command[1:]]),
        "last_line": "".join(last)[:300],
    }


def progress(out: Path) -> dict[str, Any]:
    """Return what a run has so far: its cells, their phases and grok steps."""
    try:
        dataset = jaxgrok.load(out)
    except (OSError, ValueError) as error:
        return {"cells": 0, "finished": 0, "unknown": one_line(error)}
    phases = [str(phase) for phase in dataset.phase.values.ravel()]
    groks = dataset.grok_step.values.ravel()
    return {
        "cells": len(phases),
        "finished": len(phases) - phases.count(""),
        "phases": {name: phases.count(name) for name in sorted({*phases} - {""})},
        "grok_steps": sorted(groks[~np.isnan(groks)].tolist()),
    }


def figures(name: str, out: Path, folder: Path) -> list[str]:
    """Draw the figures of a run, finished or not; return their files' names."""
    wanted = "curves" if name == "mainline" else "phase_diagram"
    target = folder / f"{name}_{wanted}.png"
    drawn = out / "plots" / f"{wanted}.png"
    try:
        run = jaxgrok.open(out)
        ((_, figure),) = jaxgrok.figures(run, [wanted])
        save(figure, target)
    except Exception as error:
        if not drawn.exists():
            return [f"none: {one_line(error)}"]
        shutil.copy(drawn, target)
    return [target.name]
