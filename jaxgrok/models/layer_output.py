"""The residual stream after attention and after the MLP, times matrices.

Of the last layer only products with W_in and W_U are needed. Both types here can form
them without the stream itself, from products of the weights (see `ProductOrder`).

    >>> middle = AfterAttention(x, heads, order)
    >>> pre = middle.times(W_in)
    >>> logits = AfterMLP(middle, post, W_out, b_out, out).times(W_U)
"""

from typing import NamedTuple

import jax

from jaxgrok.models.attention_output import AttentionOutput
from jaxgrok.models.linear import linear, times
from jaxgrok.models.product_order import ProductOrder
from jaxgrok.models.residual_rows import ResidualRows


class AfterAttention(NamedTuple):
    """The stream x + z W_O + b_O at the query positions."""

    before: ResidualRows
    """x at the query positions."""
    heads: AttentionOutput
    order: ProductOrder
    stream: jax.Array
    """[examples, query, model]; compiled away where only products are used."""

    def times(self, W: jax.Array) -> jax.Array:
        """Multiply the stream by W [model, out]."""
        if self.order not in (ProductOrder.ALL, ProductOrder.ROWS):
            return linear(self.stream, W, self.heads.costs)
        heads = self.heads
        product = heads.sum_rows if self.order is ProductOrder.ROWS else heads.times
        # (x + z W_O + b_O) W = x W + (z (W_O W) + b_O W).
        base = self.before.spread(linear(self.before.rows, W, heads.costs))
        return base + product(heads.W_O @ W, times(heads.b_O, W))


class AfterMLP(NamedTuple):
    """The stream x + h W_out + b_out, where x is the stream after attention."""

    middle: AfterAttention
    post: jax.Array
    """The hidden layer h, [examples, query, mlp]."""
    W_out: jax.Array
    b_out: jax.Array | None
    stream: jax.Array
    """[examples, query, model]; compiled away where only products are used."""

    def times(self, W: jax.Array) -> jax.Array:
        """Multiply the stream by W [model, out]."""
        costs = self.middle.heads.costs
        if self.middle.order is ProductOrder.NONE:
            return linear(self.stream, W, costs)
        # First, as gradients are added up in the reverse order of their uses.
        mlp = linear(self.post, self.W_out @ W, costs, times(self.b_out, W))
        return self.middle.times(W) + mlp
