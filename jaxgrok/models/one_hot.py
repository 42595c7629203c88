"""Look-ups as matrix products, for devices on which gathers and scatters are slow.

A one-hot is exact in bfloat16, and a float32 number is the sum of three bfloat16
numbers. So three passes of a matrix unit look a table up exactly, and add gradients of
its rows as precisely as float32 does. That holds between 2^-110, below which the third
part is no normal number, and 3.38e38. A number beyond makes all examples NaN.

Both products are linear in their first argument, and each is the gradient of the other:
reverse mode works to any order, forward mode does not.

    >>> hot = one_hot(tokens.T, 114)                       # [pos, 114, examples]
    >>> columns = look_up(table, hot)    # [pos, out, 114] → [pos, out, examples]
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

PARTS = 3
"""bfloat16 numbers with 8 significant bits each that hold the 24 of a float32 one."""


def one_hot(index: jax.Array, size: int, start: int = 0) -> jax.Array:
    """Return [..., size, examples] bfloat16: 1 where the index is start + row."""
    rows = jnp.arange(start, start + size, dtype=index.dtype)
    rows = rows.reshape((1,) * (index.ndim - 1) + (size, 1))
    return (index[..., None, :] == rows).astype(jnp.bfloat16)


@jax.custom_vjp
@jax.named_scope("look_up")
def look_up(table: jax.Array, hot: jax.Array) -> jax.Array:
    """Look columns up: the sum of those that `hot` counts, exact for a single one.

    Args:
        table: [pos, out, rows].
        hot: [pos, rows, examples], whole numbers up to 256.

    Returns:
        [pos, out, examples].
    """
    if table.dtype != jnp.float32:
        return exact("pnr,pre->pne", table, hot)
    # Where no gradient is asked for, one product of all parts side by side: an
    # evaluation has so many examples that sums of parts would pass through memory.
    # The largest parts first: then no sum of them is rounded.
    parts = jnp.concatenate(_split(table), axis=-1)
    return _product("pnr,pre->pne", parts, jnp.concatenate([hot] * PARTS, axis=1))


@jax.custom_vjp
@jax.named_scope("look_up")
def add_up(values: jax.Array, hot: jax.Array) -> jax.Array:
    """Add values [pos, out, examples] of the same row: [pos, out, rows]."""
    return exact("pne,pre->pnr", values, hot)


def exact(spec: str, values: jax.Array, hot: jax.Array) -> jax.Array:
    """Multiply by whole numbers up to 256, as `einsum`, without rounding values."""
    if values.dtype != jnp.float32:
        hot = hot.astype(values.dtype)
        return jnp.einsum(spec, values, hot, precision=jax.lax.Precision.HIGHEST)
    total: Any = 0
    # The smallest parts first, so that their sum is not rounded.
    for part in reversed(_split(values)):
        total = total + _product(spec, part, hot)
    product: jax.Array = total
    return product


def _product(spec: str, parts: jax.Array, hot: jax.Array) -> jax.Array:
    """Multiply bfloat16 numbers in one pass, and add up in float32."""
    return jnp.einsum(
        spec,
        parts,
        hot,
        precision=jax.lax.Precision.DEFAULT,
        preferred_element_type=jnp.float32,
    )


def _split(x: jax.Array) -> list[jax.Array]:
    """Split float32 numbers into bfloat16 ones that add up to them, largest first."""
    parts = []
    for _ in range(PARTS):
        # XLA may remove a cast to bfloat16 and back, but no reduction of precision.
        part = jax.lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)
        parts.append(part.astype(jnp.bfloat16))
        x = x - part
    return parts


def _keep_hot(function: Callable[..., jax.Array]) -> Callable[..., Any]:
    """Return the forward rule that keeps the counts for the gradient."""
    return lambda values, hot: (function(values, hot), hot)


def _gradient(function: Callable[..., jax.Array]) -> Callable[..., Any]:
    """Return the gradient rule; counts have none."""
    return lambda hot, g: (function(g, hot), jnp.zeros_like(hot))


look_up.defvjp(_keep_hot(functools.partial(exact, "pnr,pre->pne")), _gradient(add_up))
add_up.defvjp(_keep_hot(add_up), _gradient(look_up))
