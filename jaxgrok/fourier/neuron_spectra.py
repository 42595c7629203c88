"""Neurons as functions of the pair (a, b): their frequencies and clusters.

Everything takes neurons [n, n, mlp], or their 2-D components of that shape.

>>> spectrum = neuron_spectrum(neuron_energies(neuron_components(neurons)))
>>> find_clusters(spectrum)                   # {14: (3, 8, ...), ...}
"""

from typing import NamedTuple

import numpy as np

from jaxgrok.fourier.basis import Array, basis, by_frequency, transform_2d

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


class Energies(NamedTuple):
    """Squared components of each neuron: those of a frequency, and all of them."""

    linear: np.ndarray
    """[n//2, mlp] terms of a alone and of b alone."""
    quadratic: np.ndarray
    """[n//2, mlp] products of both."""
    total: np.ndarray
    """[mlp]."""


def neuron_energies(components: np.ndarray) -> Energies:
    """Add up the squared components [n, n, mlp] of centred neurons by frequency."""
    n = components.shape[0]
    energy = components**2
    # Component 0 is the constant: energy[0] is terms of b alone, energy[:, 0] of a.
    linear = by_frequency(energy[0] + energy[:, 0], n)
    # Products of two frequencies are no term of either: the diagonal alone counts.
    blocks = by_frequency(by_frequency(energy, n, 0), n, 1)
    quadratic = np.einsum("kki->ki", blocks)
    return Energies(linear, quadratic, energy.sum((0, 1)))


def neuron_spectrum(energies: Energies) -> Spectrum:
    """Find the best frequency of each neuron, after the post's "explained by k".

    Args:
        energies: of all neurons. A neuron whose variance is only rounding (1e-24 of the
            largest) counts as one that never changes.
    """
    linear, quadratic, total = energies
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


def own_terms(components: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Return the components of each neuron at its own frequency and the constant.

    Args:
        components: [n, n, mlp], those of the neurons as they are, not centred.
        frequency: [mlp], 0 for the constant alone.

    Returns:
        [mlp, 3, 3] along the constant, the cosine and the sine of a, and of b.
    """
    index, exists = _own_rows(components.shape[0], frequency)
    neurons = np.arange(len(frequency))[:, None, None]
    terms = components[index[:, :, None], index[:, None], neurons]
    return np.where(exists[:, :, None] & exists[:, None], terms, 0)


def single_frequency(
    terms: np.ndarray, frequency: np.ndarray, n: int, rows: slice = slice(None)
) -> np.ndarray:
    """Reduce each neuron to its mean and the terms of one frequency.

    Args:
        terms: [mlp, 3, 3] of `own_terms`.
        frequency: [mlp], as there.
        n: the order of the group.
        rows: some of the a; by default all.

    Returns:
        [rows, n, mlp].
    """
    # [mlp, 3, n]: the functions that a neuron's terms belong to.
    functions = basis(n)[_own_rows(n, frequency)[0]]
    values = functions[..., rows].swapaxes(1, 2) @ terms @ functions
    return np.moveaxis(values, 0, 2)


def _own_rows(n: int, frequency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the basis rows of the constant, cosine and sine, and whether they exist.

    Both are [mlp, 3]. Without a frequency there is neither; at n/2 there is no sine.
    """
    index = np.stack([0 * frequency, 2 * frequency - 1, 2 * frequency], 1)
    exists = (index < n) & (index > 0)
    exists[:, 0] = True
    return np.where(exists, index, 0), exists
