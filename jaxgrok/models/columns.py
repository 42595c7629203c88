"""Values of a stream's positions with examples on the last axis, for accelerators.

A TPU pads the two minor axes of an array to 8 × 128. Heads and positions are few, so
[examples, pos, heads, head] would be padding for the most part.

    >>> groups = columns(stream, v, costs)    # [positions, heads, head, examples] each
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.models.device_costs import DeviceCosts
from jaxgrok.models.one_hot import look_up, one_hot
from jaxgrok.models.residual_rows import ResidualRows

FEW = 4
"""So many positions are looked up one by one: XLA then computes elementwise work where
it is used, instead of passing arrays of all positions through memory. Of more positions
the program would become too long."""


class Group(NamedTuple):
    """Some positions of a stream, and what they hold."""

    positions: np.ndarray
    values: jax.Array
    """[positions, ..., examples], one example where all hold the same."""


def columns(stream: ResidualRows, values: jax.Array, costs: DeviceCosts) -> list[Group]:
    """Spread values of a stream's rows, examples last.

    Args:
        stream: the rows of each position.
        values: [1 or examples, rows, ...].
        costs: of a look-up.

    Returns:
        Each position that holds the same in every example is a group of its own.
    """
    shape, flat = values.shape[2:], values.reshape(*values.shape[:2], -1)
    if stream.row_index is None:
        groups = [Group(np.arange(flat.shape[1]), flat.transpose(1, 2, 0))]
    else:
        sizes = np.array([len(block) for block in stream.blocks])
        free, fixed = np.flatnonzero(sizes > 1), np.flatnonzero(sizes == 1)
        runs = (
            [free] if len(free) > FEW else [free[i : i + 1] for i in range(len(free))]
        )
        groups = [
            Group(run, _looked_up(stream, flat[0], run, costs)) for run in runs
        ] + [
            Group(fixed[i : i + 1], _tables(stream, flat[0], fixed[i : i + 1]))
            for i in range(len(fixed))
        ]
    return [
        Group(positions, x.reshape(len(positions), *shape, x.shape[-1]))
        for positions, x in groups
    ]


def in_order(groups: list[Group]) -> jax.Array:
    """Put the values of all groups in the order of their positions."""
    if len(groups) == 1:
        return groups[0].values
    examples = max(group.values.shape[-1] for group in groups)
    by_position: dict[int, jax.Array] = {}
    for group in groups:
        for position, value in zip(group.positions, group.values, strict=True):
            shape = (*value.shape[:-1], examples)
            by_position[int(position)] = jnp.broadcast_to(value, shape)
    return jnp.stack([by_position[position] for position in sorted(by_position)])


def _looked_up(
    stream: ResidualRows, table: jax.Array, free: np.ndarray, costs: DeviceCosts
) -> jax.Array:
    """Look rows up at positions that are not fixed: [positions, out, examples]."""
    assert stream.row_index is not None
    index, rows = stream.row_index[:, free], len(stream.blocks[free[0]])
    if not costs.one_hot_pays(rows):
        return jnp.take(table, index, axis=0).transpose(1, 2, 0)
    starts = np.array([stream.blocks[pos].start for pos in free], index.dtype)
    hot = one_hot((index - starts[None]).T, rows)
    return look_up(_tables(stream, table, free), hot)


def _tables(stream: ResidualRows, table: jax.Array, positions: np.ndarray) -> jax.Array:
    """Return the rows of positions with equally many: [positions, out, rows]."""
    # By runs of positions that follow each other, so that there are few slices.
    parts = []
    for run in np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1):
        first, last = stream.blocks[run[0]], stream.blocks[run[-1]]
        part = table[first.start : last.stop]
        parts.append(part.reshape(len(run), len(first), -1))
    return jnp.concatenate(parts).transpose(0, 2, 1)
