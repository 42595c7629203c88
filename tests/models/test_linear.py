"""Matrix products against NumPy's, in either shape of the matrix."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models import linear
from jaxgrok.models.device_costs import CPU, TPU


def normal(*shape, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return jnp.asarray(values, jnp.float32)


@pytest.mark.parametrize(
    ("rows", "columns"), [(3, 5), (5, 3)], ids=["wide", "tall, transposed twice"]
)
@pytest.mark.parametrize("leading", [(4,), (4, 2)])
@pytest.mark.parametrize("costs", [CPU, TPU], ids=["CPU", "TPU"])
def test_linear_multiplies_the_last_axis_and_adds_the_bias(
    costs, leading, rows, columns
):
    x, W = normal(*leading, rows), normal(rows, columns, seed=1)
    bias = normal(*(1 for _ in leading), columns, seed=2)
    product = np.asarray(x) @ np.asarray(W)
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(linear.linear(x, W, costs), product, **close)
    np.testing.assert_allclose(
        linear.linear(x, W, costs, bias), product + bias, **close
    )


def test_no_bias_stays_none():
    x, W = normal(2, 3), normal(3, 4)
    assert linear.add(x, None) is x
    assert linear.times(None, W) is None


def test_a_bias_is_added_and_multiplied():
    x, bias, W = normal(2, 3), normal(1, 3, seed=1), normal(3, 4, seed=2)
    np.testing.assert_array_equal(linear.add(x, bias), x + bias)
    product = np.asarray(bias) @ np.asarray(W)
    np.testing.assert_allclose(linear.times(bias, W), product, rtol=1e-5)


@pytest.mark.parametrize("queries", [1, 2])
def test_mix_averages_the_values_of_each_head_by_its_pattern(queries):
    pattern, v = normal(3, 2, queries, 4), normal(3, 4, 2, 5, seed=1)
    mixed = np.asarray(linear.mix(pattern, v))
    assert mixed.shape == (3, queries, 2, 5)
    for example, query, head in np.ndindex(3, queries, 2):
        weights = np.asarray(pattern[example, head, query])
        expected = weights @ np.asarray(v[example, :, head])
        np.testing.assert_allclose(
            mixed[example, query, head], expected, rtol=1e-5, atol=1e-6
        )
