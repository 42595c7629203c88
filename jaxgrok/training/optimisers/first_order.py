"""Optimisers that look at one number at a time: AdamW, Adam, gradient descent, Lion.

>>> adamw(setup, lane, rate, mask=None).init(params)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import optax

from jaxgrok.training.optimisers.rule import Mask, Transformation

if TYPE_CHECKING:
    from jaxgrok.training.lane import Lane
    from jaxgrok.training.setup import Setup


def adamw(
    setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None
) -> Transformation:
    """Build AdamW, whose decay does not pass through the moments.

    Source: "Decoupled Weight Decay Regularization" (Loshchilov & Hutter 2019).
    """
    return optax.adamw(
        rate,
        b1=lane.beta1.astype(setup.dtype),
        b2=lane.beta2.astype(setup.dtype),
        eps=setup.eps,
        weight_decay=lane.weight_decay.astype(setup.dtype),
        mask=mask,
    )


def adam(
    setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None
) -> Transformation:
    """Build Adam, whose decay passes through the moments: it is L2."""
    return optax.chain(
        optax.add_decayed_weights(lane.weight_decay.astype(setup.dtype), mask),
        optax.adam(
            rate,
            b1=lane.beta1.astype(setup.dtype),
            b2=lane.beta2.astype(setup.dtype),
            eps=setup.eps,
        ),
    )


def sgd(setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None) -> Transformation:
    """Build gradient descent with heavy-ball momentum, 0 for none, and L2."""
    return optax.chain(
        optax.add_decayed_weights(lane.weight_decay.astype(setup.dtype), mask),
        optax.sgd(rate, momentum=lane.momentum.astype(setup.dtype)),
    )


def lion(
    setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None
) -> Transformation:
    """Build Lion: the sign of a momentum, whose decay is decoupled.

    `beta1` weighs the momentum in the step, `beta2` is its decay; 0.9 and 0.99 where
    published. Source: "Symbolic Discovery of Optimization Algorithms" (Chen et al.
    2023).
    """
    return optax.lion(
        rate,
        b1=lane.beta1.astype(setup.dtype),
        b2=lane.beta2.astype(setup.dtype),
        weight_decay=lane.weight_decay.astype(setup.dtype),
        mask=mask,
    )
