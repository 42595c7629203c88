"""What the heads of a layer put out, and its products with matrices.

>>> heads.times(W_O, b_O)                     # z W_O + b_O: [examples, query, model]
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.models.embedding_bag import bag
from jaxgrok.models.linear import linear


class AttentionOutput(NamedTuple):
    """The heads' output z, and the values and pattern that it is made of."""

    z: jax.Array
    """[examples, query, heads × head]"""
    pattern: jax.Array
    """[examples, heads, query, pos]"""
    v: jax.Array
    """Values of the stream's rows: [1 or examples, rows, heads, head]."""
    row_index: jax.Array | None
    """The row of each example and position, as in `ResidualRows`: [examples, pos]."""
    is_fixed: tuple[bool, ...]
    """Which positions hold the same token in every example: [pos]."""
    W_O: jax.Array
    """[heads × head, model]"""
    b_O: jax.Array | None
    """[1, 1, model]"""

    @property
    def n_weights(self) -> int:
        """Rows that a prediction weights in `sum_rows`; 0 where it does not apply."""
        # With two fixed positions `sum_rows` would have to weight one of them.
        one_query = self.pattern.shape[2] == 1
        if self.row_index is None or not one_query or sum(self.is_fixed) > 1:
            return 0
        return self.is_fixed.count(False) * self.pattern.shape[1]

    def times(self, W: jax.Array, bias: jax.Array | None) -> jax.Array:
        """Multiply z by W [heads × head, out] and add a bias."""
        return linear(self.z, W, bias)

    def sum_rows(self, W: jax.Array, bias: jax.Array | None) -> jax.Array:
        """Return the same as `times`, from a weighted sum of looked-up rows of v W.

        A pattern sums to 1. So the row of the fixed position is added as it is, and
        only the differences of the others from it are weighted.
        """
        assert self.row_index is not None
        heads, head = self.v.shape[2:]
        # Products of each head with each row: [heads, rows, out].
        tables = jnp.einsum("rhd,hdn->hrn", self.v[0], W.reshape(heads, head, -1))
        base = jnp.zeros((1, W.shape[1]), W.dtype) if bias is None else bias[0]
        # Pattern a, fixed position f: Σ_p a_p t_p = t_f + Σ_{p≠f} a_p (t_p - t_f).
        for pos in np.flatnonzero(self.is_fixed):
            row = tables[:, self.row_index[0, pos]]
            tables, base = tables - row[:, None], base + row.sum(0)[None]
        free = np.flatnonzero(np.logical_not(self.is_fixed))
        # [examples, free positions, heads]: a slot is a position, a table a head.
        weights = self.pattern[:, :, 0, free].transpose(0, 2, 1)
        return (base + bag(weights, tables, self.row_index[:, free]))[:, None]
