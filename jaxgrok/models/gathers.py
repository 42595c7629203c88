"""Look-ups by row, with a gradient that is added up in the same order every time.

>>> take(table, index, costs)                # [rows, ...] → [examples, pos, ...]
"""

import functools

import jax
import jax.numpy as jnp

from jaxgrok.models.device_costs import DeviceCosts
from jaxgrok.models.one_hot import exact, one_hot

Blocks = tuple[range, ...]
"""The rows that each position can hold."""
NARROW = 32
"""Of so many columns on a product adds up; sums of fewer leave matrix units idle."""


def take(
    values: jax.Array, index: jax.Array, costs: DeviceCosts, blocks: Blocks = ()
) -> jax.Array:
    """Look rows up.

    Args:
        values: [rows, ...].
        index: [examples, pos].
        costs: what decides the form of the gradient: a scatter, or products with
            one-hots, which have no forward mode.
        blocks: the rows that each position can hold; any if empty.

    Returns:
        [examples, pos, ...].
    """
    blocks = blocks or (range(len(values)),) * index.shape[1]
    if not costs.sum_by_product(max(map(len, blocks))):
        return jnp.take(values, index, axis=0)
    flat = _take(blocks, values.reshape(len(values), -1), index)
    return flat.reshape(*index.shape, *values.shape[1:])


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _take(blocks: Blocks, values: jax.Array, index: jax.Array) -> jax.Array:
    """Look rows [rows, out] up."""
    return jnp.take(values, index, axis=0)


def _forward(
    blocks: Blocks, values: jax.Array, index: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    # The values say how many rows there are; they are not kept.
    return _take(blocks, values, index), (index, values[:, :0])


def _backward(
    blocks: Blocks, kept: tuple[jax.Array, jax.Array], g: jax.Array
) -> tuple[jax.Array, None]:
    index, rows = kept
    if len(set(blocks)) == 1:
        sums = [_sums(g.reshape(-1, g.shape[-1]), index.ravel(), blocks[0])]
    else:
        columns = enumerate(blocks)
        sums = [_sums(g[:, pos], index[:, pos], block) for pos, block in columns]
    padded = [
        jnp.pad(part, ((block.start, len(rows) - block.stop), (0, 0)))
        for part, block in zip(sums, blocks, strict=False)
    ]
    return functools.reduce(jnp.add, padded), None


_take.defvjp(_forward, _backward)


@jax.named_scope("look_up")
def _sums(g: jax.Array, index: jax.Array, block: range) -> jax.Array:
    """Add gradients [examples, out] of the same row of a block up: [rows, out]."""
    if len(block) == 1:
        return g.sum(0, keepdims=True)
    index = index - block.start
    if g.shape[1] < NARROW:
        is_row = index[None] == jnp.arange(len(block), dtype=index.dtype)[:, None]
        return jnp.where(is_row[..., None], g[None], 0).sum(1)
    return exact("eo,re->ro", g, one_hot(index, len(block)))
