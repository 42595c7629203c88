"""Optimisers against steps written by hand, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.fields.field import Field
from jaxgrok.training import optimisers
from jaxgrok.training.setup import lane_of

PARAMS = {
    "embed.W_E": np.linspace(-1, 1, 6).reshape(2, 3).astype(np.float32),
    "blocks.0.mlp.b_in": np.array([0.5, -0.25], np.float32),
}
RATE, DECAY, MOMENTUM, L1 = 0.1, 0.3, 0.9, 0.05


def gradients(count):
    generator = np.random.default_rng(count)
    return {
        name: generator.normal(size=w.shape).astype(np.float32)
        for name, w in PARAMS.items()
    }


def run(steps=4, **fields):
    """Parameters after some steps with known gradients; warm-up off."""
    traced = {
        "learning_rate": (RATE,),
        "weight_decay": (DECAY,),
        **{name: (fields.pop(name),) for name in ("momentum", "l1") if name in fields},
    }
    group = tiny.group(warmup_steps=0, **traced, **fields)
    lane = jax.device_put(lane_of(group.setup, **group.cells[0].lane))
    params = {name: jnp.asarray(w) for name, w in PARAMS.items()}
    state = optimisers.build(group.setup, lane, jnp.int32(0)).init(params)
    for count in range(steps):
        optimiser = optimisers.build(group.setup, lane, jnp.int32(count))
        updates, state = optimiser.update(gradients(count), state, params)
        params = {name: params[name] + updates[name] for name in params}
    return params


def by_hand(rule, steps=4, l1=0.0, decays=lambda name: True):
    """Parameters after `rule(w, g, memory, count, decay)`, in float64."""
    found = {}
    for name, w in PARAMS.items():
        w, memory = w.astype(np.float64), {}
        decay = DECAY if decays(name) else 0.0
        for count in range(steps):
            g = gradients(count)[name].astype(np.float64)
            if decays(name):
                g = g + l1 * np.sign(w)
            w = rule(w, g, memory, count, decay)
        found[name] = w
    return found


def adam_step(g, memory, count):
    b1, b2 = 0.9, 0.98
    memory["m"] = b1 * memory.get("m", 0) + (1 - b1) * g
    memory["v"] = b2 * memory.get("v", 0) + (1 - b2) * g**2
    m = memory["m"] / (1 - b1 ** (count + 1))
    v = memory["v"] / (1 - b2 ** (count + 1))
    return m / (np.sqrt(v) + 1e-8)


def adamw(w, g, memory, count, decay):
    return w - RATE * (adam_step(g, memory, count) + decay * w)


def adam_l2(w, g, memory, count, decay):
    return w - RATE * adam_step(g + decay * w, memory, count)


def sgd(w, g, memory, count, decay):
    return w - RATE * (g + decay * w)


def heavy_ball(w, g, memory, count, decay):
    memory["m"] = MOMENTUM * memory.get("m", 0) + g + decay * w
    return w - RATE * memory["m"]


def same(found, want):
    assert found.keys() == want.keys()
    for name, w in want.items():
        np.testing.assert_allclose(found[name], w, rtol=3e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"optimiser": "adamw"}, adamw),
        ({"optimiser": "adam"}, adam_l2),
        ({"optimiser": "sgd"}, sgd),
        ({"optimiser": "sgd", "momentum": MOMENTUM}, heavy_ball),
    ],
    ids=["adamw", "adam", "sgd", "momentum"],
)
def test_updates_are_those_by_hand(fields, rule):
    same(run(**fields), by_hand(rule))
    same(run(**fields, l1=L1), by_hand(rule, l1=L1))
    chosen = by_hand(rule, l1=L1, decays=lambda name: "W_E" in name)
    same(run(**fields, l1=L1, decay_on="W_E"), chosen)


def test_decay_on_takes_last_parts_whole_names_and_patterns():
    names = ["embed.W_E", "blocks.0.mlp.W_in", "blocks.0.mlp.b_in", "unembed.W_U"]

    def chosen(decay_on):
        return [name for name, on in optimisers.decayed(decay_on, names).items() if on]

    assert chosen("all") == names
    assert chosen("W_E, unembed.W_U") == [names[0], names[3]]
    assert chosen("W_*") == [names[0], names[1], names[3]]
    assert chosen("blocks.*") == names[1:3]
    with pytest.raises(ValueError, match="'W_X' fits no parameter; there are"):
        chosen("W_E,W_X")


def test_a_grid_refuses_a_pattern_that_fits_nothing():
    with pytest.raises(ValueError, match=r"decay_on='W_X': .* fits no parameter"):
        grid.resolve(tiny.config(decay_on="W_X"))


def test_lanes_without_l1_or_dropout_share_a_program_of_their_own():
    found = grid.resolve(tiny.config(l1=(0.0, 0.1, 0.2), dropout=(0.0, 0.1)))
    switches = [(g.setup.l1, g.setup.dropout, len(g.cells)) for g in found.groups]
    assert sorted(switches) == [
        (False, False, 1),
        (False, True, 1),
        (True, False, 2),
        (True, True, 2),
    ]


def test_warm_up_scales_the_rate_from_zero():
    group = tiny.group(optimiser="sgd", warmup_steps=4, learning_rate=(RATE,))
    lane = jax.device_put(
        lane_of(group.setup, **group.cells[0].lane | {"weight_decay": 0})
    )
    params = {name: jnp.asarray(w) for name, w in PARAMS.items()}
    moved = []
    for step in range(6):
        optimiser = optimisers.build(group.setup, lane, jnp.int32(step))
        grads = gradients(0)
        updates, _ = optimiser.update(grads, optimiser.init(params), params)
        moved.append(float(-updates["embed.W_E"][0, 0] / grads["embed.W_E"][0, 0]))
    np.testing.assert_allclose(moved, RATE * np.array([0, 0.25, 0.5, 0.75, 1, 1]))


@pytest.fixture
def forgotten(monkeypatch):
    monkeypatch.setattr(optimisers.OPTIMISERS, "_entries", dict(optimisers.OPTIMISERS))


def test_a_registered_optimiser_reads_its_own_number_from_the_lane(forgotten):
    def slow(setup, lane, rate, mask):
        return optax.sgd(rate * lane.own["rho"])

    jaxgrok.optimisers.register("slow", slow, Field("rho", 0.5, low=0, below=1))
    slowed = run(optimiser="slow", rho=(0.25,))
    same(slowed, by_hand(lambda w, g, *_: w - 0.25 * RATE * g))


def test_no_optimiser_sees_the_budget(forgotten):
    def cosine(setup, lane, rate, mask):
        return optax.sgd(optax.cosine_decay_schedule(0.1, lane.steps))

    jaxgrok.optimisers.register("cosine", cosine)
    group = tiny.group(optimiser="cosine")
    lane = lane_of(group.setup, **group.cells[0].lane)
    with pytest.raises(ValueError, match=r"does not see lane\.steps.*of its own"):
        optimisers.build(group.setup, lane, jnp.int32(0))


@pytest.mark.parametrize(
    ("rule", "row", "message"),
    [
        (3, Field("rho", 0.5), "optimiser 'mine' must be a function of setup, lane"),
        (max, Field("rho", "a"), "must be a Field with a name and a number as its def"),
        (max, Field("rho"), "must be a Field with a name and a number as its default"),
        (
            max,
            Field("", 0.5),
            "must be a Field with a name and a number as its default",
        ),
        (max, "rho", "'rho' must be a Field with a name and a number as its default"),
    ],
)
def test_what_is_no_optimiser_is_refused(forgotten, rule, row, message):
    with pytest.raises(ValueError, match=message):
        jaxgrok.optimisers.register("mine", rule, row)
