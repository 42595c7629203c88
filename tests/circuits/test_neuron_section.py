"""What neurons compute: explained by their definition, ablated, restricted."""

import itertools

import numpy as np
import pytest

import planted
from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import read
from jaxgrok.fourier import logit_projections, neuron_spectra
from jaxgrok.fourier.basis import basis, frequencies, transform_2d
from jaxgrok.tasks.modular import Modular


def reduced(neurons, frequency):
    terms = neuron_spectra.own_terms(transform_2d(neurons), frequency)
    return neuron_spectra.single_frequency(terms, frequency, len(neurons))


@pytest.mark.parametrize("n", [5, 6])
def test_neurons_are_explained_by_their_definition(n):
    network = planted.noisy(n, 1)
    found, rows = circuit(network), basis(n)
    of_row = frequencies(n)
    for i in range(network.neurons.shape[2]):
        values = network.neurons[:, :, i] - network.neurons[:, :, i].mean()
        linear, quadratic = [0.0] * (n // 2 + 1), [0.0] * (n // 2 + 1)
        for j, m in itertools.product(range(n), repeat=2):
            energy = (np.outer(rows[j], rows[m]) * values).sum() ** 2
            if of_row[j] == of_row[m] > 0:
                quadratic[of_row[j]] += energy
            elif of_row[j] * of_row[m] == 0:
                linear[max(of_row[j], of_row[m])] += energy
        total = (values**2).sum()
        shares = [(x + y) / total for x, y in zip(linear, quadratic, strict=True)]
        best = max(range(1, n // 2 + 1), key=lambda k: shares[k])
        assert found.neuron_frequency[i] == best
        assert found.neuron_explained[i] == pytest.approx(shares[best])
        assert found.neuron_explained_linear[i] == pytest.approx(linear[best] / total)
        quadratic_share = quadratic[best] / total
        assert found.neuron_explained_quadratic[i] == pytest.approx(quadratic_share)


def test_ablation_is_a_forward_pass_with_other_neurons():
    task = Modular("x+y", 11)
    amplitudes = {2: 4.0, 5: 3.0}
    params = planted.weights(task, amplitudes)
    params["blocks.0.mlp.b_out"] += 0.3
    # A neuron of two frequencies, which belongs to no cluster and moves the logits.
    params["blocks.0.mlp.W_in"][:4, -2] = 0.5, 0, 0.4, 0
    params["blocks.0.mlp.W_out"][-2] = 0.5
    network = read(task, planted.model(task, amplitudes), params)
    found = circuit(network)
    assert found.neuron_explained[-2] < neuron_spectra.CLUSTER_SHARE

    def loss(which):
        replaced = reduced(network.neurons, found.neuron_frequency)
        post = np.where(which, replaced, network.neurons)
        out = post @ params["blocks.0.mlp.W_out"] + params["blocks.0.mlp.b_out"]
        x, y = np.meshgrid(range(11), range(11), indexing="ij")
        W_E = params["embed.W_E"]
        residual = W_E[x] + W_E[y] + W_E[11] + params["pos_embed.W_pos"][2] + out
        logits = (residual @ params["unembed.W_U"])[..., :11]
        return logit_projections.cross_entropy(logits, network.labels).mean()

    inside = np.isin(np.arange(50), sum(found.clusters.values(), ()))
    assert found.ablation == pytest.approx(
        {"before": loss(False), "clusters": loss(inside), "all": loss(True)}
    )
    assert len({round(value, 6) for value in found.ablation.values()}) == 3


def test_a_neuron_keeps_the_terms_of_its_frequency_only():
    n = 7
    a, b = np.ogrid[:n, :n]
    w = 2 * np.pi / n
    mine = 1 + np.cos(2 * w * a) + np.sin(2 * w * b) * np.cos(2 * w * a)
    other = np.cos(w * a) + np.cos(w * a) * np.cos(2 * w * b)
    values = np.stack([mine + other, mine + other, mine + other], 2)
    kept = reduced(values, np.array([2, 0, 3]))
    np.testing.assert_allclose(kept[:, :, 0], mine, atol=1e-12)
    np.testing.assert_allclose(kept[:, :, 1], 1, atol=1e-12)
    np.testing.assert_allclose(kept[:, :, 2], 1, atol=1e-12)
