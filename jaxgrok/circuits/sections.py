"""What the weights and the attention of a network say of its circuit.

Each function returns the fields of `Circuit` about one of them; NaN where a number is
unknown.

>>> embedding_section(network.W_E, key_frequencies)["circles"]
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from jaxgrok.circuits.network import Network
from jaxgrok.fourier.basis import gini, transform, transform_2d
from jaxgrok.fourier.key_frequencies import (
    energy_share,
    frequencies_above,
    frequency_norms,
)

NAN = float("nan")
MOST_PCA = 4
"""Principal components of W_E that a circuit has, at most."""


class SpectrumFields(TypedDict):
    """Fields of `Circuit` about the spectra of W_E and W_L."""

    W_E_norms: np.ndarray
    W_L_norms: np.ndarray | None
    W_E_frequencies: tuple[int, ...]
    W_E_share: float
    W_L_share: float
    W_L_residual: float
    gini: dict[str, float]


class AttentionFields(TypedDict):
    """Fields of `Circuit` about attention from the read position."""

    attention_2d: np.ndarray | None
    attention_to_equals: np.ndarray | None


class EmbeddingFields(TypedDict):
    """Fields of `Circuit` about the geometry of W_E."""

    pca: np.ndarray
    pca_shares: np.ndarray
    circles: dict[int, np.ndarray]


def sum_of_squares(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sum of squared weights of each array, and their total."""
    squares = {name: (value**2).sum() for name, value in sorted(params.items())}
    return {**squares, "total": sum(squares.values())}


def spectrum_section(
    W_E_norms: np.ndarray,
    W_L_norms: np.ndarray | None,
    keys: Sequence[int],
    threshold: float,
) -> SpectrumFields:
    """Describe the component norms [n] of W_E and of W_L (None without MLP)."""
    W_L_share = NAN if W_L_norms is None else energy_share(W_L_norms, keys)
    return {
        "W_E_norms": W_E_norms,
        "W_L_norms": W_L_norms,
        # Whatever rule made the keys, this is what W_E alone would have said.
        "W_E_frequencies": frequencies_above(frequency_norms(W_E_norms), threshold),
        "W_E_share": energy_share(W_E_norms, keys),
        "W_L_share": W_L_share,
        # Rounding may take the share a little past 1. A share of NaN stays NaN.
        "W_L_residual": float(np.sqrt(np.maximum(1 - W_L_share, 0))),
        "gini": {
            "W_E": float(gini(W_E_norms)),
            "W_L": NAN if W_L_norms is None else float(gini(W_L_norms)),
        },
    }


def attention_section(network: Network) -> AttentionFields:
    """Describe the attention from the read position; None in an MLP."""
    pattern = network.pattern
    if pattern is None:
        return {"attention_2d": None, "attention_to_equals": None}
    # Three positions and a softmax: attention to x, with that to `=`, says it all.
    return {
        "attention_2d": np.moveaxis(transform_2d(pattern[..., 0]), 2, 0),
        "attention_to_equals": pattern[..., -1].mean((0, 1)),
    }


def embedding_section(W_E: np.ndarray, keys: Sequence[int]) -> EmbeddingFields:
    """Find the principal components of W_E [n, model], and its circles."""
    # Centred: what all rows of W_E share tells no two elements apart.
    left, scale, _ = np.linalg.svd(W_E - W_E.mean(0), full_matrices=False)
    scores = (left * scale)[:, :MOST_PCA]
    # A principal direction has no sign of its own: the largest score is positive.
    largest = scores[np.abs(scores).argmax(0), np.arange(scores.shape[1])]
    total = (scale**2).sum()
    return {
        "pca": scores * np.where(largest < 0, -1, 1),
        "pca_shares": scale[:MOST_PCA] ** 2 / (total if total > 0 else NAN),
        "circles": {k: _circle(W_E, k) for k in keys},
    }


def _circle(W_E: np.ndarray, k: int) -> np.ndarray:
    """Project W_E on the directions that carry cos and sin of frequency k: [n, 2].

    For k = n/2 there is no sine, and the second coordinate is 0.
    """
    directions = np.zeros((2, W_E.shape[1]))
    components = transform(W_E)[2 * k - 1 : 2 * k + 1]
    # Component rows 2k - 1 and 2k are the cosine and the sine of frequency k.
    directions[: len(components)] = components
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    return W_E @ (directions / np.where(lengths > 0, lengths, 1)).T
