"""Where does the time of a whole sweep go, and what does refilling lanes save?

    python scripts/bench/sweep.py

Runs a heavy-tailed set of cells (x + y mod 47, weight decays log-spaced from 0.1 to 3,
four seeds, budgets that most grok within) twice, interleaved with the same cells in
lock-step: all of them in one program until the last has ended, by the same rule. Tells

- the wall time against lock-step's, compilation left out of both;
- against the lane-steps needed times what a lane-step takes in a full engine;
- the lane-steps of the slowest device, idle lanes included, against an equal share;
- what passes outside the engine (queue, curves, tables, shards), and in figures;
- how long a second start takes, with its programs in JAX's cache: the whole command.

Medians. The last line is one line of JSON. About 25 minutes on two cores, 5 without
lock-step (--nolockstep).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from absl import app, flags, logging

from jaxgrok.host import machine

machine.prepare()

import jax  # noqa: E402

from jaxgrok import grid  # noqa: E402
from jaxgrok.engine import sizing, slots  # noqa: E402
from jaxgrok.engine.engine import Engine  # noqa: E402
from jaxgrok.sweep import run  # noqa: E402
from jaxgrok.sweep.archive import Archive  # noqa: E402
from jaxgrok.training.setup import lane_of  # noqa: E402

ROUNDS = flags.DEFINE_integer("rounds", 2, "interleaved rounds; medians are reported")
LOCKSTEP = flags.DEFINE_bool(
    "lockstep", True, "compare with lock-step: most of the time"
)
FRACTION = flags.DEFINE_float("train_fraction", 0.75, "share of the pairs that train")
DECAYS = tuple(np.geomspace(0.1, 3, 12).round(3).tolist())
SEEDS = (0, 1, 2, 3)
BUDGET = 10_000
COMMAND = (
    "-m jaxgrok.sweep --grid sweeps/wd_vs_frac.py:laptop --grid.seed=(0,) "
    "--grid.weight_decay=(1.0,) --grid.train_fraction=(0.5,) --grid.steps=(50,) --out"
)


def config() -> Any:
    fields = grid.base("laptop")
    fields.weight_decay, fields.seed, fields.steps = DECAYS, SEEDS, (BUDGET,)
    fields.train_fraction = (FRACTION.value,)
    return fields


class Clock:
    """Seconds inside the functions that it watches."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Any) -> Any:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - start

        return timed


class Span(Clock):
    """A clock that adds up the lane-steps of the slowest device as well."""

    lane_steps = 0

    def around(self, function: Any) -> Any:
        timed = super().around(function)

        def counted(engine: Engine, *args: Any, **kwargs: Any) -> Any:
            busy, cells = engine.busy, list(engine._cells)
            result = timed(engine, *args, **kwargs)
            steps = (engine.busy - busy) // len(cells)
            self.lane_steps += steps * slots.cost(cells)[0] * engine.width
            return result

        return counted


def sweep() -> dict[str, float]:
    """Wall seconds of a sweep, without compilation; of its engine; its lane-steps."""
    build, advance, draw = Clock(), Span(), Clock()
    with (
        tempfile.TemporaryDirectory() as out,
        mock.patch.object(sizing, "build", build.around(sizing.build)),
        mock.patch.object(Engine, "advance", advance.around(Engine.advance)),
        mock.patch.object(Archive, "redraw", draw.around(Archive.redraw)),
    ):
        start = time.perf_counter()
        dataset = run.run(config(), out, quiet=True)
        wall = time.perf_counter() - start
    steps = dataset.steps.values.ravel()
    return {
        "wall": wall - build.seconds,
        "engine": advance.seconds,
        "figures": draw.seconds,
        "lane_steps": float(steps.sum()),
        "slowest_device": float(advance.lane_steps),
        "longest": float(steps.max()),
        "grokked": float(dataset.grok_step.notnull().mean()),
    }


def lockstep() -> float:
    """Seconds of the same cells side by side until the last of them has ended."""
    (group,) = grid.resolve(config()).groups
    blocks = -(-len(group.cells) // group.block_width)
    engine = Engine(group.setup, block_width=group.block_width, blocks=blocks)
    start = time.perf_counter()
    lanes = {cell.id: lane_of(group.setup, **cell.lane) for cell in group.cells}
    engine.admit(lanes)
    finished: set[str] = set()
    while len(finished) < len(group.cells):
        for records in engine.advance(group.setup.eval_every, chunks=4):
            for cell_id, record in records.items():
                if engine.schema.unpack(record).finished:
                    finished.add(cell_id)
    return time.perf_counter() - start


def full_speed() -> float:
    """Seconds of a lane-step in an engine that is full, evaluations included."""
    (group,) = grid.resolve(config()).groups
    engine = sizing.build(
        group.setup,
        block_width=group.block_width,
        cells=len(group.cells),
        blocks=None,
    )
    lane = lane_of(group.setup, **group.cells[0].lane)
    engine.admit({str(i): lane for i in range(engine.lanes)})
    every, times = group.setup.eval_every, []
    for _ in range(6):
        start = time.perf_counter()
        engine.advance(every, chunks=20)
        times.append((time.perf_counter() - start) / (20 * every * engine.lanes))
    return float(np.median(times[1:]))


def second_start() -> list[float]:
    """Seconds of a command that trains one chunk, the first time and the second."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        variables = os.environ | {"XDG_CACHE_HOME": folder}
        variables.pop("JAX_COMPILATION_CACHE_DIR", None)
        for name in "ab":
            command = [sys.executable, *COMMAND.split(), f"{folder}/{name}"]
            start = time.perf_counter()
            subprocess.run(
                command,
                check=True,
                env=variables,
                capture_output=True,
                cwd=Path(__file__).parents[2],
            )
            seconds.append(time.perf_counter() - start)
    return seconds


def main(_: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)  # of orbax
    sweep()  # imports, compilation
    rounds = []
    for _round in range(ROUNDS.value):
        one = sweep()
        if LOCKSTEP.value:
            one["lockstep"] = lockstep()
        rounds.append(one | {"step": full_speed()})
        print(rounds[-1], flush=True)
    middle = {name: float(np.median([r[name] for r in rounds])) for name in rounds[0]}
    middle["needed"] = middle["lane_steps"] * middle["step"]
    cold, warm = second_start()
    cells, devices = len(DECAYS) * len(SEEDS), jax.local_device_count()
    longest = middle["longest"]
    print(
        f"{cells} cells, {middle['grokked']:.0%} grokked, "
        f"{middle['lane_steps']:,.0f} lane-steps, the longest {longest:,.0f} "
        f"(in lock-step {cells * longest:,.0f}), {devices} devices"
    )
    ratios = {
        # A count: it does not depend on what else the machine does.
        "idle_tail": [
            r["slowest_device"] / (r["lane_steps"] / devices) for r in rounds
        ],
        "over_needed": [r["wall"] / (r["lane_steps"] * r["step"]) for r in rounds],
        "in_figures": [r["figures"] / r["wall"] for r in rounds],
        "outside_engine": [
            1 - (r["engine"] + r["figures"]) / r["wall"] for r in rounds
        ],
    }
    if LOCKSTEP.value:
        ratios["over_lockstep"] = [r["wall"] / r["lockstep"] for r in rounds]
    summary = {name: float(np.median(values)) for name, values in ratios.items()}
    summary |= {"first_start_s": cold, "second_start_s": warm}
    for name in ("wall", "lockstep", "needed"):
        if name in middle:
            print(f"{name:10s} {middle[name]:8.1f} s")
    for name, value in summary.items():
        print(f"{name:16s} {value:8.3f}")
    print(json.dumps(middle | summary))


if __name__ == "__main__":
    app.run(main)
