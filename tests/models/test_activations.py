"""The accelerators' ReLU and GELU are what they are called."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models.activations import activation, gelu, relu
from jaxgrok.models.device_costs import CPU, TPU
from jaxgrok.models.transformer import ACTIVATIONS

X = jnp.array([-jnp.inf, -2.0, -0.0, 0.0, 1e-30, 3.0, jnp.inf])


@pytest.mark.parametrize(("name", "form"), [("relu", relu), ("gelu", gelu)])
def test_accelerators_have_forms_of_their_own(name, form):
    assert activation(name, TPU) is form
    assert activation(name, CPU) is ACTIVATIONS[name]


def test_values_and_gradients_are_those_of_relu():
    np.testing.assert_array_equal(relu(X), jax.nn.relu(X))
    for function in (relu, jax.nn.relu):
        gradient = jax.vmap(jax.grad(function))(X)
        assert gradient.tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_values_and_derivatives_are_those_of_gelu():
    x = jnp.linspace(-4, 4, 33)
    np.testing.assert_array_equal(gelu(x), jax.nn.gelu(x))
    for order in (jax.grad, lambda f: jax.grad(jax.grad(f))):
        found, expected = (jax.vmap(order(f))(x) for f in (gelu, jax.nn.gelu))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_gradient_keeps_the_result_alone():
    jaxpr = jax.make_jaxpr(jax.grad(lambda x: relu(x).sum()))(X)
    assert "gt" not in str(jaxpr)


def test_nan_goes_through():
    assert np.isnan(relu(jnp.array(jnp.nan)))
