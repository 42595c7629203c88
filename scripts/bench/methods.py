"""What a lane-step of each method takes, as a ratio to AdamW's.

    python scripts/bench/methods.py                       # p = 113, the post's model
    python scripts/bench/methods.py --scale laptop --rounds 3 --only muon,lion
    python scripts/bench/methods.py --grid sweeps/accelerate.py:laptop --of part,d_model

With --grid, of a grid file's own cells: one of each combination of the axes of --of, at
the grid's block width, as a ratio to that of the first value of the first axis. --write
FILE keeps the seconds of a step in the form that `jaxgrok compare --step_times` takes.

Every method has an engine of its own, full of lanes; rounds go through all of them in
turn, and a ratio is the median over the rounds of a method's time over AdamW's in the
same round. Beside it, the bytes that its optimiser keeps a lane. Compiling takes half a
minute a method on two cores, a round some seconds. The last line is one line of JSON.
"""

import dataclasses
import json
import statistics
import sys
from pathlib import Path

from absl import app, flags

from jaxgrok.host import machine

machine.prepare()
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import jax  # noqa: E402

from jaxgrok import grid  # noqa: E402
from jaxgrok.engine.engine import Engine  # noqa: E402
from jaxgrok.engine.programs import one_lane  # noqa: E402
from jaxgrok.grid import grid_file  # noqa: E402
from jaxgrok.host.terminal import size  # noqa: E402
from step import full_engine, lane_step  # noqa: E402

METHODS: dict[str, dict[str, object]] = {
    "adamw": {},
    "grokfast_ema": {"optimiser": "grokfast_ema"},
    "grokfast_ma": {"optimiser": "grokfast_ma"},
    "orthogonal": {"optimiser": "orthogonal"},
    "stablemax": {"loss": "stablemax"},
    "orthogonal, stablemax": {"optimiser": "orthogonal", "loss": "stablemax"},
    "muon": {"optimiser": "muon"},
    "lion": {"optimiser": "lion"},
    "growing sgd": {"optimiser": "sgd", "momentum": (0.9,), "schedule": "growing"},
    "cosine": {"schedule": "cosine"},
    "constant norm": {"weight_norm": "constant"},
    "dropout": {"dropout": (0.1,)},
    "frequencies": {
        "objective": "frequencies",
        "frequencies": "3,7",
        "excluded_weight": (1.0,),
    },
}
GRID = flags.DEFINE_string("grid", "", "FILE:SCALE whose cells are timed")
OF = flags.DEFINE_list("of", ["part"], "axes of --grid; a time for each combination")
WRITE = flags.DEFINE_string("write", "", "file for the seconds of a step, as JSON")
ONLY = flags.DEFINE_list("only", [], "methods beside adamw; all by default")
WIDTH = flags.DEFINE_integer("width", 4, "lanes of a block, without --grid")
SECONDS = flags.DEFINE_float("seconds", 2.0, "seconds of the first one's steps a round")


def method_engines() -> tuple[dict[str, Engine], dict[str, str]]:
    """Return full engines by method, and the baseline of each."""
    names = ["adamw", *(ONLY.value or [name for name in METHODS if name != "adamw"])]
    engines = {}
    for name in names:
        config = grid.base(flags.FLAGS.scale)
        config.train_fraction = (flags.FLAGS.train_fraction,)
        config.seed = tuple(range(WIDTH.value * len(jax.local_devices())))
        config.update(METHODS[name])
        (group,) = grid.resolve(config).groups
        engines[name] = full(group, WIDTH.value)
    return engines, dict.fromkeys(engines, "adamw")


def grid_engines() -> tuple[dict[str, Engine], dict[str, str]]:
    """Return full engines of a grid's cells, by selector, and the baseline of each."""
    file, _, scale = GRID.value.partition(":")
    config, _ = grid_file.load(file, scale or "auto")
    engines: dict[str, Engine] = {}
    baselines: dict[str, str] = {}
    first: dict[tuple[object, ...], str] = {}
    for group in grid.resolve(config).groups:
        for cell in group.cells:
            values = [cell.axes[name] for name in OF.value]
            pairs = zip(OF.value, values, strict=True)
            name = ",".join(f"{axis}={value}" for axis, value in pairs)
            if name not in engines:
                alone = dataclasses.replace(group, cells=(cell,))
                engines[name] = full(alone, group.block_width)
                baselines[name] = first.setdefault(tuple(values[1:]), name)
    return engines, baselines


def full(group: grid.Group, width: int) -> Engine:
    """Compile the engine of a method, one block a device, and fill it with lanes."""
    engine = full_engine(group, width, len(jax.local_devices()))
    lane_step(engine, 2)  # The first dispatch is slow; it is left out.
    return engine


def state_bytes(engine: Engine) -> int:
    """Bytes that the optimiser of one lane keeps."""
    _, state = one_lane(engine.setup)
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state.opt_state))


def main(_: list[str]) -> None:
    """Time all methods in turn; print a table, and one line of JSON."""
    engines, baselines = grid_engines() if GRID.value else method_engines()
    first = next(iter(engines.values()))
    n_steps = max(int(SECONDS.value / first.lanes / lane_step(first, 2)), 1)
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(flags.FLAGS.rounds):
        for name, engine in engines.items():
            times[name].append(lane_step(engine, n_steps))
    rows = {}
    for name, engine in engines.items():
        pairs = zip(times[name], times[baselines[name]], strict=True)
        ratio = statistics.median(own / base for own, base in pairs)
        n_bytes = state_bytes(engine)
        seconds = statistics.median(times[name])
        rows[name] = {
            "ratio": round(ratio, 3),
            "seconds": float(f"{seconds:.3g}"),
            "state_bytes": n_bytes,
        }
        print(f"{name:32} {1e3 * seconds:8.3f} ms {ratio:6.2f} {size(n_bytes):>9}")
    if WRITE.value:
        seconds_of = {name: row["seconds"] for name, row in rows.items()}
        text = json.dumps(seconds_of, indent=1, ensure_ascii=False)
        Path(WRITE.value).write_text(text + "\n", encoding="utf-8")
    print(json.dumps({"steps": n_steps, "methods": rows}))


if __name__ == "__main__":
    app.run(main)
