"""Which frequencies are key, and whether a spectrum is sparse at all.

>>> is_above(W_L_norms)                      # [n//2] bool, W_L norm > max/4
"""

from collections.abc import Sequence

import numpy as np

from jaxgrok.fourier.basis import Array, by_frequency, gini
from jaxgrok.fourier.neuron_spectra import Spectrum, find_clusters

KEY_RULES = ("W_L", "W_E", "neurons", "neurons_0.85")
THRESHOLD = 0.25
"""A frequency is key above this share of the largest norm (the post's max/4)."""
SPARSE_GINI = 0.4
"""A spectrum is sparse from this Gini coefficient of its component norms on.

W_L of random and of memorised networks lies below 0.17, of those that grokked above
0.64 (eleven trained at modulus 30 to 59, d_model 32 and 64; p=113 starts at 0.04).
"""


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
) -> tuple[tuple[int, ...], str]:
    """Return the frequencies that a rule passes, ascending, and the rule in words.

    Args:
        rule: one of KEY_RULES.
        threshold: of the rules W_L and W_E.
        W_E_norms: [n] norms of the components of W_E.
        W_L_norms: [n] those of W_L; None without MLP: every rule falls back to W_E.
        spectrum: of the neurons; None without MLP.

    Raises:
        ValueError: the rule is unknown.
    """
    if rule not in KEY_RULES:
        raise ValueError(
            f"key_rule={rule!r} is unknown; choose one of {', '.join(KEY_RULES)}"
        )
    if rule != "W_E" and (W_L_norms is None or spectrum is None):
        return frequencies_by_rule("W_E", threshold, W_E_norms, None, None)[0], (
            f"W_E (instead of {rule}: there is no MLP)"
        )
    if rule == "neurons_0.85" and spectrum is not None:
        return tuple(find_clusters(spectrum)), rule
    if rule == "neurons" and spectrum is not None:
        best = np.unique(spectrum.frequency)
        return tuple(int(k) for k in best if k > 0), rule
    # k counts from 1: index 0 is the first frequency, not the constant.
    norms = W_E_norms if rule == "W_E" or W_L_norms is None else W_L_norms
    return tuple(map(int, np.flatnonzero(is_above(norms, threshold)) + 1)), rule


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
    """Return the share of the squared norm (constant included) in some frequencies."""
    n = norms.shape[0]
    total = (norms**2).sum()
    energy = by_frequency(norms**2, n)[frequency_mask(frequencies, n)].sum()
    return float(energy / total) if total > 0 else float("nan")


def is_sparse(norms: np.ndarray) -> bool:
    """Tell whether component norms [n] are as uneven as those of grokked networks."""
    return bool(gini(norms) >= SPARSE_GINI)


def spectrum_verdict(matrix: str, norms: np.ndarray, frequencies: Sequence[int]) -> str:
    """Describe the spectrum of a matrix in a sentence, from its component norms [n]."""
    value = float(gini(norms))
    if not is_sparse(norms):
        return (
            f"no sparse spectrum: the component norms of {matrix} have a Gini "
            f"coefficient of {value:.2f}, below {SPARSE_GINI}"
        )
    listed = ", ".join(map(str, frequencies)) or "none"
    return (
        f"sparse spectrum: key frequencies {listed} hold "
        f"{energy_share(norms, frequencies):.1%} of the squared norm of {matrix} "
        f"(Gini {value:.2f})"
    )
