"""Key frequencies: the rules that choose them, and whether there is anything to choose.

Owns the field's four rules and the test for a sparse spectrum. Component norms in,
frequencies out. Written over the array namespace where training needs it.

    >>> is_above(W_L_norms)                      # [n//2] bool, W_L norm > max/4
"""

from collections.abc import Sequence

import numpy as np

from jaxgrok.fourier.basis import Array, by_frequency, gini
from jaxgrok.fourier.neuron_spectra import Spectrum, clusters

KEY_RULES = ("W_L", "W_E", "neurons", "neurons_0.85")
THRESHOLD = 0.25
"""A frequency is key above this share of the largest norm (the post's max/4)."""
SPARSE_GINI = 0.4
"""A spectrum is sparse from this Gini coefficient of its component norms on.

W_L of random and of memorised networks lies below 0.17, of those that grokked above
0.64 (eleven trained at modulus 30 to 59, d_model 32 and 64; p=113 starts at 0.04).
"""


def frequency_norms(norms: Array) -> Array:
    """Norm of each frequency, cosine and sine together: [n] → [n//2]."""
    return by_frequency(norms**2, norms.shape[0]) ** 0.5


def is_above(norms: Array, threshold: float = THRESHOLD) -> Array:
    """Whether each frequency's norm passes `threshold` times the largest: [n//2] bool.

    norms: [n] norms of the components. Zeros pass nowhere.
    """
    values = frequency_norms(norms)
    return values > threshold * values.max()


def by_rule(
    rule: str,
    threshold: float,
    W_E_norms: np.ndarray,
    W_L_norms: np.ndarray | None,
    spectrum: Spectrum | None,
) -> tuple[tuple[int, ...], str]:
    """The frequencies that a rule passes, ascending, and the rule in words.

    Without MLP (W_L_norms and spectrum None) every rule falls back to W_E.
    """
    if rule not in KEY_RULES:
        raise ValueError(
            f"key_rule={rule!r} is unknown; choose one of {', '.join(KEY_RULES)}"
        )
    if rule != "W_E" and (W_L_norms is None or spectrum is None):
        return by_rule("W_E", threshold, W_E_norms, None, None)[0], (
            f"W_E (instead of {rule}: there is no MLP)"
        )
    if rule == "neurons_0.85" and spectrum is not None:
        return tuple(clusters(spectrum)), rule
    if rule == "neurons" and spectrum is not None:
        used = np.unique(spectrum.frequency)
        return tuple(int(k) for k in used if k > 0), rule
    norms = W_E_norms if rule == "W_E" or W_L_norms is None else W_L_norms
    return tuple(map(int, np.flatnonzero(is_above(norms, threshold)) + 1)), rule


def checked(frequencies: Sequence[int], n: int) -> tuple[int, ...]:
    """Given key frequencies, ascending; ValueError for one outside 1 … n//2."""
    wrong = [k for k in frequencies if int(k) != k or not 1 <= k <= n // 2]
    if wrong:
        raise ValueError(
            f"key_frequencies={list(frequencies)}: allowed are whole numbers from 1 to "
            f"{n // 2} (order {n}), not {wrong[0]}"
        )
    return tuple(sorted({int(k) for k in frequencies}))


def mask(frequencies: Sequence[int], n: int) -> np.ndarray:
    """Frequencies as [n//2] bool."""
    return np.isin(np.arange(1, n // 2 + 1), list(frequencies))


def share(norms: np.ndarray, frequencies: Sequence[int]) -> float:
    """Share of the squared norm, the constant included, in some frequencies."""
    n = norms.shape[0]
    total = (norms**2).sum()
    kept = by_frequency(norms**2, n)[mask(frequencies, n)].sum()
    return float(kept / total) if total > 0 else float("nan")


def is_sparse(norms: np.ndarray) -> bool:
    """Whether the component norms [n] stand out as those of a grokked network do."""
    return bool(gini(norms) >= SPARSE_GINI)


def verdict(matrix: str, norms: np.ndarray, frequencies: Sequence[int]) -> str:
    """One sentence on the spectrum of a matrix, from its component norms [n]."""
    value = float(gini(norms))
    if not is_sparse(norms):
        return (
            f"no sparse spectrum: the component norms of {matrix} have a Gini "
            f"coefficient of {value:.2f}, below {SPARSE_GINI}"
        )
    listed = ", ".join(map(str, frequencies)) or "none"
    return (
        f"sparse spectrum: key frequencies {listed} hold "
        f"{share(norms, frequencies):.1%} of the squared norm of {matrix} "
        f"(Gini {value:.2f})"
    )
