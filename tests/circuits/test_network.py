"""A network is read in the order of its group, and wrong arguments are named."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import networks
import planted
from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import read
from jaxgrok.models import transformer
from jaxgrok.tasks.modular import Modular


@pytest.mark.parametrize("operation", ["x+y", "x-y", "x*y", "x/y"])
def test_reading_puts_the_arrays_in_the_order_of_the_group(operation):
    task = Modular(operation, 7)
    model = transformer.build(task, layers=2, d_model=8, heads=2, d_head=3, d_mlp=10)
    tokens, labels = task.pool()
    params = networks.initial(model)
    is_train = planted.split_of(task)
    network = read(task, model, params, is_train)
    n, elements, sign = task.reading
    assert n == (7 if operation in ("x+y", "x-y") else 6)
    logits, acts = jax.jit(model.apply)({"params": params}, jnp.asarray(tokens))
    for a, b in itertools.product(range(n), repeat=2):
        x, y = elements[a], elements[b]
        row = next(i for i, t in enumerate(tokens) if (t[0], t[1]) == (x, y))
        assert elements[network.labels[a, b]] == labels[row, 0]
        assert network.labels[a, b] == (a + sign * b) % n
        assert network.is_train[a, b] == is_train[row]
        close = dict(rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            network.logits[a, b], logits[row, 0][np.array(elements)], **close
        )
        post = acts["blocks.1.mlp.hook_post"][row, 2]
        np.testing.assert_allclose(network.neurons[a, b], post, **close)
        first = acts["blocks.0.attn.hook_pattern"][row, :, 2]
        last = acts["blocks.1.attn.hook_pattern"][row, :, 2]
        both = np.concatenate([first, last])
        np.testing.assert_allclose(network.pattern[a, b], both, **close)
    W_U = np.asarray(params["unembed.W_U"], float)[:, list(elements)]
    W_out = np.asarray(params["blocks.1.mlp.W_out"], float)
    np.testing.assert_allclose(network.W_L, W_out @ W_U)
    np.testing.assert_allclose(
        network.W_E, np.asarray(params["embed.W_E"], float)[list(elements)]
    )
    # Losses are over all pairs of the task and all classes but `=`.
    kept = np.asarray(logits[:, 0, :7], float)
    log_p = kept - np.log(np.exp(kept).sum(1, keepdims=True))
    losses = -log_p[np.arange(len(tokens)), labels[:, 0]]
    found = circuit(network)
    assert found.all_loss == pytest.approx(losses.mean(), rel=1e-4)
    assert found.train_loss == pytest.approx(losses[is_train].mean(), rel=1e-4)
    assert found.test_loss == pytest.approx(losses[~is_train].mean(), rel=1e-4)
    assert network.logits.dtype == network.neurons.dtype == np.float64


def test_the_equals_column_makes_no_difference():
    found = []
    for equals_logit in (True, False):
        task = Modular(modulus=11, equals_logit=equals_logit)
        amplitudes = {2: 9.0, 3: 9.0}
        params = planted.weights(task, amplitudes)
        if equals_logit:
            params["unembed.W_U"][:, 11] = 5.0
        network = read(task, planted.model(task, amplitudes), params)
        found.append(circuit(network).as_dict())
    for name in ("sum_of_squares", "assumed"):
        assert found[0].pop(name) != found[1].pop(name)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "task", [Modular("x^2+y^2", 7), Modular("x*y", 8), Modular("x*y", 2)], ids=str
)
def test_a_task_without_reading_names_those_that_have_one(task):
    with pytest.raises(ValueError, match=r"has no Fourier reading.*x\+y, x-y, x\*y"):
        read(task, None, {})


def test_wrong_arguments_are_named():
    task = Modular(modulus=5)
    model = transformer.build(task, d_model=4, heads=1, d_head=2, d_mlp=4)
    params = networks.initial(model)
    with pytest.raises(ValueError, match=r"is_train=bool \[24\].*each of the 25"):
        read(task, model, params, np.zeros(24, bool))
    with pytest.raises(ValueError, match="is_train=int64"):
        read(task, model, params, np.arange(25))
    params["embed.W_E"] = np.full((6, 4), np.nan)
    with pytest.raises(ValueError, match=r"embed\.W_E is not finite"):
        read(task, model, params)
