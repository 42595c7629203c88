"""Steps of an optimiser on known gradients, and the same written by hand in float64."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

import tiny
from jaxgrok.grid import fields as grid_fields
from jaxgrok.training import optimisers
from jaxgrok.training.setup import lane_of

PARAMS = {
    "embed.W_E": np.linspace(-1, 1, 6).reshape(2, 3).astype(np.float32),
    "blocks.0.mlp.b_in": np.array([0.5, -0.25], np.float32),
}
RATE, DECAY = 0.1, 0.3


def gradients(count, params=PARAMS):
    """The gradient of a step."""
    generator = np.random.default_rng(count)
    return {
        name: generator.normal(size=w.shape).astype(np.float32)
        for name, w in params.items()
    }


def setup_and_lane(**fields):
    """A setup without warm-up, at RATE and DECAY, and its lane; numbers stand alone."""
    numbers = {"learning_rate": RATE, "weight_decay": DECAY, "warmup_steps": 0} | fields
    traced = grid_fields.traced()
    numbers = {name: (v,) if name in traced else v for name, v in numbers.items()}
    group = tiny.group(**{"model": "transformer"} | numbers)
    return group.setup, lane_of(group.setup, **group.cells[0].lane)


def trained(setup, steps, params, lane):
    """A lane's parameters after some steps, and its optimiser's state."""
    params = {name: jnp.asarray(w) for name, w in params.items()}
    state = optimisers.build(setup, lane, jnp.int32(0)).init(params)
    for count in range(steps):
        optimiser = optimisers.build(setup, lane, jnp.int32(count))
        # In the type of the parameters: the square of a float32 is rounded.
        grads = gradients(count, params)
        grads = {name: g.astype(params[name].dtype) for name, g in grads.items()}
        updates, state = optimiser.update(grads, state, params)
        params = {name: params[name] + updates[name] for name in params}
    return params, state


def run(steps=4, params=PARAMS, **fields):
    """Parameters after some steps, of a lane alone."""
    setup, lane = setup_and_lane(**fields)
    return jax.jit(functools.partial(trained, setup, steps, params))(lane)[0]


def run_beside_another(steps=4, params=PARAMS, **fields):
    """The same under vmap, beside a lane with other numbers."""
    setup, lane = setup_and_lane(**fields)
    other = jax.tree.map(lambda x: x * 0.75 if x.dtype.kind == "f" else x, lane)
    lanes = jax.tree.map(lambda *x: jnp.stack(x), other, lane)
    step = jax.jit(jax.vmap(functools.partial(trained, setup, steps, params)))
    both, _ = step(lanes)
    for name, w in both.items():
        assert (np.asarray(w[0]) != np.asarray(w[1])).any(), name
    return {name: w[1] for name, w in both.items()}


def run_in_float64(steps=4, params=PARAMS, **fields):
    """Parameters after some steps of a lane alone, all of them in float64."""
    setup, lane = setup_and_lane(**fields)
    with jax.enable_x64(True):
        setup = dataclasses.replace(setup, dtype="float64")
        lane = jax.tree.map(widened, lane)
        wide = {name: w.astype(np.float64) for name, w in params.items()}
        step = jax.jit(functools.partial(trained, setup, steps, wide))
        return step(lane)[0]


def widened(number):
    """A number of a lane in float64: as it is written, not as float32 rounds it."""
    if number.dtype != np.float32:
        return number
    return np.float64(str(np.float32(number)))


def by_hand(rule, steps=4, l1=0.0, decays=lambda name: True, params=PARAMS):
    """Parameters after `rule(w, g, memory, count, decay)`, in float64."""
    found = {}
    for name, w in params.items():
        w, memory = w.astype(np.float64), {"name": name}
        decay = DECAY if decays(name) else 0.0
        for count in range(steps):
            g = gradients(count, params)[name].astype(np.float64)
            if decays(name):
                g = g + l1 * np.sign(w)
            w = rule(w, g, memory, count, decay)
        found[name] = w
    return found


def adam_step(g, memory, count, b1=0.9, b2=0.98):
    """What Adam adds to a weight, over the rate; moments are in `memory`."""
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["v"] = b2 * memory.get("v", 0) + (1 - b2) * g**2
    m = memory["m"] / (1 - b1 ** (count + 1))
    v = memory["v"] / (1 - b2 ** (count + 1))
    return m / (np.sqrt(v) + 1e-8)


def adamw(w, g, memory, count, decay):
    """A step of AdamW."""
    return w - RATE * (adam_step(g, memory, count) + decay * w)


def same(found, want, rtol=3e-5, atol=1e-6):
    """Compare parameters by name."""
    assert found.keys() == want.keys()
    for name, w in want.items():
        np.testing.assert_allclose(found[name], w, rtol=rtol, atol=atol)


def check(rule, steps=4, params=PARAMS, **fields):
    """A rule by hand is the optimiser of some fields.

    In float64 to its last digits; in float32 alone, and under vmap beside another lane.
    """
    want = by_hand(rule, steps, params=params)
    same(run_in_float64(steps, params, **fields), want, rtol=1e-11, atol=1e-14)
    same(run(steps, params, **fields), want)
    same(run_beside_another(steps, params, **fields), want)
