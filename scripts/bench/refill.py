"""How well are the lanes filled, and what does refilling cost?

    python scripts/bench/refill.py runs/wd_vs_frac-laptop

Reads a finished run: the share of executed lane-steps that were made for a cell,
beside the best schedule for those run lengths (longest first with the lengths known in
advance, lanes moved together at the end). Then times, interleaved, cells of equal
length with refill against lock-step: the same lanes, filled once a round, flags never
read. Medians.
"""

import heapq
import json
import sys
import time
from pathlib import Path

from absl import app

from jaxgrok.host import machine

machine.prepare()

import jax  # noqa: E402
import numpy as np  # noqa: E402

from jaxgrok import grid  # noqa: E402
from jaxgrok.engine.engine import Engine  # noqa: E402
from jaxgrok.results import run_directory  # noqa: E402
from jaxgrok.training.setup import lane_of  # noqa: E402

ROUNDS = 15
AHEAD = 8
"""Chunks in flight: about what the runner starts in the second it may be deaf for."""


def best(lengths: list[int], lanes: int, width: int) -> int:
    """Lane-steps executed by longest-first with known lengths and free compaction."""
    free = [0] * lanes
    for length in sorted(lengths, reverse=True):
        heapq.heappush(free, heapq.heappop(free) + length)
    ends = sorted(free)
    executed, before = 0, 0
    for i, end in enumerate(ends):
        active = -(-(lanes - i) // width) * width
        executed += active * (end - before)
        before = end
    return executed


def utilisation(run_dir: str) -> None:
    """Print the share of busy lane-steps of a run, and the best schedule's."""
    manifest = json.loads((Path(run_dir) / "manifest.json").read_text())
    results = run_directory.table(
        manifest, run_directory.RunDirectory(run_dir).results()
    )
    steps = {row["id"]: row["steps"] for row in results}
    total, least = sum(steps.values()), 0
    for group in manifest["groups"]:
        lengths, width = [steps[c] for c in group["cells"]], group["block_width"]
        blocks = min(jax.local_device_count(), -(-len(lengths) // width))
        least += best(lengths, blocks * width, width)
    usage = manifest["usage"]
    ours, theirs = usage["busy"] / usage["executed"], total / least
    print(f"{run_dir}: {total:,} lane-steps in {len(steps)} cells")
    print(
        f"busy share {ours:.1%}, best schedule {theirs:.1%}, ratio {ours / theirs:.3f}"
    )


def refill_against_lockstep() -> float:
    """Median ratio of times: refill over lock-step, when every cell runs as long."""
    config = grid.base("laptop")
    config.stop = "steps"
    config.steps = (1_000,)
    (group,) = grid.resolve(config).groups
    devices = jax.local_device_count()
    engine = Engine(group.setup, block_width=group.block_width, blocks=devices)
    lane = lane_of(group.setup, **group.cells[0].lane)
    chunks = 1_000 // group.setup.eval_every

    def lockstep() -> float:
        started = time.perf_counter()
        for _ in range(3):
            engine.admit({str(i): lane for i in range(engine.lanes)})
            for _ in range(chunks):
                for share in engine._shares:
                    share.busy[:] = True
                    share.advance(group.setup.eval_every)
                    share.record()
            jax.block_until_ready([share.carry for share in engine._shares])
            engine._cells.clear()
        return time.perf_counter() - started

    def refill() -> float:
        started, waiting, made = time.perf_counter(), 3 * engine.lanes, 0
        while waiting or engine.cells:
            if first := min(engine.free, waiting):
                engine.admit({f"cell {waiting - i}": lane for i in range(first)})
                waiting, made = waiting - first, 0
            ahead = min(AHEAD, chunks - made)
            for records in engine.advance(group.setup.eval_every, chunks=ahead):
                made += 1
                for cell, record in records.items():
                    if record[-2]:
                        engine.release(cell)
        return time.perf_counter() - started

    refill(), lockstep()
    return float(np.median([refill() / lockstep() for _ in range(ROUNDS)]))


def main(argv: list[str]) -> None:
    for run_dir in argv[1:]:
        utilisation(run_dir)
    print(f"refill over lock-step, equal lengths: {refill_against_lockstep():.3f}")


if __name__ == "__main__":
    app.run(main, argv=[sys.argv[0], *sys.argv[1:]])
