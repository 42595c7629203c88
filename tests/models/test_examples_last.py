"""Attention with examples last: the textbook's, also where scores lie far apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models.device_costs import TPU
from jaxgrok.models.examples_last import Projections, attend
from jaxgrok.models.residual_rows import embed

pytestmark = pytest.mark.long

HEADS, HEAD = 2, 3


def case(fixed_tokens, queries, scale=1.0, examples=9):
    """Stream, stream at the queries, and projections of both; 4 tokens, d_model 6."""
    generator = np.random.default_rng(0)

    def normal(*shape):
        return jnp.asarray(generator.normal(size=shape) * scale, jnp.float32)

    pos = len(fixed_tokens)
    tokens = generator.integers(4, size=(examples, pos))
    for position, token in enumerate(fixed_tokens):
        tokens[:, position] = tokens[:, position] if token is None else token
    stream = embed(normal(4, 6), normal(pos, 6), jnp.asarray(tokens), fixed_tokens, TPU)
    before = stream.at(queries, fixed_tokens)
    W = normal(3, 6, HEADS * HEAD)
    projections = Projections(
        *(
            (rows @ w).reshape(*rows.shape[:2], HEADS, HEAD)
            for rows, w in zip((before.rows, stream.rows, stream.rows), W, strict=True)
        )
    )
    return stream, before, projections


def textbook(stream, before, projections, queries):
    q, k, v = (
        np.asarray(rows.spread(x), np.float64)
        for rows, x in zip((before, stream, stream), projections, strict=True)
    )
    q = np.broadcast_to(q, (len(k), *q.shape[1:]))
    scores = np.einsum("eqhd,ephd->ehqp", q, k) / HEAD**0.5
    is_future = np.arange(k.shape[1]) > np.array(queries)[:, None]
    scores = np.where(is_future, -np.inf, scores)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    pattern = weights / weights.sum(-1, keepdims=True)
    z = np.einsum("ehqp,ephd->eqhd", pattern, v)
    return z.reshape(*z.shape[:2], -1)


@pytest.mark.parametrize("scale", [1.0, 30.0], ids=["near", "1e5 apart"])
@pytest.mark.parametrize(
    ("fixed_tokens", "queries"),
    [
        ((None, None, 3), (2,)),
        ((0, None, None, 3), (1, 3)),
        ((None, None, None), (0, 2)),
        ((None, 3, None, None, None, None, 2), (1, 6)),
    ],
)
def test_it_is_the_textbook_average(fixed_tokens, queries, scale):
    stream, before, projections = case(fixed_tokens, queries, scale, examples=40)
    found = jax.jit(lambda p: attend(stream, before, p, queries, None))(projections)
    expected = textbook(stream, before, projections, queries)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4 * scale**2)


def test_dropout_acts_on_a_pattern_of_examples_heads_queries_and_positions():
    queries = (3,)
    stream, before, projections = case((0, None, None, 3), queries, examples=40)
    shapes = []

    def nothing(name, pattern):
        shapes.append((name, pattern.shape))
        return jnp.zeros_like(pattern)

    z = attend(stream, before, projections, queries, nothing)
    assert shapes == [("pattern", (40, HEADS, 1, 4))]
    np.testing.assert_array_equal(z, 0)
    kept = attend(stream, before, projections, queries, lambda _, pattern: pattern)
    expected = textbook(stream, before, projections, queries)
    np.testing.assert_allclose(kept, expected, rtol=1e-4, atol=1e-5)
