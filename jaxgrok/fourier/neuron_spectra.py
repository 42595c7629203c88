"""Neurons as functions of the pair (a, b): their frequencies and clusters.

Everything takes neurons [n, n, mlp], or their 2-D components of that shape.

>>> spectrum = neuron_spectrum(neuron_components(neurons))
>>> find_clusters(spectrum)                   # {14: (3, 8, ...), ...}
"""

from typing import NamedTuple

import numpy as np

from jaxgrok.fourier.basis import (
    Array,
    by_frequency,
    frequencies,
    inverse_2d,
    transform_2d,
)

CLUSTER_SHARE = 0.85
"""A neuron is in its frequency's cluster from this share of variance on."""
ALWAYS = 0.99
"""A neuron always fires if it does on this share of the pairs."""


class Spectrum(NamedTuple):
    """Best frequency of each neuron, and its share of the neuron's variance; [mlp]."""

    frequency: np.ndarray
    """The k that explains most, 1 … n//2; 0 for a neuron that never changes."""
    explained: np.ndarray
    """Share by the terms {1, cos k, sin k} × {1, cos k, sin k} without the constant."""
    linear: np.ndarray
    """The part of it by terms of a alone and of b alone."""
    quadratic: np.ndarray
    """The part of it by products of both."""


def neuron_components(neurons: Array) -> Array:
    """Return the 2-D components of the centred neurons: [n, n, mlp]."""
    xp = neurons.__array_namespace__()
    return transform_2d(neurons - xp.mean(neurons, axis=(0, 1), keepdims=True))


def neuron_spectrum(components: np.ndarray) -> Spectrum:
    """Find the best frequency of each neuron, after the post's "explained by k".

    Args:
        components: [n, n, mlp], those of the centred neurons. A neuron whose variance
            is only rounding (1e-24 of the largest) counts as one that never changes.
    """
    n = components.shape[0]
    energy = components**2
    # Component 0 is the constant: energy[0] is terms of b alone, energy[:, 0] of a.
    linear = by_frequency(energy[0] + energy[:, 0], n)
    # Products of two frequencies are no term of either: the diagonal alone counts.
    blocks = by_frequency(by_frequency(energy, n, 0), n, 1)
    quadratic = np.einsum("kki->ki", blocks)
    total = energy.sum((0, 1))
    changes = total > 1e-24 * max(total.max(initial=0), np.finfo(float).tiny)
    best = (linear + quadratic).argmax(0)

    def share(part: np.ndarray) -> np.ndarray:
        energy_of_best = part[best, np.arange(len(best))]
        return np.where(changes, energy_of_best, 0) / np.where(changes, total, 1)

    return Spectrum(
        frequency=np.where(changes, best + 1, 0),
        explained=share(linear) + share(quadratic),
        linear=share(linear),
        quadratic=share(quadratic),
    )


def find_clusters(spectrum: Spectrum) -> dict[int, tuple[int, ...]]:
    """Return frequency → its neurons of CLUSTER_SHARE or more, both ascending."""
    members: dict[int, tuple[int, ...]] = {}
    is_member = (spectrum.explained >= CLUSTER_SHARE) & (spectrum.frequency > 0)
    for k in np.unique(spectrum.frequency[is_member]):
        neurons = np.flatnonzero(is_member & (spectrum.frequency == k))
        members[int(k)] = tuple(map(int, neurons))
    return members


def always_firing(neurons: np.ndarray) -> tuple[int, ...]:
    """Return neurons above 0 on a share ALWAYS of the pairs: the post's last cluster.

    A ReLU that always fires is the identity: such a neuron is linear in what it reads.
    """
    share = (neurons > 0).mean((0, 1))
    return tuple(map(int, np.flatnonzero(share >= ALWAYS)))


def single_frequency(neurons: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Reduce each neuron to its mean and the terms of one frequency: [n, n, mlp].

    Args:
        neurons: [n, n, mlp].
        frequency: [mlp], 0 for the mean alone.
    """
    n = neurons.shape[0]
    k = frequencies(n)[:, None]
    is_term = (k == 0) | (k == frequency[None])
    terms = transform_2d(neurons) * (is_term[:, None] & is_term[None])
    return np.asarray(inverse_2d(terms))
