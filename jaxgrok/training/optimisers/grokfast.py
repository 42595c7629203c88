"""Grokfast: the slow part of the gradient is amplified, then AdamW takes its step.

Source: "Grokfast: Accelerated Grokking by Amplifying Slow Gradients" (Lee et al. 2024),
and its code: the first average is the first gradient, and no gradient is filtered
before the window is full.

>>> ema(setup, lane, rate, mask=None).init(params)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgrok.fields.field import Field
from jaxgrok.training.method import Method
from jaxgrok.training.optimisers.first_order import adamw
from jaxgrok.training.optimisers.rule import Mask, Rule, Transformation

if TYPE_CHECKING:
    from jaxgrok.training.lane import Lane
    from jaxgrok.training.setup import Setup

Tree = Any
"""Arrays by the names of the parameters."""


class SlowGradients(NamedTuple):
    """What a filter remembers."""

    step: jax.Array
    """Gradients seen so far."""
    memory: Tree
    """Their average; or the last of them, [window, ...]."""


def ema(setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None) -> Transformation:
    """Add the exponential average of the gradients, then AdamW."""
    alpha = lane.own["grokfast_alpha"].astype(setup.dtype)
    gain = lane.own["grokfast_lambda"].astype(setup.dtype)
    return optax.chain(with_average(alpha, gain), adamw(setup, lane, rate, mask))


def moving_average(
    setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None
) -> Transformation:
    """Add the mean of the last gradients, then AdamW."""
    gain = lane.own["grokfast_ma_lambda"].astype(setup.dtype)
    amplify = with_window(setup.own["grokfast_window"], gain)
    return optax.chain(amplify, adamw(setup, lane, rate, mask))


def with_average(alpha: jax.Array, gain: jax.Array) -> Transformation:
    """Add `gain` times an average that keeps `alpha` of itself."""

    def init(params: Tree) -> SlowGradients:
        return SlowGradients(jnp.int32(0), jax.tree.map(jnp.zeros_like, params))

    def update(
        grads: Tree, state: SlowGradients, params: Tree = None
    ) -> tuple[Tree, SlowGradients]:
        def average(slow: jax.Array, grad: jax.Array) -> jax.Array:
            before = jnp.where(state.step == 0, grad, slow)
            mean: jax.Array = alpha * before + (1 - alpha) * grad
            return mean

        slow = jax.tree.map(average, state.memory, grads)
        amplified = jax.tree.map(lambda grad, s: grad + gain * s, grads, slow)
        return amplified, SlowGradients(state.step + 1, slow)

    return optax.GradientTransformation(init, update)


def with_window(length: int, gain: jax.Array) -> Transformation:
    """Add `gain` times the mean of the last `length` gradients, once there are so many.

    The sum is made anew in every step: a running one would keep the rounding of the
    first gradients, which are a million times those of a trained network.
    """

    def init(params: Tree) -> SlowGradients:
        windows = jax.tree.map(lambda w: jnp.zeros((length, *w.shape), w.dtype), params)
        return SlowGradients(jnp.int32(0), windows)

    def update(
        grads: Tree, state: SlowGradients, params: Tree = None
    ) -> tuple[Tree, SlowGradients]:
        # The oldest gradient gives its place to the newest.
        slot = state.step % length
        windows = jax.tree.map(
            lambda window, grad: window.at[slot].set(grad), state.memory, grads
        )
        step = state.step + 1
        strength = jnp.where(step >= length, gain, 0) / length
        amplified = jax.tree.map(
            lambda grad, window: grad + strength * jnp.sum(window, axis=0),
            grads,
            windows,
        )
        return amplified, SlowGradients(step, windows)

    return optax.GradientTransformation(init, update)


EMA: Method[Rule] = Method(
    ema,
    fields=(
        Field("grokfast_alpha", 0.98, low=0, below=1, help="decay of the average"),
        Field("grokfast_lambda", 2.0, low=0, help="factor of the average"),
    ),
)
MOVING_AVERAGE: Method[Rule] = Method(
    moving_average,
    fields=(Field("grokfast_ma_lambda", 5.0, low=0, help="factor of the mean"),),
    static=(
        Field(
            "grokfast_window",
            100,
            low=1,
            high=2**16,
            unit="steps",
            help="gradients in the mean; a lane holds them all",
        ),
    ),
)
