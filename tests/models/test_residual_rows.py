"""Looked-up rows against the stream that they stand for."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models.residual_rows import embed
from networks import Reads, tokens_of

W_E = jnp.asarray(np.random.default_rng(0).normal(size=(6, 4)), jnp.float32)
W_POS = jnp.asarray(np.random.default_rng(1).normal(size=(5, 4)), jnp.float32)
OWN = jnp.asarray(np.random.default_rng(2).integers(5, size=(40, 2)))


@pytest.mark.parametrize("count", [3, 40], ids=["no look-up", "look-up"])
@pytest.mark.parametrize("positions", [(0, 1, 2, 3, 4), (1, 3), (2,), OWN])
def test_the_stream_at_positions_is_the_sum_of_the_embeddings(count, positions):
    tokens = tokens_of(Reads(), count)
    positions = positions if isinstance(positions, tuple) else positions[:count]
    stream = embed(W_E, W_POS, tokens, Reads.fixed_tokens)
    assert (stream.row_index is None) == (count == 3)
    selected = stream.at(positions, Reads.fixed_tokens)
    rows = np.arange(count)[:, None]
    columns = np.broadcast_to(np.asarray(positions), (count, np.shape(positions)[-1]))
    want = np.asarray(W_E[tokens] + W_POS[None])[rows, columns]
    values = np.asarray(selected.spread(selected.rows))
    np.testing.assert_array_equal(np.broadcast_to(values, want.shape), want)


def test_a_position_of_fixed_tokens_is_one_row_for_all_examples():
    stream = embed(W_E, W_POS, tokens_of(Reads(), 40), Reads.fixed_tokens)
    assert stream.rows.shape == (1, 4 * 6 + 1, 4)
    assert stream.at((2,), Reads.fixed_tokens).rows.shape == (1, 1, 4)
