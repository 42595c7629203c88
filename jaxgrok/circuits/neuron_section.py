"""What the neurons of a network say of its circuit: frequencies, clusters, ablation.

>>> fields, spectrum = neuron_section(network)
>>> fields["clusters"]
"""

from collections.abc import Iterator, Mapping
from typing import TypedDict

import numpy as np

from jaxgrok.circuits.blocks import blocks
from jaxgrok.circuits.network import Network
from jaxgrok.fourier.basis import transform, transform_2d
from jaxgrok.fourier.logit_projections import cross_entropy
from jaxgrok.fourier.neuron_spectra import (
    Energies,
    Spectrum,
    always_firing,
    find_clusters,
    neuron_components,
    neuron_energies,
    neuron_spectrum,
    own_terms,
    single_frequency,
)

NAN = float("nan")


class NeuronFields(TypedDict):
    """Fields of `Circuit` about neurons."""

    neuron_frequency: np.ndarray
    neuron_explained: np.ndarray
    neuron_explained_linear: np.ndarray
    neuron_explained_quadratic: np.ndarray
    neuron_share: float
    clusters: dict[int, tuple[int, ...]]
    always_firing: tuple[int, ...]
    neurons_2d: np.ndarray | None
    W_L_clusters: dict[int, np.ndarray]
    ablation: dict[str, float]


def neuron_section(
    network: Network,
) -> tuple[NeuronFields, Spectrum | None]:
    """Describe the neurons, and return their spectrum; empty and None without MLP."""
    neurons, W_L = network.neurons, network.W_L
    if neurons is None or W_L is None:
        return _no_neurons(), None
    energies, norms = _energies(neurons)
    spectrum = neuron_spectrum(energies)
    clusters = find_clusters(spectrum)
    # [mlp, n]: each neuron's effect on the logits, by component of the answer.
    W_L_hat = transform(W_L, 1)
    fields: NeuronFields = {
        "neuron_frequency": spectrum.frequency,
        "neuron_explained": spectrum.explained,
        "neuron_explained_linear": spectrum.linear,
        "neuron_explained_quadratic": spectrum.quadratic,
        "neuron_share": sum(map(len, clusters.values())) / neurons.shape[2],
        "clusters": clusters,
        "always_firing": always_firing(neurons),
        "neurons_2d": norms,
        # Do the neurons of a cluster write at the frequency that they read?
        "W_L_clusters": {
            k: np.linalg.norm(W_L_hat[list(members)], axis=0)
            for k, members in clusters.items()
        },
        "ablation": _ablation(network, spectrum, clusters),
    }
    return fields, spectrum


def _no_neurons() -> NeuronFields:
    """Return the fields of a network without MLP."""
    return {
        "neuron_frequency": np.zeros(0, int),
        "neuron_explained": np.zeros(0),
        "neuron_explained_linear": np.zeros(0),
        "neuron_explained_quadratic": np.zeros(0),
        "neuron_share": NAN,
        "clusters": {},
        "always_firing": (),
        "neurons_2d": None,
        "W_L_clusters": {},
        "ablation": dict.fromkeys(("before", "clusters", "all"), NAN),
    }


def _energies(neurons: np.ndarray) -> tuple[Energies, np.ndarray]:
    """Return the neurons' energies, and the norms [n, n] of their 2-D components."""
    n, pieces = neurons.shape[0], []
    squares = np.zeros((n, n))
    for block in _neuron_blocks(neurons):
        components = neuron_components(neurons[..., block])
        squares += (components**2).sum(2)
        pieces.append(neuron_energies(components))
    linear, quadratic, total = zip(*pieces, strict=True)
    energies = Energies(
        np.concatenate(linear, 1), np.concatenate(quadratic, 1), np.concatenate(total)
    )
    return energies, np.sqrt(squares)


def _neuron_blocks(neurons: np.ndarray) -> Iterator[slice]:
    """Cut the neurons: a transform has about 6 copies of [n, n] a neuron."""
    return blocks(neurons.shape[2], 6 * 8 * neurons.shape[0] ** 2)


def _ablation(
    network: Network,
    spectrum: Spectrum,
    clusters: Mapping[int, tuple[int, ...]],
) -> dict[str, float]:
    """Measure the loss with neurons replaced by their single-frequency terms.

    NaN with a final layer norm: then the logits are not linear in the neurons.
    """
    neurons, W_L = network.neurons, network.W_L
    assert neurons is not None and W_L is not None
    n, frequency = network.order, spectrum.frequency
    terms = None
    if network.linear_read_out:
        terms = _own_terms(neurons, frequency)
    # A neuron has one best frequency, so clusters do not overlap.
    clustered = sorted(i for members in clusters.values() for i in members)
    sums: dict[str, float] = {}
    # Of each a, about 3 arrays [b, mlp] and 4 of [b, c].
    for rows in blocks(n, 8 * n * (3 * len(W_L) + 4 * n)):
        logits, labels = network.logits[rows], network.labels[rows]
        by_name = {"before": logits}
        if terms is not None:
            # Linear in the neurons: only the difference goes through W_L.
            change = single_frequency(terms, frequency, n, rows) - neurons[rows]
            by_name["clusters"] = logits + change[..., clustered] @ W_L[clustered]
            by_name["all"] = logits + change @ W_L
        for name, changed in by_name.items():
            loss = float(cross_entropy(changed, labels).sum())
            sums[name] = sums.get(name, 0.0) + loss
    losses = dict.fromkeys(("before", "clusters", "all"), NAN)
    return losses | {name: total / n**2 for name, total in sums.items()}


def _own_terms(neurons: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Return the terms of each neuron at its own frequency, as `own_terms`."""
    pieces = []
    for block in _neuron_blocks(neurons):
        pieces.append(own_terms(transform_2d(neurons[..., block]), frequency[block]))
    return np.concatenate(pieces)
