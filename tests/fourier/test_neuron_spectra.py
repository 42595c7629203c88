"""Frequencies of neurons by their definition, and clusters by hand."""

import itertools

import numpy as np
import pytest

import planted
from jaxgrok.fourier import neuron_spectra
from jaxgrok.fourier.basis import basis, frequencies, transform_2d
from jaxgrok.fourier.neuron_spectra import (
    Spectrum,
    neuron_components,
    neuron_energies,
    neuron_spectrum,
)


def spectrum_of(neurons):
    return neuron_spectrum(neuron_energies(neuron_components(neurons)))


@pytest.mark.parametrize("n", [5, 6])
def test_neurons_are_explained_by_their_definition(n):
    neurons = planted.noisy(n, 1).neurons
    spectrum, rows = spectrum_of(neurons), basis(n)
    of_row = frequencies(n)
    for i in range(neurons.shape[2]):
        values = neurons[:, :, i] - neurons[:, :, i].mean()
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
        assert spectrum.frequency[i] == best
        assert spectrum.explained[i] == pytest.approx(shares[best])
        assert spectrum.linear[i] == pytest.approx(linear[best] / total)
        assert spectrum.quadratic[i] == pytest.approx(quadratic[best] / total)


def test_a_neuron_that_never_changes_has_no_frequency():
    waves = np.cos(2 * np.pi * np.arange(5) / 5)[:, None] + np.zeros((5, 5))
    # The second one's variance is what rounding leaves of 1.
    neurons = np.stack([waves, 1 + 1e-13 * waves, np.zeros((5, 5))], 2)
    spectrum = spectrum_of(neurons)
    assert spectrum.frequency.tolist() == [1, 0, 0]
    np.testing.assert_allclose(spectrum.explained, [1, 0, 0])
    silent = spectrum_of(np.zeros((5, 5, 2)))
    assert silent.frequency.tolist() == [0, 0]
    assert silent.explained.tolist() == [0, 0]


def test_clusters_hold_the_neurons_of_a_frequency_from_the_share_on():
    frequency, explained = np.array([3, 1, 3, 0, 2, 3]), [0.9, 0.85, 1, 1, 0.84, 0.2]
    part = np.zeros(6)
    spectrum = Spectrum(frequency, np.array(explained), part, part)
    clusters = neuron_spectra.find_clusters(spectrum)
    assert list(clusters.items()) == [(1, (1,)), (3, (0, 2))]


def test_a_neuron_always_fires_from_99_in_100_pairs_on():
    neurons = np.ones((10, 10, 4))
    neurons[0, :1, 1] = 0
    neurons[0, :2, 2] = 0
    neurons[:, :, 3] = -1
    assert neuron_spectra.always_firing(neurons) == (0, 1)


def test_a_neuron_keeps_the_terms_of_its_frequency_only():
    n = 7
    a, b = np.ogrid[:n, :n]
    w = 2 * np.pi / n
    terms = 1 + np.cos(2 * w * a) + np.sin(2 * w * b) * np.cos(2 * w * a)
    others = np.cos(w * a) + np.cos(w * a) * np.cos(2 * w * b)
    others = others + np.cos(w * b) + np.cos(2 * w * a) * np.cos(w * b)
    values = np.stack([terms + others, terms + others, terms + others], 2)
    frequency = np.array([2, 0, 3])
    components = neuron_spectra.own_terms(transform_2d(values), frequency)
    reduced = neuron_spectra.single_frequency(components, frequency, n)
    np.testing.assert_allclose(reduced[:, :, 0], terms, atol=1e-12)
    np.testing.assert_allclose(reduced[:, :, 1], 1, atol=1e-12)
    np.testing.assert_allclose(reduced[:, :, 2], 1, atol=1e-12)


def test_the_highest_frequency_of_an_even_order_has_no_sine():
    neurons = np.random.default_rng(0).normal(size=(4, 4, 1))
    terms = neuron_spectra.own_terms(transform_2d(neurons), np.array([2]))
    assert (terms[0, 2] == 0).all() and (terms[0, :, 2] == 0).all()
    reduced = neuron_spectra.single_frequency(terms, np.array([2]), 4, slice(1, 3))
    whole = neuron_spectra.single_frequency(terms, np.array([2]), 4)
    np.testing.assert_array_equal(reduced, whole[1:3])
