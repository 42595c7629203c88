"""A lane's whole optimiser: its rate at a step, its penalty, its update, its norm.

>>> optimiser = build(setup, lane, step)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import jax
import jax.numpy as jnp
import optax

from jaxgrok.training.optimisers.constant_norm import constant_norm
from jaxgrok.training.optimisers.patterns import mask_of
from jaxgrok.training.optimisers.registry import OPTIMISERS
from jaxgrok.training.optimisers.rule import Mask, Transformation
from jaxgrok.training.optimisers.schedules import SCHEDULES

if TYPE_CHECKING:
    from jaxgrok.training.lane import Lane
    from jaxgrok.training.setup import Setup


def build(setup: Setup, lane: Lane, step: jax.Array) -> Transformation:
    """Build the optimiser of a lane's scalars, at the learning rate of a step.

    The L1 penalty is `lane.l1` times the sum of the absolute weights, its gradient
    added before the optimiser; it acts on the matrices that decay.
    """
    dtype = setup.dtype
    warmup = jnp.minimum(step.astype(dtype) / max(setup.warmup_steps, 1), 1)
    # With a warm-up the rate of step 0 is 0: the first update fills the moments only.
    rate = lane.learning_rate.astype(dtype) * (warmup if setup.warmup_steps else 1)
    visible = cast("Lane", _WithoutBudget(lane))
    if setup.schedule != "constant":
        rate = rate * SCHEDULES[setup.schedule].rule(setup, visible, step)
    mask = mask_of(setup.decay_on)
    optimiser = OPTIMISERS[setup.optimiser].rule(setup, visible, rate, mask)
    # Static, so that a program none of whose lanes has a penalty does not pay for it.
    if setup.l1:
        optimiser = optax.chain(_l1(lane.l1.astype(dtype), mask), optimiser)
    if setup.weight_norm == "constant":
        optimiser = optax.chain(optimiser, constant_norm())
    return optimiser


def _l1(strength: jax.Array, mask: Mask | None) -> Transformation:
    """Add the gradient of an L1 penalty."""
    penalty = optax.stateless(
        lambda grads, params: jax.tree.map(
            # sign(0) is 0: a weight at 0 is not pushed.
            lambda g, w: g + strength * jnp.sign(w),
            grads,
            params,
        )
    )
    return penalty if mask is None else optax.masked(penalty, mask)


class _WithoutBudget:
    """A lane as an optimiser sees it: a longer budget must not change its first steps.

    Else no training could go on where a shorter budget ended.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    def __getattr__(self, name: str) -> Any:
        if name == "steps":
            raise ValueError(
                "an optimiser does not see lane.steps: a longer budget goes on where a "
                "shorter one ended; give its schedule a length of its own, as "
                "register(..., Field(...)) and lane.own"
            )
        return getattr(self._lane, name)
