"""What the logits of a network say of its circuit: losses by frequency.

>>> logit_section(network, key_frequencies)["trig_loss"]["all"]
"""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np

from jaxgrok.circuits.blocks import blocks
from jaxgrok.circuits.network import Network
from jaxgrok.fourier.basis import transform_2d
from jaxgrok.fourier.key_frequencies import frequency_mask
from jaxgrok.fourier.logit_projections import (
    by_answer,
    coefficients,
    cosine_terms,
    key_sum,
    losses_without,
    projections,
    table_losses,
    with_bias,
)

NAN = float("nan")


class PoolFields(TypedDict):
    """Fields of `Circuit` about all pairs of the task."""

    all_loss: float
    train_loss: float
    test_loss: float
    all_accuracy: float
    train_accuracy: float
    test_accuracy: float


class LogitFields(PoolFields):
    """Fields of `Circuit` about logits, losses and accuracies."""

    cos_coefficients: np.ndarray
    logit_variance_explained: dict[str, float]
    cos_approximation_loss: float
    logits_2d: np.ndarray
    trig_loss: dict[str, float]
    excluded_loss_2d: np.ndarray
    excluded_loss_2d_full: float
    excluded_loss_3d: np.ndarray
    excluded_loss_3d_full: float


class Parts(NamedTuple):
    """Parts of the logits: what the key ones add up to, and the losses without them.

    Attributes:
        total: [s, c] sum of the key parts.
        losses: [n//2 + 1] train loss without each part, then without all key ones.
    """

    total: np.ndarray
    losses: np.ndarray


class Summary(NamedTuple):
    """What the logits are summed up to before any frequency is key.

    Attributes:
        table: [s, c] means over the pairs of equal answer.
        values: [n//2] cosine coefficients v_k of the table.
        variances: {"overall", "per_class"} sums of squares of the centred logits.
    """

    table: np.ndarray
    values: np.ndarray
    variances: dict[str, float]

    @property
    def answer_share(self) -> float:
        """Share of the per-class variance that depends on the answer alone."""
        n = len(self.table)
        # Each answer has n pairs, which all have its mean.
        energy = n * ((self.table - self.table.mean(0)) ** 2).sum()
        return _share(energy, self.variances["per_class"])


def summarise(network: Network) -> Summary:
    """Sum up the logits of a network."""
    n = network.order
    table = np.empty((n, n))
    for answers in blocks(n, 8 * n * n):
        table[answers] = by_answer(network.logits, network.sign, answers).mean(1)
    return Summary(table, coefficients(table), _variances(network.logits))


def logit_section(
    network: Network, summary: Summary, keys: Sequence[int]
) -> LogitFields:
    """Describe the logits and the losses that the key frequencies explain.

    Args:
        network: of `jaxgrok.circuits.network.read`.
        summary: of its logits.
        keys: key frequencies; without any, what they would explain is NaN.
    """
    is_key = frequency_mask(keys, network.order)
    every, train, test = _weights(network)
    # 2-D removes cos and sin of a ± b from each class; 3-D only cos w(a ± b - c).
    waves, cubes = _parts(network, summary, is_key, train)
    # [s]: of every pair with answer s. Counts of pairs weight it below.
    trig = table_losses(with_bias(waves.total, summary.table))
    approximation = float(table_losses(cubes.total).mean())
    if not keys:
        trig, approximation = np.full_like(trig, NAN), NAN
    return {
        "cos_coefficients": summary.values,
        "logit_variance_explained": _explained(summary, is_key),
        "cos_approximation_loss": approximation,
        "logits_2d": _norms_2d(network.logits),
        "trig_loss": {
            "all": _mean(trig, every.sum(1)),
            "train": _mean(trig, train.sum(1)),
            "test": _mean(trig, test.sum(1)),
        },
        "excluded_loss_2d": waves.losses[:-1],
        "excluded_loss_2d_full": float(waves.losses[-1]) if keys else NAN,
        "excluded_loss_3d": cubes.losses[:-1],
        "excluded_loss_3d_full": float(cubes.losses[-1]) if keys else NAN,
        **_over_pool(network),
    }


def _over_pool(network: Network) -> PoolFields:
    """Return loss and accuracy over the pool; NaN where the split is unknown."""
    # The pool has pairs that are not in the group (x·0), so these are not means of it.
    losses, hits = network.pool_loss, network.pool_is_right
    every = np.ones(len(losses), bool)
    train = test = ~every
    if network.pool_is_train is not None:
        train, test = network.pool_is_train, ~network.pool_is_train
    return {
        "all_loss": float(losses.mean()),
        "train_loss": _mean(losses, train),
        "test_loss": _mean(losses, test),
        "all_accuracy": _mean(hits, every),
        "train_accuracy": _mean(hits, train),
        "test_accuracy": _mean(hits, test),
    }


def _parts(
    network: Network, summary: Summary, is_key: np.ndarray, train: np.ndarray
) -> tuple[Parts, Parts]:
    """Take out the 2-D and the 3-D part of every frequency, and of all key ones."""
    n = network.order
    totals = np.empty((2, n, n))
    sums = np.zeros((2, n // 2 + 1))
    # Of each answer, about 4 arrays [pairs, c] and 5 of half that size.
    for answers in blocks(n, 8 * 7 * n * n):
        grouped = by_answer(network.logits, network.sign, answers)
        waves = projections(summary.table, answers)
        cubes = cosine_terms(summary.values, n, answers)
        for i, part in enumerate((waves, cubes)):
            totals[i, answers] = key_sum(part, is_key)
            # Losses do not add up: all key parts together are a part of their own.
            removed = np.concatenate([part, totals[i, answers, :, None]], axis=2)
            losses = losses_without(grouped, removed, np.arange(n)[answers])
            sums[i] += (losses * train[answers, :, None]).sum((0, 1))
    means = sums / train.sum() if train.any() else np.full_like(sums, NAN)
    return Parts(totals[0], means[0]), Parts(totals[1], means[1])


def _norms_2d(logits: np.ndarray) -> np.ndarray:
    """Return the norms over classes of the 2-D components: [n, n]."""
    n = logits.shape[0]
    squares = np.zeros((n, n))
    for classes in blocks(n, 8 * 4 * n * n):
        squares += (transform_2d(logits[..., classes]) ** 2).sum(2)
    return np.sqrt(squares)


def _weights(network: Network) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all, train and test pairs by answer; no pair where it is unknown."""
    every = np.ones(network.labels.shape, bool)
    if network.is_train is None:
        return every, ~every, ~every
    train = by_answer(network.is_train, network.sign)
    return every, train, ~train


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted mean; NaN without weight."""
    total = weights.sum()
    return float((values * weights).sum() / total) if total else NAN


def _explained(summary: Summary, is_key: np.ndarray) -> dict[str, float]:
    """Return the share of the logits' variance in the key v_k C_k, centred two ways.

    NaN without key frequencies, and for logits that do not vary.
    """
    # The C_k are orthonormal over the cube of pairs and classes.
    energy = (summary.values[is_key] ** 2).sum() if is_key.any() else NAN
    shares = {}
    for name, variance in summary.variances.items():
        shares[name] = _share(energy, variance)
    return shares


def _variances(logits: np.ndarray) -> dict[str, float]:
    """Return the sums of squares of logits [n, n, n], centred two ways."""
    n = logits.shape[0]
    centres = {"overall": logits.mean(), "per_class": logits.mean((0, 1))}
    sums = dict.fromkeys(centres, 0.0)
    for rows in blocks(n, 8 * 2 * n * n):
        for name, centre in centres.items():
            sums[name] += float(((logits[rows] - centre) ** 2).sum())
    return sums


def _share(energy: float, variance: float) -> float:
    """Return energy over variance; NaN where nothing varies."""
    return float(energy / variance) if variance > 0 else NAN
