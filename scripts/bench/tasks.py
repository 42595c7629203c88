"""What pruned read positions and look-up tables save, task by task.

    python scripts/bench/tasks.py                    # the post's sizes
    python scripts/bench/tasks.py --scale laptop

For each task, one training step of two lanes under vmap: XLA's count of floating point
operations and the time, ours against the textbook model (every position, no table,
one-hot inputs for the MLP; plain log_softmax) with the same optimiser. Times are
medians of interleaved rounds on one device. The last line is one line of JSON. About 2
minutes on two cores.
"""

import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import app, flags

from jaxgrok.host import machine

machine.prepare()
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402

import textbook  # noqa: E402
from jaxgrok import grid  # noqa: E402
from jaxgrok.engine.compilation import options  # noqa: E402
from jaxgrok.engine.device import suited  # noqa: E402
from jaxgrok.tasks import Example  # noqa: E402
from jaxgrok.training import examples as data  # noqa: E402
from jaxgrok.training import optimisers, trainer  # noqa: E402
from jaxgrok.training.setup import Setup, lane_of  # noqa: E402

SCALE = flags.DEFINE_enum("scale", "post", ["post", "laptop"], "sizes of the tasks")
ROUNDS = flags.DEFINE_integer("rounds", 9, "interleaved rounds; medians are reported")
LANES = 2
Step = Callable[[trainer.LaneState], trainer.LaneState]

CASES: dict[str, dict[str, Any]] = {
    "modular": {},
    "modular, MLP": {"model": "mlp", "d_mlp": 256},
    "digits": {"task": "digits"},
    "digits, online": {"task": "digits", "regime": "online", "batch_size": 64},
    "15 digits, online": {
        "task": "digits",
        "digits": 15,
        "regime": "online",
        "batch_size": 64,
    },
    "repeats": {"task": "repeats"},
    "trigrams": {"task": "trigrams"},
    "trigrams, online": {"task": "trigrams", "regime": "online", "batch_size": 256},
    "parity, MLP": {"task": "parity"},
    "multitask": {"task": "multitask"},
}


def case(fields: dict[str, Any]) -> tuple[Setup, Any, trainer.LaneState]:
    """The setup of a case, its lane, and its state at the start."""
    config = grid.base(SCALE.value, fields.get("task", "modular"))
    config.update(fields)
    (group,) = grid.resolve(config).groups
    setup = suited(group.setup, jax.local_devices()[0])  # as the engine does
    lane = jax.device_put(lane_of(setup, **group.cells[0].lane))
    state = jax.jit(trainer.init, static_argnums=0)(setup, lane)
    return setup, lane, state


def ours(setup: Setup, lane: Any, order: jax.Array) -> Step:
    """One update as the engine makes it, the drawing of examples included."""
    train_set = data.train_set(setup, lane, order)

    def step(state: trainer.LaneState) -> trainer.LaneState:
        examples, weights = data.batch(setup, lane, train_set, state.step)
        return trainer._update(setup, lane, state, examples, weights)

    return step


def by_the_book(setup: Setup, lane: Any, order: jax.Array) -> Step:
    """The same with the textbook model."""
    train_set = data.train_set(setup, lane, order)

    def step(state: trainer.LaneState) -> trainer.LaneState:
        examples, _ = data.batch(setup, lane, train_set, state.step)

        def objective(params: trainer.Params) -> jax.Array:
            logits = textbook_logits(setup, params, examples)
            log_p = jax.nn.log_softmax(logits)
            return -jnp.take_along_axis(log_p, examples.labels[..., None], -1).mean()

        grads = jax.grad(objective)(state.params)
        optimiser = optimisers.build(setup, lane, state.step)
        updates, opt_state = optimiser.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return state._replace(params=params, opt_state=opt_state, step=state.step + 1)

    return step


def textbook_logits(
    setup: Setup, params: trainer.Params, examples: Example
) -> jax.Array:
    """Logits [examples, read, vocab] of the textbook model."""
    task = setup.task
    if "mlp.W_in" in params:
        return textbook.mlp_logits(params, examples.tokens, task=task)
    if params["unembed.W_U"].ndim == 3:
        W_U = params["unembed.W_U"].transpose(1, 0, 2)
        params = params | {"unembed.W_U": W_U.reshape(W_U.shape[0], -1)}
    logits = textbook.logits(params, examples.tokens, model=setup.model)
    read = examples.read
    if read is None:
        logits = logits[:, jnp.array(task.read)]
    else:
        logits = jnp.take_along_axis(logits, read[..., None], 1)
    if getattr(task, "unembeddings", 1) > 1:
        which = jnp.asarray(task.component(examples.tokens, examples.labels))
        each = logits.reshape(*logits.shape[:-1], task.unembeddings, -1)
        logits = jnp.take_along_axis(each, which[..., None, None], -2)[..., 0, :]
    return logits


def measure(setup: Setup, lane: Any, state: trainer.LaneState, make: Any) -> Any:
    """GFLOP of a lane's step, and a function that times some steps of all lanes.

    Ours is compiled as the engine does it, the other as plain `jax.jit` does.
    """
    program = jax.jit(lambda s: make(setup, lane, s.order)(s)).lower(state).compile()
    costs = program.cost_analysis()
    assert costs is not None
    states = jax.tree.map(lambda x: jnp.stack([x] * LANES), state)

    own = options(jax.local_devices()[0]) if make is ours else None

    @functools.partial(jax.jit, compiler_options=own)
    def run(states: trainer.LaneState, n_steps: jax.Array) -> trainer.LaneState:
        def one(state: trainer.LaneState) -> trainer.LaneState:
            step = make(setup, lane, state.order)
            return jax.lax.fori_loop(0, n_steps, lambda _, s: step(s), state)

        return jax.vmap(one)(states)

    def seconds(n_steps: int) -> float:
        start = time.perf_counter()
        jax.block_until_ready(run(states, n_steps))
        return (time.perf_counter() - start) / n_steps / LANES

    seconds(1)
    return costs["flops"] / 1e9, seconds


def main(_: list[str]) -> None:
    results = {}
    print(f"{SCALE.value} sizes, {machine.bits()}")
    print(f"{'':20s}{'GFLOP a step':>24s}{'ms a lane-step':>24s}")
    print(f"{'':20s}{'textbook':>12s}{'ours':>12s}{'textbook':>12s}{'ours':>12s}")
    for name, fields in CASES.items():
        training = case(fields)
        gflop, seconds = zip(
            *(measure(*training, make) for make in (by_the_book, ours)), strict=True
        )
        n_steps = max(1, int(0.1 / seconds[0](2)))
        rounds = [[timed(n_steps) for timed in seconds] for _ in range(ROUNDS.value)]
        ms = (1e3 * np.median(rounds, axis=0)).tolist()
        ratio = float(np.median([book / own for book, own in rounds]))
        print(
            f"{name:20s}{gflop[0]:12.3f}{gflop[1]:12.3f}{ms[0]:12.2f}{ms[1]:12.2f}"
            f"   {gflop[0] / gflop[1]:.1f} times the work, {ratio:.1f} the time"
        )
        results[name] = {"gflop": gflop, "ms": ms, "speedup": ratio}
    print(json.dumps({"scale": SCALE.value, "tasks": results}))


if __name__ == "__main__":
    app.run(main)
