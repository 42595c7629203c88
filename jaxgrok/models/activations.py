"""Activation functions as they are trained on a kind of device.

>>> post = activation("relu", TPU)(pre)
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgrok.models.device_costs import CPU, DeviceCosts
from jaxgrok.models.transformer import ACTIVATIONS


def activation(name: str, costs: DeviceCosts) -> Callable[[jax.Array], jax.Array]:
    """Return an activation function in the form that suits a kind of device."""
    if name == "relu" and costs != CPU:
        return relu
    if name == "gelu" and costs.examples_last:
        return gelu
    return ACTIVATIONS[name]


@jax.custom_jvp
def relu(x: jax.Array) -> jax.Array:
    """Return max(x, 0), whose gradient at 0 is 0, if cotangents are finite.

    XLA keeps the mask x > 0 of `jax.nn.relu` for the backward pass, packed into bits on
    a TPU, where unpacking it took 7% of a step at p = 113. The result is kept anyway.
    """
    return jnp.maximum(x, 0)


@relu.defjvp
def _(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    y = relu(*primals)
    # A comparison with 0 would be turned into that of x, and kept.
    return y, tangents[0] * jnp.sign(y)


@jax.custom_jvp
def gelu(x: jax.Array) -> jax.Array:
    """Return `jax.nn.gelu`, and keep its slope for the backward pass.

    XLA would compute the slope anew for every product that reads the gradient: 16% of a
    step of an MLP at p = 113 on a TPU.
    """
    return ACTIVATIONS["gelu"](x)


@gelu.defjvp
def _(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    y, slope = jax.jvp(ACTIVATIONS["gelu"], primals, (jnp.ones_like(primals[0]),))
    return y, tangents[0] * jax.lax.optimization_barrier(slope)
