"""How a learning rate goes on: constant, along a cosine, or growing.

Each has a length of its own, not the budget's: a longer budget goes on where a shorter
one ended. The warm-up is a factor beside it.

>>> factor = SCHEDULES["cosine"].rule(setup, lane, step)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import jax.numpy as jnp

from jaxgrok.fields.field import MOST_STEPS, Field
from jaxgrok.fields.registry import Registry
from jaxgrok.training.method import Method

if TYPE_CHECKING:
    from jaxgrok.training.lane import Lane
    from jaxgrok.training.setup import Setup

Rule: TypeAlias = Callable[["Setup", "Lane", jax.Array], jax.Array]
"""Makes the factor on the learning rate of (setup, lane, step)."""
Schedule = Method[Rule]
"""A schedule and the fields that it alone has."""


def _share(setup: Setup, lane: Lane, step: jax.Array, name: str) -> jax.Array:
    """Return how much of a schedule's length has passed."""
    # Cast before dividing: a quotient of int32 is float32, under x64 too.
    length: jax.Array = lane.own[name]
    return step.astype(setup.dtype) / length.astype(setup.dtype)


def cosine(setup: Setup, lane: Lane, step: jax.Array) -> jax.Array:
    """Fall along half a cosine from 1 to `cosine_end`, and stay there."""
    end: jax.Array = lane.own["cosine_end"]
    share = jnp.minimum(_share(setup, lane, step, "cosine_steps"), 1)
    return end + (1 - end) * (1 + jnp.cos(jnp.pi * share)) / 2


def growing(setup: Setup, lane: Lane, step: jax.Array) -> jax.Array:
    """Grow by 1 every `growth_steps`, without end.

    As the loss falls, so do gradient and curvature: gradient descent goes on moving at
    a rate that grows, where a constant one stands still or would diverge.
    """
    return 1 + _share(setup, lane, step, "growth_steps")


def _check(words: str, schedule: Any) -> None:
    """Refuse a schedule that is no function, or whose own fields cannot be."""
    schedule.check(words, "setup, lane and step")


def _length(name: str, default: int, meaning: str) -> Field:
    """Return the field of a schedule's length."""
    return Field(name, default, low=1, high=MOST_STEPS, unit="steps", help=meaning)


SCHEDULES: Registry[Schedule] = Registry(
    "schedule",
    {
        "constant": Method(lambda setup, lane, step: jnp.ones((), setup.dtype)),
        "cosine": Method(
            cosine,
            fields=(
                _length("cosine_steps", 5000, "length of the cosine, from step 0"),
                Field("cosine_end", 0.0, low=0, high=1, help="factor at its end"),
            ),
        ),
        "growing": Method(
            growing,
            fields=(_length("growth_steps", 1000, "steps for a growth by 1"),),
        ),
    },
    _check,
)
