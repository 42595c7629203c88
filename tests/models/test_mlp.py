"""The MLP against one-hots by hand; its circuit; what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import read
from jaxgrok.fourier.basis import basis
from jaxgrok.models import mlp, textbook_form, training_form
from jaxgrok.tasks.digits import Digits
from jaxgrok.tasks.modular import Modular
from jaxgrok.tasks.parity import Parity
from jaxgrok.training.losses import cross_entropy


def params_of(model, tokens, scale=1.0):
    params = jax.jit(model.init)(jax.random.key(0), tokens)["params"]
    noise = jax.random.normal(jax.random.key(1), (64,))
    return {
        name: scale * (w + 0.1 * jnp.resize(noise, w.shape))
        for name, w in params.items()
    }


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("biases", ["none", "mlp"])
def test_logits_are_those_of_summed_one_hots(activation, biases):
    task = Modular(modulus=7)
    model = mlp.build(task, d_mlp=16, activation=activation, biases=biases)
    tokens = jnp.asarray(task.pool()[0])
    params = params_of(model, tokens)
    logits, acts = jax.jit(model.apply)({"params": params}, tokens)
    one_hot = np.zeros((49, 7))
    for row, (x, y, _) in enumerate(np.asarray(tokens)):
        one_hot[row, x] += 1
        one_hot[row, y] += 1
    assert (one_hot.max(1) == 2).sum() == 7  # a 2 where x = y
    params = {name: np.asarray(w) for name, w in params.items()}
    pre = one_hot @ params["mlp.W_in"] + params.get("mlp.b_in", 0)
    post = jax.nn.relu(pre) if activation == "relu" else jax.nn.gelu(pre)
    want = np.asarray(post) @ params["mlp.W_out"] + params.get("mlp.b_out", 0)
    np.testing.assert_allclose(logits[:, 0], want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(acts["mlp.hook_post"][:, 0], post, rtol=1e-4, atol=1e-5)
    assert {name: w.shape for name, w in params.items()} == {
        "mlp.W_in": (7, 16),
        "mlp.W_out": (16, 8),
        **({"mlp.b_in": (16,), "mlp.b_out": (8,)} if biases == "mlp" else {}),
    }


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_accelerators_have_the_same_losses_and_gradients(activation):
    task = Modular(modulus=7)
    model = mlp.build(task, d_mlp=16, activation=activation)
    tokens, labels = map(jnp.asarray, task.pool())
    params = params_of(model, tokens)

    def loss(params, form):
        logits, _ = form.apply({"params": params}, tokens)
        return cross_entropy(logits, labels).mean()

    form = training_form(model, "tpu")
    assert form != model and textbook_form(form) == model
    gradients = jax.jit(jax.value_and_grad(loss), static_argnums=1)
    found, want = gradients(params, form), gradients(params, model)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6), found, want
    )
    jaxpr = str(jax.make_jaxpr(jax.grad(loss), static_argnums=1)(params, form))
    assert "scatter" not in jaxpr


def test_bits_are_read_as_signs():
    task = Parity(bits=6, secret=2)
    model = mlp.build(task, d_mlp=8)
    tokens = jnp.array([[0, 1, 1, 0, 0, 1, 2], [1, 1, 1, 1, 1, 1, 2]])
    params = params_of(model, tokens)
    logits, _ = jax.jit(model.apply)({"params": params}, tokens)
    signs = np.array([[-1, 1, 1, -1, -1, 1], [1, 1, 1, 1, 1, 1]])
    params = {name: np.asarray(w) for name, w in params.items()}
    post = np.maximum(signs @ params["mlp.W_in"] + params["mlp.b_in"], 0)
    want = post @ params["mlp.W_out"] + params["mlp.b_out"]
    np.testing.assert_allclose(logits[:, 0], want, rtol=1e-4, atol=1e-5)


def test_the_circuit_of_planted_neurons_is_read():
    """cos w(x) + cos w(y) squared by two ReLUs: neurons of known frequencies."""
    n, frequencies = 31, (3, 8)
    task = Modular(modulus=n)
    model = mlp.build(task, d_mlp=32, dtype="float64")
    rows = basis(n)
    W_in, W_out = np.zeros((n, 32)), np.zeros((32, n + 1))
    for neuron in range(32):
        k = frequencies[neuron % 2]
        angle = 2 * np.pi * (neuron // 2) / 16
        cos, sin = rows[2 * k - 1] * np.sqrt(n / 2), rows[2 * k] * np.sqrt(n / 2)
        W_in[:, neuron] = np.cos(angle) * cos + np.sin(angle) * sin
        W_out[neuron, :n] = np.cos(2 * angle) * cos + np.sin(2 * angle) * sin
    params = {"mlp.W_in": W_in, "mlp.b_in": np.zeros(32), "mlp.W_out": W_out}
    found = circuit(read(task, model, params | {"mlp.b_out": np.zeros(n + 1)}))
    assert found.key_frequencies == frequencies and found.sparse
    assert found.neuron_frequency.tolist() == [3, 8] * 16
    assert found.neuron_share == 1.0
    assert sorted(map(len, found.clusters.values())) == [16, 16]
    assert found.attention_2d is None
    logits = read(task, model, params | {"mlp.b_out": np.zeros(n + 1)}).logits
    right = logits.argmax(-1) == (np.arange(n)[:, None] + np.arange(n)[None]) % n
    assert right.mean() > 0.95


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"attention_only": True}, "attention_only=True: an MLP has no attention"),
        ({"d_mlp": 0}, "d_mlp=0 must be at least 1"),
        ({"activation": "tanh"}, "activation='tanh' must be one of relu, gelu"),
        ({"biases": "all"}, "biases='all' must be one of none, mlp"),
    ],
)
def test_wrong_fields_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        grid.resolve(tiny.config(model="mlp", **fields))


def test_a_task_that_an_mlp_cannot_read_is_refused():
    with pytest.raises(ValueError, match=r"cannot read this task \(Digits\)"):
        mlp.build(Digits())
