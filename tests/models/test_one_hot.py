"""Look-ups as products with one-hots: exact, with exact gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models.one_hot import add_up, look_up, one_hot

pytestmark = pytest.mark.long

GENERATOR = np.random.default_rng(0)
INDEX = jnp.asarray(GENERATOR.integers(7, size=(2, 40)))
# Over sixty powers of two, so that a missing part would show.
TABLE = jnp.asarray(
    GENERATOR.normal(size=(2, 3, 7)) * 2.0 ** GENERATOR.integers(-30, 30, (2, 3, 7)),
    jnp.float32,
)


def test_a_one_hot_counts_from_its_start():
    hot = one_hot(jnp.array([[5, 4, 6]]), 3, start=4)
    assert hot.dtype == jnp.bfloat16
    assert hot[0].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]


def without_gradient(table, hot):
    return look_up(table, hot)


def with_gradient(table, hot):
    return jax.vjp(lambda t: look_up(t, hot), table)[0]


@pytest.mark.parametrize("form", [without_gradient, with_gradient])
def test_a_look_up_of_float32_is_exact(form):
    found = jax.jit(form)(TABLE, one_hot(INDEX, 7))
    expected = np.stack([t[:, i] for t, i in zip(TABLE, INDEX, strict=True)])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("form", [without_gradient, with_gradient])
def test_a_look_up_in_a_large_table_is_exact(form):
    table = jnp.asarray(GENERATOR.normal(size=(1, 64, 300)), jnp.float32)
    index = jnp.arange(300)[None]
    np.testing.assert_array_equal(jax.jit(form)(table, one_hot(index, 300)), table)


def test_a_look_up_of_float64_is_exact():
    with jax.enable_x64(True):
        table = jnp.asarray(GENERATOR.normal(size=(2, 3, 7)))
        found = look_up(table, one_hot(INDEX, 7))
        expected = np.stack([t[:, i] for t, i in zip(table, INDEX, strict=True)])
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, expected)


def test_counts_add_columns():
    hot = one_hot(jnp.array([[2, 2]]), 7) + one_hot(jnp.array([[2, 3]]), 7)
    found = look_up(TABLE[:1], hot)
    expected = np.stack([2 * TABLE[0, :, 2], TABLE[0, :, 2] + TABLE[0, :, 3]], -1)
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)


def test_values_of_one_row_are_added_as_in_float32():
    values = jnp.asarray(GENERATOR.normal(size=(2, 3, 40)), jnp.float32)
    expected = np.zeros((2, 3, 7))
    for pos in range(2):
        for example, row in enumerate(INDEX[pos]):
            expected[pos, :, row] += np.asarray(values[pos, :, example], np.float64)
    found = add_up(values, one_hot(INDEX, 7))
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)


def test_each_is_the_gradient_of_the_other():
    hot, cotangent = one_hot(INDEX, 7), jnp.ones((2, 3, 40))
    _, backward = jax.vjp(lambda table: look_up(table, hot), TABLE)
    np.testing.assert_array_equal(backward(cotangent)[0], add_up(cotangent, hot))
    _, backward = jax.vjp(lambda values: add_up(values, hot), cotangent)
    np.testing.assert_array_equal(backward(TABLE)[0], look_up(TABLE, hot))


@pytest.mark.parametrize(
    ("form", "products"), [(without_gradient, 1), (with_gradient, 3)]
)
def test_a_look_up_is_exact_whatever_the_precision_of_products(form, products):
    with jax.default_matmul_precision("bfloat16"):
        found = jax.jit(form)(TABLE, one_hot(INDEX, 7))
    lowered = jax.jit(form).lower(TABLE, one_hot(INDEX, 7)).as_text()
    expected = np.stack([t[:, i] for t, i in zip(TABLE, INDEX, strict=True)])
    np.testing.assert_array_equal(found, expected)
    # Products of bfloat16 numbers, with float32 sums.
    assert lowered.count("stablehlo.dot_general") == products
    assert "gather" not in lowered and "scatter" not in lowered
