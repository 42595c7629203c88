"""What the heads of a layer put out, and its products with matrices.

>>> heads.times(W_O, b_O)                     # z W_O + b_O: [examples, query, model]
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.models.device_costs import DeviceCosts
from jaxgrok.models.embedding_bag import bag
from jaxgrok.models.linear import linear


class PatternRows(NamedTuple):
    """The pattern, and the rows of the stream that it weights."""

    pattern: jax.Array
    """[examples, heads, query, pos]"""
    row_index: jax.Array
    """The row of each example and position, as in `ResidualRows`: [examples, pos]."""
    is_fixed: tuple[bool, ...]
    """Which positions hold the same token in every example: [pos]."""


class AttentionOutput(NamedTuple):
    """The heads' output z, and what its products are made of."""

    z: jax.Array
    """[examples, query, heads × head]"""
    v: jax.Array
    """Values of the stream's rows: [1 or examples, rows, heads, head]."""
    W_O: jax.Array
    """[heads × head, model]"""
    b_O: jax.Array | None
    """[1, 1, model]"""
    costs: DeviceCosts
    """What decides the form of a product."""
    rows: PatternRows | None = None
    """Where rows are looked up, and their sums can be weighted."""

    @property
    def n_weights(self) -> int:
        """Rows that a prediction weights in `sum_rows`; 0 where it does not apply."""
        # With two fixed positions `sum_rows` would have to weight one of them.
        if self.rows is None or self.rows.pattern.shape[2] != 1:
            return 0
        is_fixed = self.rows.is_fixed
        if sum(is_fixed) > 1:
            return 0
        return is_fixed.count(False) * self.rows.pattern.shape[1]

    def times(self, W: jax.Array, bias: jax.Array | None) -> jax.Array:
        """Multiply z by W [heads × head, out] and add a bias."""
        return linear(self.z, W, self.costs, bias)

    def sum_rows(self, W: jax.Array, bias: jax.Array | None) -> jax.Array:
        """Return the same as `times`, from a weighted sum of looked-up rows of v W.

        A pattern sums to 1. So the row of the fixed position is added as it is, and
        only the differences of the others from it are weighted.
        """
        assert self.rows is not None
        pattern, row_index, is_fixed = self.rows
        heads, head = self.v.shape[2:]
        # Products of each head with each row: [heads, rows, out].
        tables = jnp.einsum("rhd,hdn->hrn", self.v[0], W.reshape(heads, head, -1))
        base = jnp.zeros((1, W.shape[1]), W.dtype) if bias is None else bias[0]
        # Pattern a, fixed position f: Σ_p a_p t_p = t_f + Σ_{p≠f} a_p (t_p - t_f).
        for pos in np.flatnonzero(is_fixed):
            row = tables[:, row_index[0, pos]]
            tables, base = tables - row[:, None], base + row.sum(0)[None]
        free = np.flatnonzero(np.logical_not(is_fixed))
        # [examples, free positions, heads]: a slot is a position, a table a head.
        weights = pattern[:, :, 0, free].transpose(0, 2, 1)
        return (base + bag(weights, tables, row_index[:, free]))[:, None]
