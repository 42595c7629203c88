"""Looked-up rows with examples on the last axis, for accelerators.

A TPU pads the two minor axes of an array to 8 × 128. Heads and positions are few, so
[examples, pos, heads, head] would be padding for the most part.

    >>> groups = look_up_columns(table, row_index, blocks, costs)
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.models.device_costs import DeviceCosts
from jaxgrok.models.gathers import take
from jaxgrok.models.one_hot import look_up, one_hot

FEW = 4
"""So many positions are looked up one by one: XLA then computes elementwise work where
it is used, instead of passing arrays of all positions through memory. Of more positions
the program would become too long."""


class Group(NamedTuple):
    """Some positions of a stream, and what they hold."""

    positions: np.ndarray
    values: jax.Array
    """[positions, ..., examples], one example where all hold the same."""


def look_up_columns(
    table: jax.Array,
    row_index: jax.Array,
    blocks: tuple[range, ...],
    costs: DeviceCosts,
) -> list[Group]:
    """Look up the row of every example and position, examples last.

    Args:
        table: [rows, out].
        row_index: [examples, pos].
        blocks: the rows that each position can hold.
        costs: of a look-up.

    Returns:
        Groups [positions, out, examples]. A position that can hold one row only is a
        group of its own.
    """
    sizes = np.array([len(block) for block in blocks])
    free, fixed = np.flatnonzero(sizes > 1), np.flatnonzero(sizes == 1)
    runs = [free] if len(free) > FEW else list(free[:, None])
    groups = [
        Group(run, _looked_up(table, row_index[:, run], run, blocks, costs))
        for run in runs
    ]
    groups += [Group(pos, _tables(table, pos, blocks)) for pos in fixed[:, None]]
    return groups


def in_order(groups: list[Group], examples: int = 1) -> jax.Array:
    """Put the values of all groups in the order of their positions.

    Args:
        groups: they hold every position once.
        examples: the least number of examples of the result.

    Returns:
        [pos, ..., examples].
    """
    examples = max(examples, *(group.values.shape[-1] for group in groups))
    if len(groups) == 1:
        values = groups[0].values
        return jnp.broadcast_to(values, (*values.shape[:-1], examples))
    by_position: dict[int, jax.Array] = {}
    for group in groups:
        for position, value in zip(group.positions, group.values, strict=True):
            shape = (*value.shape[:-1], examples)
            by_position[int(position)] = jnp.broadcast_to(value, shape)
    return jnp.stack([by_position[position] for position in sorted(by_position)])


def _looked_up(
    table: jax.Array,
    index: jax.Array,
    positions: np.ndarray,
    blocks: tuple[range, ...],
    costs: DeviceCosts,
) -> jax.Array:
    """Look rows up at positions that are not fixed: [positions, out, examples]."""
    rows = len(blocks[positions[0]])
    if not costs.one_hot_pays(rows):
        held = tuple(blocks[pos] for pos in positions)
        return take(table, index, costs, held).transpose(1, 2, 0)
    starts = np.array([blocks[pos].start for pos in positions], index.dtype)
    hot = one_hot((index - starts[None]).T, rows)
    return look_up(_tables(table, positions, blocks), hot)


def _tables(
    table: jax.Array, positions: np.ndarray, blocks: tuple[range, ...]
) -> jax.Array:
    """Return the rows of positions with equally many: [positions, out, rows].

    The positions index `blocks`, whose rows need not follow each other.
    """
    first = blocks[positions[0]]
    if all(blocks[pos] == first for pos in positions):
        one = table[first.start : first.stop].T[None]
        return jnp.broadcast_to(one, (len(positions), *one.shape[1:]))
    # Rows that follow each other are one slice.
    rows = np.concatenate([np.array(blocks[pos]) for pos in positions])
    parts = [table[run[0] : run[-1] + 1] for run in runs_of(rows)]
    stacked = jnp.concatenate(parts).reshape(len(positions), len(first), -1)
    return stacked.transpose(0, 2, 1)


def runs_of(positions: np.ndarray) -> list[np.ndarray]:
    """Split indices into runs that follow each other."""
    return np.split(positions, np.flatnonzero(np.diff(positions) != 1) + 1)
