"""What neurons compute: described by their spectrum, and ablated."""

import numpy as np
import pytest

import planted
from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import read
from jaxgrok.fourier import logit_projections, neuron_spectra
from jaxgrok.fourier.basis import transform_2d
from jaxgrok.tasks.modular import Modular


def test_neurons_are_described_by_their_spectrum():
    network = planted.noisy(5, 1)
    found = circuit(network)
    components = neuron_spectra.neuron_components(network.neurons)
    energies = neuron_spectra.neuron_energies(components)
    spectrum = neuron_spectra.neuron_spectrum(energies)
    for values, expected in [
        (found.neuron_frequency, spectrum.frequency),
        (found.neuron_explained, spectrum.explained),
        (found.neuron_explained_linear, spectrum.linear),
        (found.neuron_explained_quadratic, spectrum.quadratic),
    ]:
        np.testing.assert_array_equal(values, expected)


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
        terms = neuron_spectra.own_terms(
            transform_2d(network.neurons), found.neuron_frequency
        )
        replaced = neuron_spectra.single_frequency(terms, found.neuron_frequency, 11)
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


def test_maps_are_of_neurons_without_their_mean():
    neurons_2d = circuit(planted.arrays(5, {1: 3.0})).neurons_2d
    assert neurons_2d[0, 0] == pytest.approx(0, abs=1e-12)
    assert neurons_2d[1, 1] == pytest.approx(2.5)
