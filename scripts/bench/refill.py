"""How well are the lanes filled, and what does refilling cost?

    python scripts/bench/refill.py runs/wd_vs_frac-laptop

Reads a finished run: the share of executed lane-steps that were made for a cell,
beside the best schedule for those run lengths (longest first with the lengths known in
advance, lanes moved together at the end). Then times, interleaved, cells of equal
length with refill against lock-step: the same lanes, filled once a round, flags never
read. Medians.
"""

import heapq
import sys
import time

from absl import app

from jaxgrok.host import machine

machine.prepare()

import jax  # noqa: E402
import numpy as np  # noqa: E402

from jaxgrok import grid  # noqa: E402
from jaxgrok.engine.engine import Engine  # noqa: E402
from jaxgrok.results.run import open_run  # noqa: E402
from jaxgrok.training.setup import lane_of  # noqa: E402

ROUNDS = 15
AHEAD = 8
"""Chunks in flight: about what a worker starts in the second it may be deaf for."""


def best(lengths: list[int], lanes: int, width: int) -> int:
    """Lane-steps executed by longest-first with known lengths and free compaction."""
    free = [0] * lanes
    for length in sorted(lengths, reverse=True):
        heapq.heappush(free, heapq.heappop(free) + length)
    lane_lengths = sorted(free)
    executed, before = 0, 0
    for i, end in enumerate(lane_lengths):
        active = -(-(lanes - i) // width) * width
        executed += active * (end - before)
        before = end
    return executed


def utilisation(run_dir: str) -> None:
    """Print the share of busy lane-steps of a run, and the best schedule's."""
    run = open_run(run_dir)
    steps = {row["id"]: row["steps"] for row in run.rows()}
    total, least = sum(steps.values()), 0
    for group in run.manifest.groups:
        lengths, width = [steps[cell] for cell in group.cells], group.block_width
        blocks = min(jax.local_device_count(), -(-len(lengths) // width))
        least += best(lengths, blocks * width, width)
    usage = run.manifest.usage
    ours, theirs = usage.busy / usage.executed, total / least
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
        start = time.perf_counter()
        for _ in range(3):
            engine.admit({str(i): lane for i in range(engine.lanes)})
            for _ in range(chunks):
                for blocks in engine._devices:
                    blocks.busy[:] = True
                    blocks.advance(group.setup.eval_every)
                    blocks.record()
            for blocks in engine._devices:
                blocks.wait()
            engine._cells.clear()
        return time.perf_counter() - start

    def refill() -> float:
        start, waiting, n_chunks = time.perf_counter(), 3 * engine.lanes, 0
        while waiting or engine.cells:
            if first := min(engine.free, waiting):
                engine.admit({f"cell {waiting - i}": lane for i in range(first)})
                waiting, n_chunks = waiting - first, 0
            in_flight = min(AHEAD, chunks - n_chunks)
            for records in engine.advance(group.setup.eval_every, chunks=in_flight):
                n_chunks += 1
                for cell_id, record in records.items():
                    if engine.schema.unpack(record).finished:
                        engine.release(cell_id)
        return time.perf_counter() - start

    refill(), lockstep()
    return float(np.median([refill() / lockstep() for _ in range(ROUNDS)]))


def main(argv: list[str]) -> None:
    for run_dir in argv[1:]:
        utilisation(run_dir)
    print(f"refill over lock-step, equal lengths: {refill_against_lockstep():.3f}")


if __name__ == "__main__":
    app.run(main, argv=[sys.argv[0], *sys.argv[1:]])
