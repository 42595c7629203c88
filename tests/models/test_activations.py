"""The accelerators' ReLU is ReLU."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.models.activations import relu

X = jnp.array([-jnp.inf, -2.0, -0.0, 0.0, 1e-30, 3.0, jnp.inf])


def test_values_and_gradients_are_those_of_relu():
    np.testing.assert_array_equal(relu(X), jax.nn.relu(X))
    for function in (relu, jax.nn.relu):
        gradient = jax.vmap(jax.grad(function))(X)
        assert gradient.tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_the_gradient_keeps_the_result_alone():
    jaxpr = jax.make_jaxpr(jax.grad(lambda x: relu(x).sum()))(X)
    assert "gt" not in str(jaxpr)


def test_nan_goes_through():
    assert np.isnan(relu(jnp.array(jnp.nan)))
