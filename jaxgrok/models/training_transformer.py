"""The transformer as it is trained: the same logits with less work.

Three exact savings over the textbook order of `Transformer`: the first layer looks its
queries, keys and values up in a table of (position, token) rows where that table is
smaller than the batch; the last layer computes queries, MLP and logits only at the
positions that are read; and there products of matrices, or of matrices and the table,
are formed first where that is less work (`ProductOrder`).

    >>> model = training_form(transformer.build(task), "cpu")
    >>> logits, _ = model.apply({"params": params}, tokens)
"""

import functools
import math
import zlib

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxgrok.models.activations import activation
from jaxgrok.models.attention_output import AttentionOutput, PatternRows
from jaxgrok.models.device_costs import GPU, DeviceCosts
from jaxgrok.models.examples_last import MOST_PAIRS, Drop, Projections, attend
from jaxgrok.models.layer_output import AfterAttention, AfterMLP
from jaxgrok.models.linear import add, linear, mix
from jaxgrok.models.product_order import ProductOrder, Sizes
from jaxgrok.models.residual_rows import Positions, ResidualRows, embed
from jaxgrok.models.transformer import Arrays, Transformer, layer_norm
from jaxgrok.models.transformer_parameters import declare

Dropout = tuple[jax.Array, jax.Array]
"""A rate, and a key."""


class TrainingTransformer(Transformer):
    """The training form of a `Transformer`: same fields, parameters and logits.

    Attributes:
        costs: what decides the forms of its look-ups and of attention. Forward-mode
            differentiation is possible in some of them only.
    """

    costs: DeviceCosts = GPU

    @nn.compact
    def __call__(
        self,
        tokens: jax.Array,
        *,
        read: jax.Array | None = None,
        unembedding: jax.Array | None = None,
        dropout: Dropout | None = None,
    ) -> tuple[jax.Array, Arrays]:
        """Run the network over some examples.

        Args:
            tokens: [examples, pos]; those after the last read position are not used.
            read: [examples, read] positions, where the task has none in common.
            unembedding: [examples, read], the one to use where there are several.
            dropout: a rate and a key; acts on attention patterns and MLP outputs.

        Returns:
            Logits [examples, read, vocab], and no activations.
        """
        weights = declare(self)
        if self.read is not None:
            # Attention is causal: tokens after the last read position change nothing.
            tokens = tokens[:, : self.read[-1] + 1]
        positions = self.read or read
        assert positions is not None  # a task without `read` says where in its examples
        W_E, W_pos = weights["embed.W_E"], weights["pos_embed.W_pos"]
        stream = embed(W_E, W_pos, tokens, self.fixed_tokens, self.costs)
        every = tuple(range(tokens.shape[1]))
        for layer in range(self.layers - 1):
            after = self._layer(layer, stream, every, weights, dropout)
            stream = ResidualRows(after.stream, costs=self.costs)
        after = self._layer(self.layers - 1, stream, positions, weights, dropout)
        return self._unembed_read(after, weights, unembedding), {}

    def _layer(
        self,
        layer: int,
        stream: ResidualRows,
        queries: Positions,
        weights: Arrays,
        dropout: Dropout | None,
    ) -> AfterAttention | AfterMLP:
        """Apply attention and the MLP at the query positions."""
        name = f"blocks.{layer}"
        drop = None if dropout is None else _dropping(dropout, layer)
        before = stream.at(queries, self.fixed_tokens)
        heads = self._heads(name, stream, before, queries, weights, drop)
        attention = heads.times(heads.W_O, heads.b_O)
        residual = before.spread(before.rows) + attention
        order = ProductOrder.NONE
        is_last = layer == self.layers - 1
        # Layer norm needs the stream itself, and dropout acts on the MLP's output.
        if is_last and dropout is None and not (self.layer_norm or self.attention_only):
            order = self._product_order(before, heads)
        middle = AfterAttention(before, heads, order, residual)
        if self.attention_only:
            return middle
        return self._mlp_after(name, middle, weights, drop)

    def _product_order(
        self, before: ResidualRows, heads: AttentionOutput
    ) -> ProductOrder:
        """Choose how the last layer's products are formed."""
        z = heads.z
        sizes = Sizes(
            examples=z.shape[0] * z.shape[1],
            # Over both leading axes: one of them is 1 where rows are looked up.
            rows=before.rows.size // self.d_model,
            keys=heads.v.shape[1],
            weights=heads.n_weights,
            heads=z.shape[-1],
            model=self.d_model,
            mlp=self.d_mlp,
            vocab=self.vocab_out * self.unembeddings,
        )
        return ProductOrder.best(sizes, self.costs.weighted)

    def _heads(
        self,
        name: str,
        stream: ResidualRows,
        before: ResidualRows,
        queries: Positions,
        weights: Arrays,
        drop: Drop | None,
    ) -> AttentionOutput:
        """Compute the heads' output; `before` is the stream at the query positions."""
        normed = self._normed(f"{name}.ln1", stream.rows, weights)
        normed_before = self._normed(f"{name}.ln1", before.rows, weights)
        name = f"{name}.attn"
        q = self._project(normed_before, f"{name}.W_Q", weights)
        k = self._project(normed, f"{name}.W_K", weights)
        v = self._project(normed, f"{name}.W_V", weights)
        q = add(q, _bias(weights, f"{name}.b_Q"))
        k = add(k, _bias(weights, f"{name}.b_K"))
        v = add(v, _bias(weights, f"{name}.b_V"))
        W_O = weights[f"{name}.W_O"].reshape(-1, self.d_model)
        b_O = _bias(weights, f"{name}.b_O")
        n_queries = len(queries) if isinstance(queries, tuple) else queries.shape[1]
        pairs = n_queries * len(self.fixed_tokens)
        if self.costs.examples_last and pairs <= MOST_PAIRS:
            projections = Projections(q, k, v)
            z = attend(stream, before, projections, queries, drop)
            return AttentionOutput(z, v, W_O, b_O, self.costs)
        scores = _scores(stream, before, q, k) / self.d_head**0.5
        pattern = jax.nn.softmax(_causal(scores, queries))
        if drop is not None:
            pattern = drop("pattern", pattern)
        z = mix(pattern, stream.spread(v))
        z = z.reshape(*z.shape[:2], -1)
        if stream.row_index is None or self.costs.weighted == math.inf:
            return AttentionOutput(z, v, W_O, b_O, self.costs)
        is_fixed = [token is not None for token in self.fixed_tokens]
        # Tokens past the last read position have been cut off.
        rows = PatternRows(
            pattern, stream.row_index, tuple(is_fixed[: pattern.shape[-1]])
        )
        return AttentionOutput(z, v, W_O, b_O, self.costs, rows)

    def _project(self, x: jax.Array, name: str, weights: Arrays) -> jax.Array:
        """Multiply [..., model] by [heads, model, head]: [..., heads, head]."""
        flat = weights[name].transpose(1, 0, 2).reshape(self.d_model, -1)
        return linear(x, flat, self.costs).reshape(
            *x.shape[:-1], self.heads, self.d_head
        )

    def _mlp_after(
        self, name: str, middle: AfterAttention, weights: Arrays, drop: Drop | None
    ) -> AfterMLP:
        """Apply the MLP to the stream after attention."""
        W_in, W_out = weights[f"{name}.mlp.W_in"], weights[f"{name}.mlp.W_out"]
        if self.layer_norm:
            pre = linear(
                self._normed(f"{name}.ln2", middle.stream, weights), W_in, self.costs
            )
        else:
            pre = middle.times(W_in)
        pre = add(pre, _bias(weights, f"{name}.mlp.b_in"))
        post = activation(self.activation, self.costs)(pre)
        b_out = _bias(weights, f"{name}.mlp.b_out")
        out = linear(post, W_out, self.costs, b_out)
        if drop is not None:
            out = drop("mlp", out)
        return AfterMLP(middle, post, W_out, b_out, middle.stream + out)

    def _normed(self, name: str, x: jax.Array, weights: Arrays) -> jax.Array:
        """Apply layer norm where the network has it."""
        if not self.layer_norm:
            return x
        return layer_norm(x, weights[f"{name}.w"], weights[f"{name}.b"])

    def _unembed_read(
        self,
        after: AfterAttention | AfterMLP,
        weights: Arrays,
        unembedding: jax.Array | None,
    ) -> jax.Array:
        """Compute logits [examples, read, vocab], each by its own unembedding."""
        W_U, b_U = weights["unembed.W_U"], weights.get("unembed.b_U")
        if self.unembeddings > 1:  # side by side: [model, unembeddings × vocab]
            W_U = W_U.transpose(1, 0, 2).reshape(self.d_model, -1)
        columns = W_U.shape[1]
        W_U = jnp.pad(W_U, ((0, 0), (0, -columns % self.costs.multiple)))
        if self.layer_norm:
            logits = linear(
                self._normed("ln_final", after.stream, weights), W_U, self.costs
            )
        else:
            logits = after.times(W_U)
        logits = logits[..., :columns]
        if b_U is not None:
            logits = logits + b_U.reshape(1, 1, -1)
        if unembedding is None:
            return logits
        index = unembedding[..., None, None]
        if self.costs.sum_by_product(self.unembeddings):
            # Slices: an axis of its own for the unembeddings would be copied.
            parts = jnp.split(logits, self.unembeddings, axis=-1)
            # Not a product with 0, which would let a NaN through.
            own = [jnp.where(index[..., 0] == i, x, 0) for i, x in enumerate(parts)]
            return functools.reduce(jnp.add, own)
        each = logits.reshape(*logits.shape[:2], self.unembeddings, self.vocab_out)
        return jnp.take_along_axis(each, index, axis=-2)[..., 0, :]


def _bias(weights: Arrays, name: str) -> jax.Array | None:
    """Return a bias as [1, 1, ...], for examples and positions; None without it."""
    return weights[name][None, None] if name in weights else None


def _dropping(dropout: Dropout, layer: int) -> Drop:
    """Return the dropout of a layer: a function of the draw's name and the values."""

    def drop(name: str, values: jax.Array) -> jax.Array:
        rate, key = dropout
        # The name makes the draw, so that a draw more or less changes no other.
        key = jax.random.fold_in(key, zlib.crc32(f"{layer}.{name}".encode()))
        is_kept = jax.random.bernoulli(key, 1 - rate, values.shape)
        return jnp.where(is_kept, values / (1 - rate), 0)

    return drop


def _scores(
    stream: ResidualRows, before: ResidualRows, q: jax.Array, k: jax.Array
) -> jax.Array:
    """Multiply queries by keys: [examples, heads, query, pos]."""
    if stream.row_index is not None and before.row_index is None and q.shape[0] == 1:
        # The same queries for every example: score the rows, then look up.
        rows = jnp.einsum("qhd,rhd->rhq", q[0], k[0])
        return stream.spread(rows[None]).transpose(0, 2, 3, 1)
    return jnp.einsum("eqhd,ephd->ehqp", before.spread(q), stream.spread(k))


def _causal(scores: jax.Array, queries: Positions) -> jax.Array:
    """Set scores [examples, heads, query, pos] to -inf where pos is past the query."""
    pos = np.arange(scores.shape[-1])
    if not isinstance(queries, tuple):
        is_future = pos[None, None] > queries[..., None]
        return jnp.where(is_future[:, None], -jnp.inf, scores)
    is_future = pos > np.array(queries)[:, None]
    if not is_future.any():  # the last position attends to all
        return scores
    return jnp.where(is_future[None, None], -jnp.inf, scores)
