"""⊥Grad: the gradient loses its part along the weights, then AdamW takes its step.

What is left cannot make the logits larger by making all weights larger.

Source: "Grokking at the Edge of Numerical Stability" (Prieto et al. 2025), and its
code, which goes beyond the paper's equation: each parameter is projected on its own,
and what is left has the norm that the gradient had.

>>> orthogonal(setup, lane, rate, mask=None).init(params)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import optax

from jaxgrok.training.optimisers.first_order import adamw
from jaxgrok.training.optimisers.rule import Mask, Transformation

if TYPE_CHECKING:
    from jaxgrok.training.lane import Lane
    from jaxgrok.training.setup import Setup

EPSILON = 1e-30
"""Added to both divisors, as in the published code: weights may be 0, as biases are."""


def orthogonal(
    setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None
) -> Transformation:
    """Project the gradient off the weights, then AdamW."""
    off_weights = optax.stateless(
        lambda grads, params: jax.tree.map(off, grads, params)
    )
    return optax.chain(off_weights, adamw(setup, lane, rate, mask))


def off(grad: jax.Array, weights: jax.Array) -> jax.Array:
    """Return a gradient's part off the weights, at the gradient's norm."""
    along = jnp.sum(weights * grad) / (jnp.sum(weights**2) + EPSILON)
    residual = grad - along * weights
    norm, norm_of_residual = jnp.linalg.norm(grad), jnp.linalg.norm(residual)
    scaled: jax.Array = residual * (norm / (norm_of_residual + EPSILON))
    return scaled
