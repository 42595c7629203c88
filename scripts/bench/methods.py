"""What a lane-step of each method takes, as a ratio to AdamW's.

    python scripts/bench/methods.py                       # p = 113, the post's model
    python scripts/bench/methods.py --scale laptop --rounds 3 --only muon,lion

Every method has an engine of its own, full of lanes; rounds go through all of them in
turn, and a ratio is the median over the rounds of a method's time over AdamW's in the
same round. Beside it, the bytes that its optimiser keeps a lane. Compiling takes half a
minute a method on two cores, a round some seconds. The last line is one line of JSON.
"""

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
ONLY = flags.DEFINE_list("only", [], "methods beside adamw; all by default")
WIDTH = flags.DEFINE_integer("width", 4, "lanes of a block")
SECONDS = flags.DEFINE_float("seconds", 2.0, "seconds of AdamW's steps in a round")


def engine_of(fields: dict[str, object]) -> Engine:
    """Compile the engine of a method, one block a device, and fill it with lanes."""
    config = grid.base(flags.FLAGS.scale)
    config.train_fraction = (flags.FLAGS.train_fraction,)
    config.seed = tuple(range(WIDTH.value * len(jax.local_devices())))
    config.update(fields)
    (group,) = grid.resolve(config).groups
    return full_engine(group, WIDTH.value, len(jax.local_devices()))


def state_bytes(engine: Engine) -> int:
    """Bytes that the optimiser of one lane keeps."""
    _, state = one_lane(engine.setup)
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state.opt_state))


def main(_: list[str]) -> None:
    """Time all methods in turn; print a table, and one line of JSON."""
    names = ["adamw", *(ONLY.value or [name for name in METHODS if name != "adamw"])]
    engines = {name: engine_of(METHODS[name]) for name in names}
    for engine in engines.values():
        lane_step(engine, 2)  # The first dispatch is slow; it is left out.
    n_steps = max(int(SECONDS.value / engines["adamw"].lanes / warm(engines)), 1)
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(flags.FLAGS.rounds):
        for name, engine in engines.items():
            times[name].append(lane_step(engine, n_steps))
    rows = {}
    for name, engine in engines.items():
        pairs = zip(times[name], times["adamw"], strict=True)
        ratio = statistics.median(own / base for own, base in pairs)
        n_bytes = state_bytes(engine)
        rows[name] = {"ratio": round(ratio, 3), "state_bytes": n_bytes}
        milliseconds = 1e3 * statistics.median(times[name])
        print(f"{name:24} {milliseconds:8.3f} ms {ratio:6.2f} {size(n_bytes):>9}")
    print(json.dumps({"scale": flags.FLAGS.scale, "steps": n_steps, "methods": rows}))


def warm(engines: dict[str, Engine]) -> float:
    """Seconds a lane-step of AdamW, about."""
    return lane_step(engines["adamw"], 2)


if __name__ == "__main__":
    app.run(main)
