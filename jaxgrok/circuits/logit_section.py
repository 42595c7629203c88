"""What the logits of a network say of its circuit: losses by frequency.

>>> logit_section(network, key_frequencies)["trig_loss"]["all"]
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from jaxgrok.circuits.network import Network
from jaxgrok.fourier.basis import transform_2d
from jaxgrok.fourier.key_frequencies import frequency_mask
from jaxgrok.fourier.logit_projections import (
    by_answer,
    coefficients,
    cosine_terms,
    excluded_losses,
    key_sum,
    projections,
    table_losses,
    trig_table,
)

NAN = float("nan")


class LogitFields(TypedDict):
    """Fields of `Circuit` about logits and losses."""

    cos_coefficients: np.ndarray
    logit_variance_explained: dict[str, float]
    cos_approximation_loss: float
    logits_2d: np.ndarray
    trig_loss: dict[str, float]
    excluded_loss_2d: np.ndarray
    excluded_loss_2d_full: float
    excluded_loss_3d: np.ndarray
    excluded_loss_3d_full: float
    all_loss: float
    train_loss: float
    test_loss: float


def logit_section(network: Network, keys: Sequence[int]) -> LogitFields:
    """Describe the logits and the losses that the key frequencies explain."""
    n, logits = network.order, network.logits
    grouped = by_answer(logits, network.sign)
    # [s, c]: all that the projections depend on.
    table = grouped.mean(1)
    values = coefficients(table)
    is_key = frequency_mask(keys, n)
    terms = cosine_terms(values, n)
    # [s]: of every pair with answer s. Counts of pairs weight it below.
    trig = table_losses(trig_table(table, is_key))
    every, train, test = _weights(network)
    # 2-D removes cos and sin of a ± b from each class; 3-D only cos w(a ± b - c).
    excluded_2d = _excluded(grouped, projections(table), is_key, train)
    excluded_3d = _excluded(grouped, terms, is_key, train)
    # The pool has pairs that are not in the group (x·0), so these are not means of it.
    pool_loss, is_train = network.pool_loss, network.pool_is_train
    return {
        "cos_coefficients": values,
        "logit_variance_explained": _explained(logits, values[is_key]),
        "cos_approximation_loss": float(table_losses(key_sum(terms, is_key)).mean()),
        "logits_2d": np.linalg.norm(transform_2d(logits), axis=2),
        "trig_loss": {
            "all": _mean(trig, every.sum(1)),
            "train": _mean(trig, train.sum(1)),
            "test": _mean(trig, test.sum(1)),
        },
        "excluded_loss_2d": excluded_2d[:-1],
        "excluded_loss_2d_full": float(excluded_2d[-1]),
        "excluded_loss_3d": excluded_3d[:-1],
        "excluded_loss_3d_full": float(excluded_3d[-1]),
        "all_loss": float(pool_loss.mean()),
        "train_loss": NAN if is_train is None else _mean(pool_loss, is_train),
        "test_loss": NAN if is_train is None else _mean(pool_loss, ~is_train),
    }


def _excluded(
    grouped: np.ndarray, terms: np.ndarray, is_key: np.ndarray, train: np.ndarray
) -> np.ndarray:
    """Measure the loss without each frequency, then without all key ones: [n//2 + 1].

    grouped [s, pairs of s, c], terms [s, c, n//2], train [s, pairs of s].
    """
    # Losses do not add up: all key parts together are a part of their own.
    full = key_sum(terms, is_key)[..., None]
    parts = np.concatenate([terms, full], axis=2)
    return np.asarray(excluded_losses(grouped, parts, train))


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


def _explained(logits: np.ndarray, key_values: np.ndarray) -> dict[str, float]:
    """Return the share of the logits' variance in the key v_k C_k, centred two ways."""
    # The C_k are orthonormal over the cube of pairs and classes.
    energy = (key_values**2).sum()
    centres = {"overall": logits.mean(), "per_class": logits.mean((0, 1))}
    shares = {}
    for name, centre in centres.items():
        variance = ((logits - centre) ** 2).sum()
        shares[name] = float(energy / variance) if variance > 0 else NAN
    return shares
