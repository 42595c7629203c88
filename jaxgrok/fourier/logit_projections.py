"""What the logits owe to each frequency: projections and the losses they leave.

The operation is a ± b (mod n). Both kinds of projection depend on a pair only through
its answer s = a ± b, so n³ logits reduce to their means over pairs of equal answer: a
table [s, c] of n answers by n classes.

Sources: "A Mechanistic Interpretability Analysis of Grokking" (Nanda & Lieberum 2022;
excluded loss, cosine coefficients) and "Progress measures for grokking via mechanistic
interpretability" (Nanda et al. 2023; excluded loss and restricted loss).

>>> grouped = by_answer(logits, sign=1)              # [s, pairs of s, classes]
>>> excluded_losses(grouped, projections(grouped.mean(1)), weights)   # [n//2]
"""

import functools

import numpy as np

from jaxgrok.fourier.basis import Array, basis, frequencies, split, transform


def answer_index(n: int, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of each answer: a and b, both [n (s), n (pair)], a ± b = s."""
    s, a = np.arange(n)[:, None], np.arange(n)[None]
    # 0 s broadcasts a to [s, pair]; a ± b = s is solved for b.
    return a + 0 * s, sign * (s - a) % n


def by_answer(x: Array, sign: int, answers: slice = slice(None)) -> Array:
    """Regroup values [n, n, ...] of pairs (a, b) by answer: [n (s), n (pair), ...].

    Args:
        x: the values.
        sign: +1 where the answer is a + b, -1 where it is a - b.
        answers: some of the answers; by default all.
    """
    a, b = answer_index(x.shape[0], sign)
    return x[a[answers], b[answers]]


def projections(table: Array, answers: slice = slice(None)) -> Array:
    """Return P_k L, from the means of the logits over equal answers.

    For each class, the logits are projected (over all pairs) onto the unit vectors
    along cos w_k(a ± b) and sin w_k(a ± b), w_k = 2πk/n. Projected values depend on the
    answer alone, and averaging over equal answers first loses nothing.

    Args:
        table: [s, c] means of the logits over equal answers.
        answers: some of the answers; by default all.

    Returns:
        [answers, c, n//2], in the order k = 1 … n//2.
    """
    n = table.shape[0]
    cosines, sines = split(transform(table), n)
    cos, sin = (rows.astype(table.dtype).T[answers, None] for rows in _rows(n))
    return cos * cosines.T[None] + sin * sines.T[None]


def coefficients(table: Array) -> Array:
    """Return v_k = ⟨C_k, L⟩ for k = 1 … n//2: [n//2].

    C_k is cos(w_k(a ± b - c)) with unit norm over the n³ cube of pairs and classes.

    Args:
        table: [s, c] means of the logits over equal answers.
    """
    n = table.shape[0]
    # cos w(s - c) is cos·cos + sin·sin: only the diagonal of the 2-D components counts.
    both = transform(transform(table, 0), 1)
    cosines, sines = split(both[np.arange(n), np.arange(n)], n)
    return (cosines + sines) * (n * _unit(n)).astype(table.dtype)


def cosine_terms(values: Array, n: int, answers: slice = slice(None)) -> Array:
    """Return v_k C_k for each k, as a function of answer and class: [s, c, n//2].

    Args:
        values: [n//2] of `coefficients`.
        n: the order of the group.
        answers: some of the answers; by default all.
    """
    cos, sin = (rows.astype(values.dtype).T for rows in _rows(n))
    unit = _unit(n).astype(values.dtype)
    cube = cos[answers, None] * cos[None] + sin[answers, None] * sin[None]
    return cube * (values * unit)[None, None]


@functools.cache
def _rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine and sine rows of the basis, both [n//2, n]."""
    return split(basis(n), n)


def _unit(n: int) -> np.ndarray:
    """Return unit [n//2] of C_k = unit (F_cos(s) F_cos(c) + F_sin(s) F_sin(c))."""
    k = np.unique(frequencies(n))[1:]
    # The sum has norm √2, or 1 where the sine is absent; over the n pairs of each s,
    # √n times that.
    unit: np.ndarray = np.where(2 * k == n, 1 / np.sqrt(n), 1 / np.sqrt(2 * n))
    return unit


def trig_table(table: Array, is_key: Array) -> Array:
    """Return the restricted logits: the key P_k L plus a bias per class, [s, c].

    With R = Σ_key P_k L, the bias is the mean over all pairs of L - R (Nanda et al.
    2023, restricted loss).

    Args:
        table: [s, c] means of the logits over equal answers.
        is_key: [n//2] bool, or 0 and 1.
    """
    return with_bias(key_sum(projections(table), is_key), table)


def with_bias(restricted: Array, table: Array) -> Array:
    """Add the bias of each class to restricted logits, both [s, c]."""
    xp = table.__array_namespace__()
    return restricted + xp.mean(table - restricted, axis=0, keepdims=True)


def key_sum(terms: Array, is_key: Array) -> Array:
    """Add up the terms [s, c, n//2] of the key frequencies: [s, c]."""
    return terms @ is_key.astype(terms.dtype)


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Return the loss of each row in nats, exact however small: [..., c] → [...].

    The loss is log(1 + e^x), x = log Σ_wrong e^logit - right logit, so that a loss of
    1e-12 has as many right digits as one of 10.

    Args:
        logits: [..., c].
        labels: [...] int.
    """
    xp = logits.__array_namespace__()
    # A new axis on both sides: no rank promotion, and no gather.
    right = labels[..., None] == np.arange(logits.shape[-1]).reshape(
        (1,) * labels.ndim + (-1,)
    )
    wrong = xp.where(right, -np.inf, logits)
    top = xp.max(wrong, axis=-1)
    sums = xp.log(xp.sum(xp.exp(wrong - top[..., None]), axis=-1))
    return xp.logaddexp(0.0, top + sums - xp.sum(xp.where(right, logits, 0), -1))


def table_losses(table: Array) -> Array:
    """Return the loss of each answer from logits that depend on it alone: [s]."""
    return cross_entropy(table, np.arange(table.shape[0]))


def excluded_losses(grouped: Array, removed: Array, weights: Array) -> Array:
    """Return the loss without some part of the logits, for many parts at once.

    Args:
        grouped: [s, pairs of s, c] logits L.
        removed: [s, c, parts] the parts.
        weights: [s, pairs of s], 1 for the pairs that count.

    Returns:
        [parts] weighted mean losses of L - removed; NaN where no pair counts.
    """
    xp = grouped.__array_namespace__()
    losses = losses_without(grouped, removed, np.arange(grouped.shape[0]))
    weights = weights.astype(grouped.dtype)
    total = xp.sum(weights)
    sums = xp.sum(losses * weights[..., None], axis=(0, 1))
    return xp.where(total > 0, sums / xp.where(total > 0, total, 1), np.nan)


def losses_without(grouped: Array, removed: Array, answers: np.ndarray) -> Array:
    """Return the loss of every pair without some part of the logits.

    Args:
        grouped: [answers, pairs, c] logits L of the pairs of some answers.
        removed: [answers, c, parts] the parts.
        answers: [answers] the right class of each row.

    Returns:
        [answers, pairs, parts] losses of L - removed.

    With M the mean of the logits over equal answers, exp(L - P) is exp(L - M) times
    exp(M - P), and the second factor is the same for all pairs of an answer. So the sum
    over classes is one matrix product for each answer, and no [s, pairs, c, parts]
    array exists. Both factors are taken relative to their own largest wrong class and
    the right class stays outside, so that in float32 a loss of 1e-12 is as accurate as
    one of 10 (a few 1e-5 relative).

    Extremes, in float32 (float64): a wrong class is lost whose L - M, or whose M - P,
    lies more than 126 (1027) nats below that of the largest, or if both together come
    to 165 (1346). Where every class is lost, their sum counts as the smallest normal
    number, and the loss is too large. It is never NaN unless a logit is not finite.
    """
    xp = grouped.__array_namespace__()
    info = np.finfo(grouped.dtype)
    # Lifts both factors, so that their product has the whole range of exponents.
    lift = float(np.floor(0.45 * np.log(float(info.max))))
    right = answers[:, None] == np.arange(grouped.shape[2])
    mean = xp.mean(grouped, axis=1)

    deviation = grouped - mean[:, None]
    wrong = xp.where(right[:, None], -np.inf, deviation)
    top = xp.max(wrong, axis=2, keepdims=True)
    factors = xp.exp(wrong - top + lift)
    gain = mean[..., None] - removed
    gain = gain - _right_class(gain, answers)[:, None]
    # Of the right class too: the other factor is 0 there, and this must not be inf.
    gain = xp.where(right[..., None], -np.inf, gain)
    best = xp.max(gain, axis=1, keepdims=True)
    gains = xp.exp(gain - best + lift)

    # A sum of 0, where every class is lost, would have no logarithm.
    sums = xp.maximum(factors @ gains, float(info.tiny))
    margin = top - _right_class(deviation.swapaxes(1, 2), answers)[..., None]
    excess = (margin + best) + (xp.log(sums) - 2 * lift)
    return xp.logaddexp(0.0, excess)


def _right_class(x: Array, answers: np.ndarray) -> Array:
    """Return the entries of each answer's own class, of [answers, c, ...]."""
    return x[np.arange(x.shape[0]), answers]
