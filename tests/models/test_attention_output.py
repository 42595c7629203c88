"""Products of the heads' output, from it and from sums of looked-up rows."""

import jax.numpy as jnp
import numpy as np
import pytest

from networks import attention_output

CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.mark.parametrize("biases", [True, False])
def test_times_multiplies_z_and_adds_the_bias(biases):
    heads = attention_output(biases)
    product = np.asarray(heads.z) @ np.asarray(heads.W_O)
    expected = product + (np.asarray(heads.b_O) if biases else 0)
    np.testing.assert_allclose(heads.times(heads.W_O, heads.b_O), expected, **CLOSE)


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("fixed", [True, False], ids=["x y =", "nothing fixed"])
def test_a_sum_of_looked_up_rows_is_the_same_product(fixed, biases):
    heads = attention_output(biases)._replace(is_fixed=(False, False, fixed))
    expected = heads.times(heads.W_O, heads.b_O)
    found = heads.sum_rows(heads.W_O, heads.b_O)
    assert found.shape == (5, 1, 4)
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_a_prediction_weights_its_free_positions_once_a_head():
    heads = attention_output()
    assert heads.n_weights == 2 * 2
    assert heads._replace(is_fixed=(False,) * 3).n_weights == 3 * 2


@pytest.mark.parametrize(
    "fields",
    [
        {"row_index": None},
        {"pattern": jnp.zeros((5, 2, 2, 3))},
        {"is_fixed": (False, True, True)},
    ],
    ids=["no look-up", "two queries", "two fixed positions"],
)
def test_rows_are_not_summed_where_that_does_not_apply(fields):
    assert attention_output()._replace(**fields).n_weights == 0
