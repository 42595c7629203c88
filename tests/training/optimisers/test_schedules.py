"""Schedules by hand, alone, beside other lanes and beside a warm-up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.training import optimisers
from jaxgrok.training.setup import lane_of
from stepped import RATE, check

MOMENTUM = 0.9


def momentum(factor):
    """Gradient descent with momentum at a rate that a factor changes from step to step.

    The rate is that of the step in which the momentum is added, not in which it grew.
    """

    def rule(w, g, memory, count, decay):
        memory["m"] = MOMENTUM * memory.get("m", 0) + g + decay * w
        return w - RATE * factor(count) * memory["m"]

    return rule


def test_momentum_at_a_rate_that_grows():
    fields = {"optimiser": "sgd", "momentum": MOMENTUM, "schedule": "growing"}
    check(momentum(lambda count: 1 + count / 2), steps=5, growth_steps=2, **fields)


def test_momentum_along_a_cosine_that_ends_before_the_steps_do():
    def factor(count):
        return 0.1 + 0.9 * (1 + np.cos(np.pi * min(count / 3, 1))) / 2

    fields = {"optimiser": "sgd", "momentum": MOMENTUM, "schedule": "cosine"}
    check(momentum(factor), steps=6, cosine_steps=3, cosine_end=0.1, **fields)


def rates(steps, **fields):
    """The rate of each step, by what gradient descent does to one weight."""
    group = tiny.group(optimiser="sgd", learning_rate=(RATE,), **fields)
    numbers = group.cells[0].lane | {"weight_decay": 0}
    lane = jax.device_put(lane_of(group.setup, **numbers))
    one = {"W": jnp.ones(1)}
    found = []
    for step in range(steps):
        optimiser = optimisers.build(group.setup, lane, jnp.int32(step))
        updates, _ = optimiser.update(one, optimiser.init(one), one)
        found.append(-float(updates["W"][0]) / RATE)
    return found


def test_a_warm_up_is_a_factor_beside_the_schedule():
    found = rates(5, schedule="cosine", cosine_steps=(4,), warmup_steps=2)
    plain = rates(5, schedule="cosine", cosine_steps=(4,), warmup_steps=0)
    np.testing.assert_allclose(
        plain, [1, 0.5 + 0.125**0.5, 0.5, 0.5 - 0.125**0.5, 0], atol=1e-7
    )
    warmup = np.array([0, 0.5, 1, 1, 1])
    np.testing.assert_allclose(found, warmup * plain, atol=1e-7)


def test_the_length_is_an_axis_of_one_program_and_no_function_of_the_budget():
    config = tiny.config(schedule="cosine", cosine_steps=(10, 20), steps=(20, 40))
    resolved = grid.resolve(config)
    assert len(resolved.groups) == 1 and len(resolved.cells) == 4
    assert len({cell.kin for cell in resolved.cells}) == 2
    config.cosine_steps = (0,)
    with pytest.raises(ValueError, match="cosine_steps=0 must be at least 1"):
        grid.resolve(config)
