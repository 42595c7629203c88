"""How fast is a lane-step, and where does the rest of the machine go?

    python scripts/bench/step.py                    # p = 113, the post's model
    python scripts/bench/step.py --scale laptop

Times, interleaved in one run: the engine's training step at several block widths and
numbers of blocks; the textbook transformer under plain `vmap`; and a GEMM of the
model's own shape (examples × d_model × d_mlp), whose rate is what the machine can do
here. A step's arithmetic is counted by matrix products alone, look-ups being gathers: a
form that sums looked-up rows does less, so that its share of that rate can pass 100%.
With --profile, also the parts of the step, on one device. Medians of interleaved
rounds. The last line is one line of JSON. About 3 minutes on two cores.
"""

import dataclasses
import functools
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import app, flags

from jaxgrok.host import machine

machine.prepare()
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
from tpu_floor import step_products  # noqa: E402

import textbook  # noqa: E402
from jaxgrok import grid  # noqa: E402
from jaxgrok.engine.compilation import options  # noqa: E402
from jaxgrok.engine.device import suited  # noqa: E402
from jaxgrok.engine.engine import Engine  # noqa: E402
from jaxgrok.tasks import Example, is_pool  # noqa: E402
from jaxgrok.training import trainer  # noqa: E402
from jaxgrok.training.setup import Setup, lane_of  # noqa: E402

SCALE = flags.DEFINE_enum("scale", "post", ["post", "laptop"], "model and modulus")
FRACTION = flags.DEFINE_float("train_fraction", 0.3, "share of the pairs that train")
ROUNDS = flags.DEFINE_integer("rounds", 9, "interleaved rounds; medians are reported")
PROFILE = flags.DEFINE_bool("profile", False, "time the parts of the step")

Timed = Callable[[], float]
PARTS = ("forward", "+ backward", "+ AdamW (one device)")


def full_engine(
    group: grid.Group,
    width: int,
    blocks: int,
    devices: Sequence[jax.Device] | None = None,
) -> Engine:
    """Compile an engine that never evaluates, and fill it with a group's cells."""
    # Too far away to be reached: a dispatch would end there.
    setup = dataclasses.replace(group.setup, eval_every=10**6, steps_past_grok=0)
    engine = Engine(setup, block_width=width, blocks=blocks, devices=devices)
    cells = itertools.islice(itertools.cycle(group.cells), engine.lanes)
    lanes = [lane_of(setup, **cell.lane) for cell in cells]
    engine.admit({str(i): lane for i, lane in enumerate(lanes)})
    return engine


def lane_step(engine: Engine, n_steps: int) -> float:
    """Seconds a lane-step in a full engine, evaluations left out."""
    engine.offset = 0  # never reach an evaluation
    start = time.perf_counter()
    engine.advance(n_steps)
    return (time.perf_counter() - start) / n_steps / engine.lanes


def engine_step(group: grid.Group, width: int, blocks: int, n_steps: int) -> Timed:
    """Time a lane-step of a full engine."""
    return functools.partial(lane_step, full_engine(group, width, blocks), n_steps)


def pool(setup: Setup) -> tuple[jax.Array, jax.Array]:
    """Every example of the task: tokens [examples, pos] and labels [examples, read]."""
    assert is_pool(setup.task)
    tokens, labels = setup.task.pool()
    return jnp.asarray(tokens), jnp.asarray(labels)


def textbook_step(group: grid.Group, width: int, n_steps: int) -> Timed:
    """Seconds a lane-step of the textbook model under vmap, jit and scan."""
    setup = group.setup
    lane = jax.device_put(lane_of(setup, **group.cells[0].lane))
    tokens, labels = pool(setup)

    def step(state: trainer.LaneState) -> trainer.LaneState:
        rows = state.order[: group.cells[0].lane["n_train"]]

        def objective(params: trainer.Params) -> jax.Array:
            logits = textbook.logits(params, tokens[rows], model=setup.model)
            log_p = jax.nn.log_softmax(logits[:, -1])
            return -jnp.take_along_axis(log_p, labels[rows], -1).mean()

        grads = jax.grad(objective)(state.params)
        optimiser = optax.adamw(1e-3, 0.9, 0.98, weight_decay=1.0)
        updates, opt_state = optimiser.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return state._replace(params=params, opt_state=opt_state)

    @jax.jit
    def run(states: trainer.LaneState) -> trainer.LaneState:
        body = jax.vmap(step)
        return jax.lax.scan(lambda s, _: (body(s), None), states, length=n_steps)[0]

    one = jax.jit(trainer.init, static_argnums=0)(setup, lane)
    states = jax.tree.map(lambda x: jnp.stack([x] * width), one)

    def timed() -> float:
        start = time.perf_counter()
        jax.block_until_ready(run(states))
        return (time.perf_counter() - start) / n_steps / width

    return timed


def gemm(setup: Setup, n_steps: int) -> Timed:
    """Seconds of one [examples, d_model] × [d_model, d_mlp] product, on every device.

    Each device multiplies its own, as the engine's blocks do; the time is divided by
    the number of devices, so that it is the machine's rate.
    """
    model, devices = setup.model, jax.local_devices()
    shapes = (setup.train_size, model.d_model), (model.d_model, model.d_mlp)

    @functools.partial(jax.jit, compiler_options=options(devices[0]))
    def chain(a: jax.Array, b: jax.Array) -> jax.Array:
        def body(_: int, b: jax.Array) -> jax.Array:
            # The next product needs a value of this one, so that none is skipped.
            return b + 1e-30 * (a @ b)[0, 0]

        return jax.lax.fori_loop(0, 3 * n_steps, body, b)

    ones = [
        [jax.device_put(np.ones(s, np.float32), d) for s in shapes] for d in devices
    ]

    def timed() -> float:
        start = time.perf_counter()
        jax.block_until_ready([chain(*pair) for pair in ones])
        return (time.perf_counter() - start) / (3 * n_steps) / len(devices)

    return timed


def parts(group: grid.Group, width: int, n_steps: int) -> dict[str, Timed]:
    """On one device: the forward pass, forward and backward, and the whole step."""
    device = jax.local_devices()[0]
    setup = suited(group.setup, device)
    lane = jax.device_put(lane_of(setup, **group.cells[0].lane))
    tokens, labels = (array[: setup.train_size] for array in pool(setup))
    weights = jnp.full(setup.train_size, 1 / setup.train_size)

    examples = Example(tokens, labels)

    def objective(params: trainer.Params) -> jax.Array:
        losses, _ = trainer._losses(setup, params, examples)
        return jnp.sum(losses.mean(-1) * weights)

    def forward(state: trainer.LaneState) -> trainer.LaneState:
        loss = objective(state.params)  # each pass must wait for the one before it
        params = {k: w + 1e-30 * loss for k, w in state.params.items()}
        return state._replace(params=params)

    def backward(state: trainer.LaneState) -> trainer.LaneState:
        grads = jax.grad(objective)(state.params)
        params = {k: w - 1e-30 * grads[k] for k, w in state.params.items()}
        return state._replace(params=params)

    def step(state: trainer.LaneState) -> trainer.LaneState:
        return trainer._update(setup, lane, state, examples, weights)

    one = jax.jit(trainer.init, static_argnums=0)(setup, lane)
    states = jax.tree.map(lambda x: jnp.stack([x] * width), one)

    def timed_loop(body: Callable) -> Timed:
        @functools.partial(jax.jit, compiler_options=options(device))
        def loop(states: trainer.LaneState) -> trainer.LaneState:
            return jax.lax.fori_loop(0, n_steps, lambda _, s: jax.vmap(body)(s), states)

        def timed() -> float:
            start = time.perf_counter()
            jax.block_until_ready(loop(states))
            return (time.perf_counter() - start) / n_steps / width

        return timed

    return {
        name: timed_loop(body)
        for name, body in zip(PARTS, (forward, backward, step), strict=True)
    }


def main(_: list[str]) -> None:
    config = grid.base(SCALE.value)
    config.train_fraction = (FRACTION.value,)
    (group,) = grid.resolve(config).groups
    setup, devices = group.setup, jax.local_device_count()
    n_steps = 10 if SCALE.value == "post" else 300
    shapes = [(w, b) for w in (1, 2, 4) for b in (devices, 2 * devices)]
    timed = {f"engine {w} x {b}": engine_step(group, w, b, n_steps) for w, b in shapes}
    timed["textbook"] = textbook_step(group, 4, max(n_steps // 5, 2))
    timed["gemm"] = gemm(setup, n_steps)
    if PROFILE.value:
        timed |= parts(group, group.block_width, n_steps)
    rounds: dict[str, list[float]] = {name: [] for name in timed}
    for _round in range(ROUNDS.value + 1):
        for name, one in timed.items():
            rounds[name].append(one())
    median = {name: float(np.median(times[1:])) for name, times in rounds.items()}
    report(group, median, step_products(group.setup))


def report(group: grid.Group, median: dict[str, float], n_flops: float) -> None:
    """Print a table, and one line of JSON."""
    setup, model = group.setup, group.setup.model
    gemm_rate = 2 * setup.train_size * model.d_model * model.d_mlp / median["gemm"]
    shipped = f"engine {group.block_width} x {jax.local_device_count()}"
    print(f"{SCALE.value}: {setup.train_size} examples a step, {machine.bits()}")
    for name, seconds in median.items():
        if name == "gemm":
            continue
        rate = n_flops / seconds
        share = (
            "" if name == "textbook" else f"{rate / gemm_rate:6.1%} of the GEMM rate"
        )
        if name in PARTS:
            share_of_step = seconds / median[PARTS[-1]]
            print(
                f"{name:22s} {seconds * 1e3:8.3f} ms, {share_of_step:.0%} of the step"
            )
            continue
        print(f"{name:22s} {seconds * 1e3:8.3f} ms a lane-step {share}")
    result = {
        "scale": SCALE.value,
        "ms_per_lane_step": {k: v * 1e3 for k, v in median.items() if k != "gemm"},
        "gflop_per_step": n_flops / 1e9,
        "gemm_gflops": gemm_rate / 1e9,
        "share_of_gemm": n_flops / median[shipped] / gemm_rate,
        "speedup_over_textbook": median["textbook"] / median[shipped],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    app.run(main)
