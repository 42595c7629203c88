"""ReLU for accelerators: its gradient needs what it returns, and no mask.

>>> relu(jnp.array([-1.0, 2.0]))
Array([0., 2.], dtype=float32)
"""

from typing import Any

import jax
import jax.numpy as jnp


@jax.custom_jvp
def relu(x: jax.Array) -> jax.Array:
    """Return max(x, 0), whose gradient at 0 is 0.

    XLA keeps the mask x > 0 of `jax.nn.relu` for the backward pass, packed into bits on
    a TPU, where unpacking it took 7% of a step at p = 113. The result is kept anyway.
    """
    return jnp.maximum(x, 0)


@relu.defjvp
def _(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    y = relu(*primals)
    # A comparison with 0 would be turned into that of x, and kept.
    return y, tangents[0] * jnp.sign(y)
