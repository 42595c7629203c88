"""Attention with examples on the last axis, for accelerators.

>>> z = attend(stream, before, Projections(q, k, v), queries, drop)
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.models.columns import Group, in_order
from jaxgrok.models.residual_rows import Positions, ResidualRows

Drop = Callable[[str, jax.Array], jax.Array]
"""Dropout: a function of the draw's name and the values."""


class Projections(NamedTuple):
    """Queries of the query positions' rows; keys and values of the stream's rows."""

    q: jax.Array
    """[1 or examples, rows, heads, head], as the others."""
    k: jax.Array
    v: jax.Array


MOST_PAIRS = 256
"""Of so many pairs of query and position at most. Attention here is elementwise work,
and of more of them products of small matrices are faster."""


@jax.named_scope("attention")
def attend(
    stream: ResidualRows,
    before: ResidualRows,
    projections: Projections,
    queries: Positions,
    drop: Drop | None,
) -> jax.Array:
    """Average values by attention.

    Args:
        stream: what the queries attend to.
        before: the stream at the query positions.
        projections: of both.
        queries: the query positions.
        drop: acts on a pattern [examples, heads, query, pos].

    Returns:
        [examples, query, heads × head].
    """
    q, k, v = projections
    base = jnp.zeros((1, *v.shape[2:], 1), v.dtype)
    # A pattern that is thinned does not add up to 1.
    reference = _reference(stream, queries) if drop is None else None
    if reference is not None:
        # A softmax ignores what all scores share, and a pattern adds up to 1. So keys
        # and values are taken relative to those of one position: its score is 0, and
        # its value is added to the average.
        row = stream.blocks[reference].start
        base = v[0, row][None, ..., None]
        k, v = (x - x[:, row : row + 1] for x in (k, v))
    scores = [
        Group(group.positions, _causal(group, queries))
        for group in _scores(stream, before, Projections(q, k, v))
        if reference not in group.positions
    ]
    weights, total = _weights([group.values for group in scores], reference is not None)
    if drop is not None:
        weights = _thinned(drop, scores, weights, stream.examples)
    values = {int(group.positions[0]): group.values for group in stream.columns(v)}
    sums = [
        (weight * values[int(group.positions[0])][:, None]).sum(0)
        for group, weight in zip(scores, weights, strict=True)
    ]
    # One division in place of one a position.
    z = base + functools.reduce(jnp.add, sums) / total
    # Where every position is fixed, one example stands for all.
    z = jnp.broadcast_to(z, (*z.shape[:-1], stream.examples))
    merged = z.reshape(len(z), -1, z.shape[-1])
    # With one query, XLA transposes two axes without a copy.
    return merged[0].T[:, None] if len(z) == 1 else merged.transpose(2, 0, 1)


def _reference(stream: ResidualRows, queries: Positions) -> int | None:
    """Return the first position that is fixed and that every query sees."""
    if stream.row_index is None or not isinstance(queries, tuple):
        return None
    fixed = [pos for pos, block in enumerate(stream.blocks) if len(block) == 1]
    seen = [pos for pos in fixed if pos <= min(queries)]
    return seen[0] if seen and len(stream.blocks) > 1 else None


def _scores(
    stream: ResidualRows,
    before: ResidualRows,
    projections: Projections,
) -> list[Group]:
    """Multiply queries by keys: groups [pos, query, heads, 1 or head, examples]."""
    q, k, _ = projections
    head = q.shape[-1]
    q = q / head**0.5
    if stream.row_index is not None and before.row_index is None and len(q) == 1:
        # The same queries for every example: score the rows, then look up. Each score
        # is looked up once for every column of its head. That costs a matrix unit
        # nothing, and gives the pattern the shape of the values.
        rows = jnp.einsum("qhd,rhd->rqh", q[0], k[0])[None, ..., None]
        return stream.columns(jnp.repeat(rows, head, axis=-1))
    query = in_order(before.columns(q))[None]
    return [
        Group(
            group.positions,
            (query * group.values[:, None]).sum(-2, keepdims=True),
        )
        for group in stream.columns(k)
    ]


def _causal(group: Group, queries: Positions) -> jax.Array:
    """Set scores to -inf where the position is past the query."""
    positions, scores = group
    if not isinstance(queries, tuple):
        is_future = positions[:, None, None] > queries.T[None]
        return jnp.where(is_future[:, :, None, None], -jnp.inf, scores)
    is_future = positions[:, None] > np.array(queries)[None]
    if not is_future.any():  # the last position attends to all
        return scores
    return jnp.where(is_future[:, :, None, None, None], -jnp.inf, scores)


def _weights(
    scores: list[jax.Array], has_reference: bool
) -> tuple[list[jax.Array], jax.Array]:
    """Return the weights of each group before they are divided, and their total.

    A reference position has a score of 0; the total counts it.
    """
    top = functools.reduce(jnp.maximum, [x.max(0) for x in scores])
    if has_reference:
        top = jnp.maximum(top, 0)
    top = jax.lax.stop_gradient(top)
    weights = [jnp.exp(x - top[None]) for x in scores]
    total = functools.reduce(jnp.add, [x.sum(0) for x in weights])
    if has_reference:
        total = total + jnp.exp(-top)
    return weights, total


def _thinned(
    drop: Drop, groups: list[Group], weights: list[jax.Array], examples: int
) -> list[jax.Array]:
    """Apply dropout, drawn in the shape of a pattern [examples, heads, query, pos]."""
    n_pos = sum(len(group.positions) for group in groups)
    _, n_query, heads, _, _ = weights[0].shape
    ones = jnp.ones((examples, heads, n_query, n_pos), weights[0].dtype)
    factors = drop("pattern", ones).transpose(3, 2, 1, 0)[:, :, :, None]
    return [
        weight * factors[group.positions]
        for group, weight in zip(groups, weights, strict=True)
    ]
