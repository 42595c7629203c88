"""Grokfast by hand, in float64; what its window takes."""

import jax.numpy as jnp
import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine import sizing
from jaxgrok.training.optimisers import grokfast
from stepped import PARAMS, RATE, adam_step, check


def with_average(w, g, memory, count, decay):
    """The paper's Algorithm 2, whose average begins with the first gradient."""
    memory["slow"] = 0.9 * memory.get("slow", g) + 0.1 * g
    return w - RATE * (adam_step(g + 3 * memory["slow"], memory, count) + decay * w)


def with_window(w, g, memory, count, decay):
    """Algorithm 1, which leaves the gradient as it is until the window is full."""
    last = memory.setdefault("last", [])
    last.append(g)
    if len(last) >= 3:
        g = g + 4 * np.mean(last[-3:], axis=0)
    return w - RATE * (adam_step(g, memory, count) + decay * w)


def test_the_average_is_added_before_adamw():
    numbers = {"grokfast_alpha": 0.9, "grokfast_lambda": 3.0}
    check(with_average, steps=6, optimiser="grokfast_ema", **numbers)


def test_the_window_is_added_once_it_is_full_and_slides():
    fields = {"grokfast_window": 3, "grokfast_ma_lambda": 4.0}
    check(with_window, steps=8, optimiser="grokfast_ma", **fields)


def test_a_window_forgets_large_gradients_to_the_last_bit():
    """A running sum would keep 1e-8 of the first gradient for ever."""
    amplify = grokfast.with_window(2, jnp.float32(4))
    outputs = {}
    for first in (1e6, 1e-6):
        state = amplify.init(PARAMS)
        for size in (first, 1e-6, 2e-6):
            grads = {name: np.full_like(w, size) for name, w in PARAMS.items()}
            outputs[first], state = amplify.update(grads, state)
    for name in PARAMS:
        np.testing.assert_array_equal(outputs[1e6][name], outputs[1e-6][name])
        np.testing.assert_allclose(outputs[1e6][name], 8e-6, rtol=1e-6)


def test_published_numbers_are_the_defaults():
    config = tiny.config(optimiser="grokfast_ema")
    assert (config.grokfast_alpha, config.grokfast_lambda) == ((0.98,), (2.0,))
    config = tiny.config(optimiser="grokfast_ma")
    assert (config.grokfast_window, config.grokfast_ma_lambda) == (100, (5.0,))
    config.grokfast_window = 0
    with pytest.raises(ValueError, match="grokfast_window=0 must be at least 1"):
        grid.resolve(config)


def test_a_plan_counts_the_window():
    """At p = 113 the gradients of 100 steps are 91 MB a lane."""
    least = {}
    for name in ("adamw", "grokfast_ma"):
        config = grid.base("post")
        config.optimiser = name
        [group] = grid.resolve(config).groups
        least[name] = sizing.least_bytes(group.setup, 1, small=1e12)
    # 226,816 weights in float32.
    assert least["grokfast_ma"] - least["adamw"] == pytest.approx(91e6, rel=5e-3)
