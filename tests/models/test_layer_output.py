"""Products of the stream, from it and from products of the weights."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models.layer_output import AfterAttention, AfterMLP
from jaxgrok.models.product_order import ProductOrder
from jaxgrok.models.residual_rows import ResidualRows
from networks import attention_output

GENERATOR = np.random.default_rng(3)
POST, W_OUT, W, X = (
    jnp.asarray(GENERATOR.normal(size=shape), jnp.float32)
    for shape in [(5, 1, 7), (7, 4), (4, 6), (1, 1, 4)]
)
B_OUT = jnp.ones((1, 1, 4))
NAN = jnp.full((5, 1, 4), jnp.nan)
"""A stream that must not be read."""


def middle(order, biases, stream=None):
    """The stream after attention; x at `=` is one row for all examples."""
    heads = attention_output(biases)
    if stream is None:
        stream = X + heads.times(heads.W_O, heads.b_O)
    return AfterAttention(ResidualRows(X), heads, order, stream)


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("order", ProductOrder)
def test_after_attention_every_order_gives_the_same_product(order, biases):
    expected = np.asarray(middle(order, biases).stream) @ np.asarray(W)
    product = middle(order, biases).times(W)
    np.testing.assert_allclose(product, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("order", ProductOrder)
def test_after_the_mlp_every_order_gives_the_same_product(order, biases):
    b_out = B_OUT if biases else None
    before = middle(order, biases)
    stream = before.stream + POST @ W_OUT + (B_OUT if biases else 0)
    after = AfterMLP(before, POST, W_OUT, b_out, stream)
    expected = np.asarray(stream) @ np.asarray(W)
    np.testing.assert_allclose(after.times(W), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("order", [ProductOrder.ALL, ProductOrder.ROWS])
def test_orders_that_form_products_first_read_no_stream(order):
    before = middle(order, True, stream=NAN)
    after = AfterMLP(before, POST, W_OUT, B_OUT, NAN)
    assert np.isfinite(before.times(W)).all()
    assert np.isfinite(after.times(W)).all()


def test_the_plain_order_reads_the_streams_alone():
    before = middle(ProductOrder.NONE, True, stream=2 * NAN)
    after = AfterMLP(before, NAN, W_OUT, B_OUT, jnp.ones((5, 1, 4)))
    expected = np.broadcast_to(np.asarray(W).sum(0), (5, 1, 6))
    np.testing.assert_allclose(after.times(W), expected, rtol=1e-5)
