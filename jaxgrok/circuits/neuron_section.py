"""What the neurons of a network say of its circuit: frequencies, clusters, ablation.

>>> fields, spectrum = neuron_section(network)
>>> fields["clusters"]
"""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np

from jaxgrok.circuits.network import Network
from jaxgrok.fourier.basis import transform
from jaxgrok.fourier.logit_projections import cross_entropy
from jaxgrok.fourier.neuron_spectra import (
    Spectrum,
    always_firing,
    find_clusters,
    neuron_components,
    neuron_spectrum,
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
    components = neuron_components(neurons)
    spectrum = neuron_spectrum(components)
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
        "neurons_2d": np.linalg.norm(components, axis=2),
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
    before = cross_entropy(network.logits, network.labels).mean()
    if not network.linear_read_out:
        return {"before": float(before), "clusters": NAN, "all": NAN}
    # The logits are linear in the neurons: only the difference goes through W_L.
    change = single_frequency(neurons, spectrum.frequency) - neurons
    # A neuron has one best frequency, so clusters do not overlap.
    clustered = sorted(i for members in clusters.values() for i in members)

    def loss(which: list[int] | slice) -> float:
        logits = network.logits + change[..., which] @ W_L[which]
        return float(cross_entropy(logits, network.labels).mean())

    return {
        "before": float(before),
        "clusters": loss(clustered),
        "all": loss(slice(None)),
    }
