"""Peers 1, 3 and 5 of `scripts/bench/peers.py` beside jaxgrok, on the same device."""

import json
import os
import subprocess
import sys
from pathlib import Path

from accelerator_sections.job import Job, one_line

ROOT = Path(__file__).resolve().parents[3]
LANES = 16
"""Of the ensembles."""


def run(job: Job) -> None:
    """Run the benchmark of the peers, and keep its last line."""
    patience = max(10.0, 0.7 * job.left - 10)
    width = job.suggested_width(0)
    words = [sys.executable, str(ROOT / "scripts/bench/peers.py"), "--together"]
    # PyTorch computes on the host of a TPU, which would be no comparison.
    numbers = "8" if job.answer_of("device").get("platform") == "tpu" else "1,3,5,8"
    if job.quick:
        words += ["--scale=laptop", "--only=1,8", "--rounds=1", "--steps=2"]
    else:
        words += [f"--only={numbers}", "--rounds=5", "--steps=50", f"--lanes={LANES}"]
        words += [f"--width={width}"]
    words += [f"--patience={patience:.0f}"]
    own = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    done = subprocess.run(words, env=os.environ | own, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    job.say(command=" ".join(words[1:]), printed=lines[:-1])
    if disagreement := [line for line in lines if line.startswith("error: after")]:
        job.check("the same training losses", False, disagreement[0])
    if done.returncode:
        raise RuntimeError(one_line((lines + done.stderr.strip().splitlines())[-1]))
    peers = json.loads(lines[-1])["peers"]
    job.say(peers=peers, left_out=[line for line in lines if "left out:" in line])
    if len(peers) > 1:
        job.check("the same training losses", True, f"of {len(peers)} peers")
