"""Products of the heads' output, from it and from sums of looked-up rows."""

import jax.numpy as jnp
import numpy as np
import pytest

from networks import attention_output

CLOSE = {"rtol": 1e-4, "atol": 1e-5}


def with_rows(heads, **fields):
    return heads._replace(rows=heads.rows._replace(**fields))


@pytest.mark.parametrize("biases", [True, False])
def test_times_multiplies_z_and_adds_the_bias(biases):
    heads = attention_output(biases)
    product = np.asarray(heads.z) @ np.asarray(heads.W_O)
    expected = product + (np.asarray(heads.b_O) if biases else 0)
    np.testing.assert_allclose(heads.times(heads.W_O, heads.b_O), expected, **CLOSE)


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("fixed", [True, False], ids=["x y =", "nothing fixed"])
def test_a_sum_of_looked_up_rows_is_the_same_product(fixed, biases):
    heads = with_rows(attention_output(biases), is_fixed=(False, False, fixed))
    expected = heads.times(heads.W_O, heads.b_O)
    found = heads.sum_rows(heads.W_O, heads.b_O)
    assert found.shape == (5, 1, 4)
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_a_prediction_weights_its_free_positions_once_a_head():
    heads = attention_output()
    assert heads.n_weights == 2 * 2
    assert with_rows(heads, is_fixed=(False,) * 3).n_weights == 3 * 2


@pytest.mark.parametrize(
    "fields",
    [{"pattern": jnp.zeros((5, 2, 2, 3))}, {"is_fixed": (False, True, True)}],
    ids=["two queries", "two fixed positions"],
)
def test_rows_are_not_summed_where_that_does_not_apply(fields):
    assert with_rows(attention_output(), **fields).n_weights == 0


def test_rows_are_not_summed_where_none_are_looked_up():
    assert attention_output()._replace(rows=None).n_weights == 0
