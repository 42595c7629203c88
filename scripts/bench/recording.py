"""What do snapshots and measures cost, and how fast is a trajectory read?

    python scripts/bench/recording.py

The post's model, 8 lanes, a snapshot of each every 100 steps. Training with and without
snapshots alternates in one run, a shard being written every turn: 17 times as often as
a sweep writes them. A run directory of 400 snapshots × 8 cells is written and one
cell is read back. The Fourier measures are timed as what they add to an evaluation, at
both scales. The last line is one line of JSON. About 9 minutes on two cores.
"""

import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path

from absl import app, flags, logging
from ml_collections import ConfigDict

from jaxgrok.host import machine

machine.prepare()

import jax  # noqa: E402
import numpy as np  # noqa: E402

import jaxgrok  # noqa: E402
from jaxgrok import grid  # noqa: E402
from jaxgrok.engine.engine import Engine  # noqa: E402
from jaxgrok.results import run_directory, snapshots  # noqa: E402
from jaxgrok.results.files import manifest  # noqa: E402
from jaxgrok.training.setup import lane_of  # noqa: E402

LANES = 8
ROUNDS = 1
"""Snapshots of each lane in a turn."""
SNAPSHOTS = 400
TURNS = flags.DEFINE_integer("turns", 12, "turns with snapshots, and as many without")


def turn(engine: Engine, writer: snapshots.Writer | None, first: int) -> float:
    """Seconds of ROUNDS × 100 steps; with a writer, snapshots are kept and written."""
    start = time.perf_counter()
    for step in range(first, first + ROUNDS):
        engine.offset = 0
        engine.advance(100)
        if writer:
            vectors = engine.vectors(engine.cells)
            for cell, vector in zip(engine.cells, vectors, strict=True):
                writer.add(cell, step, vector, engine.shapes)
    if writer:
        writer.wait()
    return time.perf_counter() - start


def training(group: grid.Group) -> dict[str, float]:
    """Alternate turns with and without snapshots."""
    blocks = LANES // group.block_width
    engine = Engine(group.setup, block_width=group.block_width, blocks=blocks)
    lane = lane_of(group.setup, **group.cells[0].lane)
    engine.admit({f"cell{i}": lane for i in range(LANES)})
    engine.advance(2)
    snapshots.SHARD_BYTES = ROUNDS * LANES * engine.n_parameters * 4
    seconds: dict[str, list[float]] = {"without": [], "with": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        snapshots.Writer(Path(folder)) as writer,
    ):
        for number in range(TURNS.value):
            seconds["without"].append(turn(engine, None, 0))
            seconds["with"].append(turn(engine, writer, number * ROUNDS))
            shares = np.divide(seconds["with"], seconds["without"]) - 1
            print(f"turn {number + 1}: snapshots cost {shares[-1]:+.2%}", flush=True)
    return {"cost_share": float(np.median(shares)), "cost_shares": shares.tolist()}


def measures(config: ConfigDict) -> float:
    """Share of training time that measures="fourier" adds at the scale's cadence."""
    timed: dict[str, list[float]] = {"step": [], "none": [], "fourier": []}
    engines = {name: _evaluating(config, name) for name in timed if name != "step"}
    n_steps = 4 if config.scale == "post" else 100
    for _ in range(12):
        for name, seconds in timed.items():
            engine = engines.get(name, engines["none"])
            start = time.perf_counter()
            if name == "step":  # a chunk is one step here: stop short of its end
                engine.setup = dataclasses.replace(engine.setup, eval_every=10**6)
                engine.advance(n_steps)
                engine.setup = dataclasses.replace(engine.setup, eval_every=1)
                engine.offset = 0
            else:
                engine.advance(1, chunks=n_steps)
            seconds.append((time.perf_counter() - start) / n_steps)
    step, none, fourier = (np.median(seconds[2:]) for seconds in timed.values())
    return float((fourier - none) / (step * (config.eval_every - 1) + none))


def _evaluating(config: ConfigDict, measured: str) -> Engine:
    """A full engine, one block a device, that evaluates after every step."""
    (group,) = grid.resolve(config).groups
    setup = dataclasses.replace(group.setup, eval_every=1, measures=measured)
    engine = Engine(setup, block_width=group.block_width, blocks=jax.device_count())
    lane = lane_of(setup, **group.cells[0].lane)
    engine.admit({f"cell{i}": lane for i in range(engine.lanes)})
    return engine


def reading(config: ConfigDict) -> dict[str, float]:
    """Write 400 snapshots of 8 cells in shards of the usual size; read one cell."""
    resolved = grid.resolve(config)
    shapes = {"all": (226_816,)}
    noise = np.random.default_rng(0).normal(size=(LANES, 226_816)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        with run_directory.RunDirectory(folder) as directory:
            directory.write_manifest(manifest.describe(resolved))
        snapshots.SHARD_BYTES = 128_000_000
        start = time.perf_counter()
        with snapshots.Writer(Path(folder)) as writer:
            for step in range(SNAPSHOTS):
                for cell, vector in zip(resolved.cells, noise, strict=True):
                    writer.add(cell.kin, 100 * step, vector + step, shapes)
            writer.flush()
        written = time.perf_counter() - start
        times = []
        for cell_index in range(5):
            _drop_caches()
            start = time.perf_counter()
            steps, params = jaxgrok.load_trajectory(folder, cell_index)
            times.append(time.perf_counter() - start)
            right = noise[cell_index] + (steps[:, None] / 100).astype(np.float32)
            assert np.array_equal(params["all"], right)
        return {
            "write_seconds": written,
            "read_seconds": float(np.median(times)),
            "read_seconds_all": times,
            "read_bytes": SNAPSHOTS * noise[0].nbytes,
        }


def _drop_caches() -> None:
    """Empty the page cache where we may, so that the disk is read."""
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        print("(the page cache is warm: dropping it needs root)", file=sys.stderr)


def main(_: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)  # orbax tells of every file
    config = grid.base("post")
    config.seed = tuple(range(LANES))
    (group,) = grid.resolve(config).groups
    result = reading(config)
    print(
        f"reading {SNAPSHOTS} snapshots of one cell of {LANES}: "
        f"{result['read_seconds']:.2f} s"
    )
    for scale in ("post", "laptop"):
        share = measures(grid.base(scale))
        result[f"measures_share_{scale}"] = share
        print(f"measures at {scale} scale cost {share:+.2%} of training", flush=True)
    result |= training(group)
    device = {"device": jax.devices()[0].device_kind, "cores": jax.device_count()}
    print(json.dumps(device | result))


if __name__ == "__main__":
    app.run(main)
