"""What a circuit records, section by section: neurons, logits, attention, embedding.

Owns the host's side of the measures: it applies `logits` and `neurons` to one network
and returns fields of `circuit.Circuit`. NaN where a number is unknown.

    >>> of_logits(network, key_frequencies)["trig_loss"]["all"]
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgrok.circuits.network import Network
from jaxgrok.fourier import key_frequencies, neuron_spectra
from jaxgrok.fourier import logit_projections as lg
from jaxgrok.fourier.basis import transform, transform_2d

NAN = float("nan")
MOST_PCA = 4


def sum_of_squares(params: Mapping[str, Any]) -> dict[str, Any]:
    """Sum of squared weights of each matrix and bias, and their total."""
    squares = {name: (value**2).sum() for name, value in sorted(params.items())}
    return {**squares, "total": sum(squares.values())}


def of_neurons(
    network: Network,
) -> tuple[dict[str, Any], neuron_spectra.Spectrum | None]:
    """The fields about neurons, and their spectrum; empty without MLP."""
    values, W_L = network.neurons, network.W_L
    if values is None or W_L is None:
        none = np.zeros(0)
        return {
            "neuron_frequency": none.astype(int),
            "neuron_explained": none,
            "neuron_explained_linear": none,
            "neuron_explained_quadratic": none,
            "neuron_share": NAN,
            "clusters": {},
            "always_firing": (),
            "neurons_2d": None,
            "W_L_clusters": {},
            "ablation": dict.fromkeys(("before", "clusters", "all"), NAN),
        }, None
    components = neuron_spectra.components(values)
    spectrum = neuron_spectra.spectrum_of(components)
    clusters = neuron_spectra.clusters(spectrum)
    W_L_hat = transform(W_L, 1)
    return {
        "neuron_frequency": spectrum.frequency,
        "neuron_explained": spectrum.explained,
        "neuron_explained_linear": spectrum.linear,
        "neuron_explained_quadratic": spectrum.quadratic,
        "neuron_share": sum(map(len, clusters.values())) / values.shape[2],
        "clusters": clusters,
        "always_firing": neuron_spectra.always_firing(values),
        "neurons_2d": np.linalg.norm(components, axis=2),
        "W_L_clusters": {
            k: np.linalg.norm(W_L_hat[list(members)], axis=0)
            for k, members in clusters.items()
        },
        "ablation": _ablation(network, spectrum, clusters),
    }, spectrum


def _ablation(
    network: Network,
    spectrum: neuron_spectra.Spectrum,
    clusters: Mapping[int, tuple[int, ...]],
) -> dict[str, float]:
    """Loss over all pairs with neurons replaced by their single-frequency terms.

    The logits are linear in the neurons, so only the difference goes through W_L; with
    a final layer norm they are not, and the losses are NaN.
    """
    values, W_L = network.neurons, network.W_L
    assert values is not None and W_L is not None
    before = lg.cross_entropy(network.logits, network.labels).mean()
    if not network.linear_read_out:
        return {"before": float(before), "clusters": NAN, "all": NAN}
    change = neuron_spectra.single_frequency(values, spectrum.frequency) - values
    inside = sorted(i for members in clusters.values() for i in members)

    def loss(which: Any) -> float:
        logits = network.logits + change[..., which] @ W_L[which]
        return float(lg.cross_entropy(logits, network.labels).mean())

    return {
        "before": float(before),
        "clusters": loss(inside),
        "all": loss(slice(None)),
    }


def of_logits(network: Network, chosen: Sequence[int]) -> dict[str, Any]:
    """The fields about logits and losses."""
    n, logits = network.order, network.logits
    grouped = lg.by_answer(logits, network.sign)
    table = grouped.mean(1)
    values = lg.coefficients(table)
    is_key = key_frequencies.mask(chosen, n)
    terms = lg.cosine_terms(values, n)
    trig = lg.table_losses(lg.trig_table(table, is_key))
    every, train, test = _weights(network)
    fields: dict[str, Any] = {
        "cos_coefficients": values,
        "logit_variance_explained": _explained(logits, values[is_key]),
        "cos_approximation_loss": float(
            lg.table_losses(lg.key_sum(terms, is_key)).mean()
        ),
        "logits_2d": np.linalg.norm(transform_2d(logits), axis=2),
        "trig_loss": {
            "all": _mean(trig, every.sum(1)),
            "train": _mean(trig, train.sum(1)),
            "test": _mean(trig, test.sum(1)),
        },
    }
    for name, removed in (("2d", lg.projections(table)), ("3d", terms)):
        full = lg.key_sum(removed, is_key)[..., None]
        losses = lg.excluded_losses(
            grouped, np.concatenate([removed, full], axis=2), train
        )
        fields[f"excluded_loss_{name}"] = losses[:-1]
        fields[f"excluded_loss_{name}_full"] = float(losses[-1])
    pool, in_train = network.pool_loss, network.pool_is_train
    fields["all_loss"] = float(pool.mean())
    fields["train_loss"] = NAN if in_train is None else _mean(pool, in_train)
    fields["test_loss"] = NAN if in_train is None else _mean(pool, ~in_train)
    return fields


def _weights(network: Network) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All, train and test pairs grouped by answer; no pair where it is unknown."""
    every = np.ones(network.labels.shape, bool)
    if network.is_train is None:
        return every, ~every, ~every
    train = lg.by_answer(network.is_train, network.sign)
    return every, train, ~train


def _mean(values: np.ndarray, weights: Any) -> float:
    """Weighted mean; NaN without weight."""
    total = weights.sum()
    return float((values * weights).sum() / total) if total else NAN


def _explained(logits: np.ndarray, key_values: np.ndarray) -> dict[str, float]:
    """Share of the logits' variance in the key v_k C_k, centred in two ways."""
    kept = (key_values**2).sum()
    centres = {"overall": logits.mean(), "per_class": logits.mean((0, 1))}
    variances = {name: ((logits - c) ** 2).sum() for name, c in centres.items()}
    return {k: float(kept / v) if v > 0 else NAN for k, v in variances.items()}


def of_attention(network: Network) -> dict[str, Any]:
    """The fields about attention from the read position."""
    pattern = network.pattern
    if pattern is None:
        return {"attention_2d": None, "attention_to_equals": None}
    return {
        "attention_2d": np.moveaxis(transform_2d(pattern[..., 0]), 2, 0),
        "attention_to_equals": pattern[..., -1].mean((0, 1)),
    }


def of_embedding(W_E: np.ndarray, chosen: Sequence[int]) -> dict[str, Any]:
    """Principal components of W_E, and its circles."""
    left, scale, _ = np.linalg.svd(W_E - W_E.mean(0), full_matrices=False)
    scores = (left * scale)[:, :MOST_PCA]
    # A principal direction has no sign of its own: the largest score is positive.
    largest = scores[np.abs(scores).argmax(0), np.arange(scores.shape[1])]
    total = (scale**2).sum()
    return {
        "pca": scores * np.where(largest < 0, -1, 1),
        "pca_shares": scale[:MOST_PCA] ** 2 / (total if total > 0 else NAN),
        "circles": {k: _circle(W_E, k) for k in chosen},
    }


def _circle(W_E: np.ndarray, k: int) -> np.ndarray:
    """W_E along the directions that carry cos and sin of frequency k: [n, 2].

    For k = n/2 there is no sine, and the second coordinate is 0.
    """
    directions = np.zeros((2, W_E.shape[1]))
    found = transform(W_E)[2 * k - 1 : 2 * k + 1]
    directions[: len(found)] = found
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    return W_E @ (directions / np.where(lengths > 0, lengths, 1)).T
