"""The residual stream as distinct rows, and the row of each example and position.

Before the first layer the stream holds few different vectors, one for each (position,
token): what attention needs is computed once a row, and looked up for the examples.

    >>> stream = embed(W_E, W_pos, tokens, fixed_tokens)
    >>> stream.spread(stream.rows @ W)           # [examples, pos, out]
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.models.columns import Group, in_order, look_up_columns, runs_of
from jaxgrok.models.device_costs import CPU, DeviceCosts
from jaxgrok.models.gathers import take
from jaxgrok.models.one_hot import look_up, one_hot

Positions = tuple[int, ...] | jax.Array
"""The same for every example, or [examples, positions]."""
FixedTokens = tuple[int | None, ...]
"""For each position, the token that it always holds, or None."""


class ResidualRows(NamedTuple):
    """The residual stream, in one of two forms.

    Looked up: `rows` are [1, rows, model], and `row_index` says which of them each
    position of each example holds. Otherwise: `row_index` is None and `rows` are
    [examples, pos, model], or [1, pos, model] where all examples hold the same.
    """

    rows: jax.Array
    row_index: jax.Array | None = None
    """[examples, pos] integers into axis 1 of `rows`; [1, pos] if all hold the same."""
    blocks: tuple[range, ...] = ()
    """The rows that each position can hold, where they are looked up."""

    costs: DeviceCosts = CPU
    """What decides the form of a look-up."""

    @property
    def examples(self) -> int:
        """Examples; 1 where all of them hold the same."""
        return len(self.rows if self.row_index is None else self.row_index)

    def spread(self, values: jax.Array) -> jax.Array:
        """Spread values of the rows, [1, rows, ...], to [examples, pos, ...]."""
        if self.row_index is None:
            return values
        if self.costs.examples_last:
            groups = self.columns(values)
            return jnp.moveaxis(in_order(groups, self.examples), -1, 0)
        return take(values[0], self.row_index, self.costs, self.blocks)

    def columns(self, values: jax.Array) -> list[Group]:
        """Spread values of the rows to groups [positions, ..., examples].

        Args:
            values: [1 or examples, rows, ...].
        """
        shape, flat = values.shape[2:], values.reshape(*values.shape[:2], -1)
        if self.row_index is None:
            groups = [Group(np.arange(flat.shape[1]), flat.transpose(1, 2, 0))]
        else:
            groups = look_up_columns(flat[0], self.row_index, self.blocks, self.costs)
        return [
            Group(positions, x.reshape(len(positions), *shape, x.shape[-1]))
            for positions, x in groups
        ]

    def at(self, positions: Positions, fixed_tokens: FixedTokens) -> "ResidualRows":
        """Select positions: a tuple, or [examples, positions] of each example's own.

        Where all of them hold fixed tokens, the result has one example for all.
        """
        if not isinstance(positions, tuple):
            return self._at_each(positions)
        columns = np.array(positions)
        if self.row_index is None:
            return self._replace(rows=self._sliced(columns))
        blocks = tuple(self.blocks[pos] for pos in positions)
        if all(fixed_tokens[pos] is not None for pos in positions):
            if self.costs.sum_by_product(1):
                rows = self._sliced(np.array([block.start for block in blocks]))
            else:
                # The first example speaks for all.
                rows = self.rows[0, self.row_index[:1, columns]]
            return ResidualRows(rows, costs=self.costs)
        return self._replace(row_index=self.row_index[:, columns], blocks=blocks)

    def _sliced(self, columns: np.ndarray) -> jax.Array:
        """Select columns [n] along the second axis of `rows`."""
        if not self.costs.sum_by_product(1):
            return self.rows[:, columns]
        # The gradient of a slice is no scatter.
        parts = [self.rows[:, run[0] : run[-1] + 1] for run in runs_of(columns)]
        return jnp.concatenate(parts, axis=1)

    def _at_each(self, positions: jax.Array) -> "ResidualRows":
        """Select positions [examples, positions] of each example's own."""
        if self.row_index is not None:
            index = jnp.take_along_axis(self.row_index, positions, axis=1)
            # Any of the rows.
            blocks = (range(self.rows.shape[1]),) * positions.shape[1]
            return self._replace(row_index=index, blocks=blocks)
        if self.costs.sum_by_product(self.rows.shape[1]):
            hot = one_hot(positions, self.rows.shape[1])
            rows = look_up(self.rows.transpose(0, 2, 1), hot).transpose(0, 2, 1)
            return self._replace(rows=rows)

        def take(rows: jax.Array, columns: jax.Array) -> jax.Array:
            return rows[columns]

        return self._replace(rows=jax.vmap(take)(self.rows, positions))


def embed(
    W_E: jax.Array,
    W_pos: jax.Array,
    tokens: jax.Array,
    fixed_tokens: FixedTokens,
    costs: DeviceCosts = CPU,
) -> ResidualRows:
    """Embed tokens [examples, pos]; as a table where that is less than the batch."""
    pos = tokens.shape[1]
    if pos * W_E.shape[0] < tokens.size:
        return _table(W_E, W_pos, tokens, fixed_tokens)._replace(costs=costs)
    if costs.one_hot_pays(len(W_E)):
        hot = one_hot(tokens.reshape(1, -1), len(W_E))
        rows = look_up(W_E.T[None], hot)[0].T.reshape(*tokens.shape, -1)
    else:
        rows = take(W_E, tokens, costs)
    return ResidualRows(rows + W_pos[None, :pos], costs=costs)


def _table(
    W_E: jax.Array, W_pos: jax.Array, tokens: jax.Array, fixed_tokens: FixedTokens
) -> ResidualRows:
    """Make a row for every (position, token) that can occur; one where it is fixed."""
    rows, index, blocks, start = [], [], [], 0
    for pos in range(tokens.shape[1]):
        token = fixed_tokens[pos]
        if token is None:
            rows.append(W_E + W_pos[pos][None])
            # Token t at this position is row start + t of the table.
            index.append(tokens[:, pos] + start)
        else:
            rows.append((W_E[token] + W_pos[pos])[None])
            index.append(jnp.full(tokens.shape[0], start, tokens.dtype))
        blocks.append(range(start, start + rows[-1].shape[0]))
        start = blocks[-1].stop
    return ResidualRows(
        jnp.concatenate(rows)[None], jnp.stack(index, axis=1), tuple(blocks)
    )
