"""A constant weight norm: after each step all weights are scaled back to it.

Source: "Omnigrok: Grokking Beyond Algorithmic Data" (Liu et al. 2022), where the norm
is that of the initial weights, all of them as one vector; `init_scale` chooses it.

>>> optax.chain(optimiser, constant_norm()).init(params)
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from jaxgrok.training.optimisers.rule import Transformation

Params = Mapping[str, jax.Array]


def constant_norm() -> Transformation:
    """Change an update so that the weights keep the norm that they began with.

    The state is that norm. It follows the optimiser, whose updates it takes as they
    are: decay and rate included.
    """

    def update(
        updates: Params, norm: jax.Array, params: Params | None = None
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        assert params is not None
        free = {name: params[name] + updates[name] for name in params}
        factor = norm / norm_of(free)
        scaled = {name: factor * free[name] - params[name] for name in params}
        return scaled, norm

    return optax.GradientTransformation(norm_of, update)


def norm_of(params: Params) -> jax.Array:
    """Return the norm of all weights as one vector."""
    squares = [jnp.sum(params[name] ** 2) for name in sorted(params)]
    return jnp.sqrt(jnp.sum(jnp.stack(squares)))
