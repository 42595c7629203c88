"""Which frequencies of a network are key.

>>> is_above(W_L_norms)                      # [n//2] bool, W_L norm > max/4
"""

from collections.abc import Sequence

import numpy as np

from jaxgrok.fourier.basis import Array, by_frequency
from jaxgrok.fourier.neuron_spectra import Spectrum, find_clusters

KEY_RULES = ("W_L", "W_E", "neurons", "neurons_0.85", "logits")
THRESHOLD = 0.25
"""A frequency is key above this share of the largest norm (the post's max/4)."""


def frequency_norms(norms: Array) -> Array:
    """Return the norm of each frequency, cosine and sine together: [n] → [n//2]."""
    return by_frequency(norms**2, norms.shape[0]) ** 0.5


def is_above(norms: Array, threshold: float = THRESHOLD) -> Array:
    """Tell which frequencies pass `threshold` times the largest norm: [n//2] bool.

    Args:
        norms: [n] norms of the components; of all zeros, none passes.
        threshold: share of the largest.
    """
    values = frequency_norms(norms)
    return values > threshold * values.max()


def frequencies_by_rule(
    rule: str,
    threshold: float,
    W_E_norms: np.ndarray,
    W_L_norms: np.ndarray | None,
    spectrum: Spectrum | None,
    coefficients: np.ndarray,
) -> tuple[tuple[int, ...], str]:
    """Return the frequencies that a rule passes, ascending, and the rule in words.

    Args:
        rule: one of KEY_RULES.
        threshold: of the rules W_L, W_E and logits.
        W_E_norms: [n] norms of the components of W_E.
        W_L_norms: [n] those of W_L; None without MLP.
        spectrum: of the neurons; None without MLP: every rule but W_E becomes logits.
        coefficients: [n//2] v_k of the logits.

    Raises:
        ValueError: the rule is unknown.
    """
    if rule not in KEY_RULES:
        raise ValueError(
            f"key_rule={rule!r} is unknown; choose one of {', '.join(KEY_RULES)}"
        )
    if rule == "W_E":
        return frequencies_above(frequency_norms(W_E_norms), threshold), rule
    # The embedding of an attention-only network may spread over frequencies that its
    # logits do not have.
    if rule == "logits" or W_L_norms is None or spectrum is None:
        reason = "" if rule == "logits" else f" (instead of {rule}: there is no MLP)"
        return frequencies_above(np.abs(coefficients), threshold), f"logits{reason}"
    if rule == "W_L":
        return frequencies_above(frequency_norms(W_L_norms), threshold), rule
    if rule == "neurons_0.85":
        return tuple(find_clusters(spectrum)), rule
    best = np.unique(spectrum.frequency)
    return tuple(int(k) for k in best if k > 0), rule


def frequencies_above(sizes: np.ndarray, threshold: float) -> tuple[int, ...]:
    """Return the frequencies whose sizes [n//2] pass `threshold` times the largest."""
    # k counts from 1: index 0 is the first frequency, not the constant.
    return tuple(map(int, np.flatnonzero(sizes > threshold * sizes.max()) + 1))


def check_frequencies(frequencies: Sequence[int], n: int) -> tuple[int, ...]:
    """Return key frequencies, ascending; ValueError for one outside 1 … n//2."""
    wrong = [k for k in frequencies if int(k) != k or not 1 <= k <= n // 2]
    if wrong:
        raise ValueError(
            f"key_frequencies={list(frequencies)} must be whole numbers from 1 to "
            f"{n // 2} (order {n}), not {wrong[0]}"
        )
    return tuple(sorted({int(k) for k in frequencies}))


def frequency_mask(frequencies: Sequence[int], n: int) -> np.ndarray:
    """Return frequencies as [n//2] bool."""
    return np.isin(np.arange(1, n // 2 + 1), list(frequencies))


def energy_share(norms: np.ndarray, frequencies: Sequence[int]) -> float:
    """Return the share of the squared norm (constant included) in some frequencies.

    NaN without frequencies, and for norms of zero.
    """
    n = norms.shape[0]
    total = (norms**2).sum()
    if not frequencies or not total > 0:
        return float("nan")
    energy = by_frequency(norms**2, n)[frequency_mask(frequencies, n)].sum()
    return float(energy / total)
