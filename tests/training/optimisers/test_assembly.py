"""What a lane's optimiser is put together from, and what it cannot see."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.training import optimisers
from jaxgrok.training.setup import lane_of
from stepped import PARAMS, RATE, gradients


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


def test_no_optimiser_sees_the_budget(monkeypatch):
    def cosine(setup, lane, rate, mask):
        return optax.sgd(optax.cosine_decay_schedule(0.1, lane.steps))

    monkeypatch.setattr(optimisers.OPTIMISERS, "_entries", dict(optimisers.OPTIMISERS))
    jaxgrok.optimisers.register("cosine", cosine)
    group = tiny.group(optimiser="cosine")
    lane = lane_of(group.setup, **group.cells[0].lane)
    with pytest.raises(ValueError, match=r"does not see lane\.steps.*of its own"):
        optimisers.build(group.setup, lane, jnp.int32(0))
