"""What other options of XLA would do to a step, each in a process of its own.

`python -m accelerator_sections.levers SCALE WIDTH` is such a process: it reads orders,
one a line, from its standard input, and answers each with a line of JSON.
"""

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np

from accelerator_sections.job import Job, one_line

GRAPHS = "--xla_gpu_graph_min_graph_size=1"
GPU = {
    "as shipped": "",
    "loops in command buffers": (
        f"{GRAPHS} --xla_gpu_enable_command_buffer=+WHILE,+CONDITIONAL"
    ),
    "no command buffers": "--xla_gpu_enable_command_buffer=",
    "products measured": "--xla_gpu_autotune_level=4",
    "Triton products": ("--xla_gpu_autotune_level=4 --xla_gpu_enable_triton_gemm=true"),
    "products merged": "--xla_gpu_dot_merger_threshold_mb=32",
    "small command buffers": GRAPHS,
}
"""Name → XLA_FLAGS, in order of predicted gain."""
CPU = {"as shipped": "", "unoptimised": "--xla_backend_optimization_level=0"}
"""To try this section where there is no GPU."""
ROUNDS, STEPS = 5, 100
WIDEST = 64
"""Lanes at most: the processes share the device's memory."""


def run(job: Job) -> None:
    """Compile one after the other while there is time, then time them in turn."""
    flags = {"gpu": GPU, "cpu": CPU}.get(job.answer_of("device").get("platform", "gpu"))
    if flags is None:
        job.say(left_out="these options are of GPUs")
        return
    width = min(job.suggested_width(2 if job.quick else 16), WIDEST)
    job.say(width=width, rows={})
    levers: dict[str, Lever] = {}
    longest = 0.0
    # Started at once, so that imports overlap; compiled one after the other.
    started = {name: Lever(job, width, words) for name, words in flags.items()}
    for name, lever in started.items():
        if longest + 15 > job.left - 10:
            job.answer["rows"][name] = {"missing": "no time left"}
            lever.close()
            continue
        try:
            reply = lever.ask("build")
        except RuntimeError as error:
            job.answer["rows"][name] = {"missing": one_line(error)}
            continue
        levers[name] = lever
        longest = max(longest, reply["seconds"])
        job.answer["rows"][name] = {"flags": flags[name], **reply}
        job.say()
    time_in_turn(job, levers)
    for lever in levers.values():
        lever.close()


def time_in_turn(job: Job, levers: dict[str, "Lever"]) -> None:
    """Time the levers in rounds; medians, and the ratios to the first of them."""
    times: dict[str, list[float]] = {name: [] for name in levers}
    steps = 20 if job.quick else STEPS
    for done in range(ROUNDS):
        if done and job.left < 10:
            break
        for name, lever in levers.items():
            times[name].append(lever.seconds(steps))
    shipped = job.answer["rows"].get("as shipped", {})
    base = np.array(times.get("as shipped", np.nan))
    for name, values in times.items():
        row = job.answer["rows"][name]
        row["ms"] = float(np.median(values)) * 1e3
        row["over_shipped"] = float(np.median(np.array(values) / base))
        row["same_bits"] = row["hash"] == shipped.get("hash")
    job.say()


class Lever:
    """A process that trains under some XLA_FLAGS.

    Args:
        job: says the scale, and the folder of its log.
        width: lanes of its block.
        flags: added to those that are set.
    """

    def __init__(self, job: Job, width: int, flags: str) -> None:
        own = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        own["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
        words = ["-m", "accelerator_sections.levers", job.scale, str(width)]
        self._log = open(job.work / "levers.log", "a+")  # noqa: SIM115 (closed below)
        self._process = subprocess.Popen(
            [sys.executable, *words],
            env=os.environ | own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def ask(self, order: str) -> dict[str, Any]:
        """Send an order and wait for the answer; RuntimeError if the process died."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(order + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError("its process ended; see levers.log")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def seconds(self, steps: int) -> float:
        """Return the seconds of a lane-step; NaN if the process died."""
        try:
            return float(self.ask(f"time {steps}")["seconds"])
        except RuntimeError:
            return np.nan

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._log.close()


def serve(scale: str, width: int) -> None:
    """Answer orders: `build`, then `time N`."""
    import time

    import jax

    import step
    from accelerator_sections import lanes
    from accelerator_sections.shapes import group_of

    engine = None
    for line in sys.stdin:
        order, *count = line.split()
        start = time.perf_counter()
        try:
            if order == "build":
                group = group_of(scale)
                engine = step.full_engine(group, width, 1, jax.local_devices()[:1])
                seconds = time.perf_counter() - start
                step.lane_step(engine, 3)
                answer = {"seconds": seconds, "hash": lanes.hashes_of(engine)["0"]}
            else:
                answer = {"seconds": step.lane_step(engine, int(count[0]))}
        except Exception as error:
            answer = {"error": one_line(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
