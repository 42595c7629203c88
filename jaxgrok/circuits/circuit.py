"""The circuit of one network: frequencies, clusters, and the losses they explain.

Definitions: "A Mechanistic Interpretability Analysis of Grokking" (Nanda & Lieberum
2022) and "Progress measures for grokking via mechanistic interpretability" (Nanda et
al. 2023).

>>> learned = circuit(read(task, model, params, is_train))
>>> json.dumps(learned.as_dict(), allow_nan=False)
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxgrok.circuits import sections
from jaxgrok.circuits.assumptions import Assumptions
from jaxgrok.circuits.logit_section import LogitFields, logit_section, summarise
from jaxgrok.circuits.network import Network
from jaxgrok.circuits.neuron_section import neuron_section
from jaxgrok.circuits.verdict import judge
from jaxgrok.fourier.basis import component_norms
from jaxgrok.fourier.key_frequencies import (
    THRESHOLD,
    check_frequencies,
    frequencies_above,
    frequencies_by_rule,
)

SOLVED = 0.9
"""A network does what was assumed from this accuracy over all pairs on."""


@dataclasses.dataclass(frozen=True)
class Circuit:
    """What one network learned; float64 arrays, NaN where a number is unknown.

    n is the order of the group; "components" are those along the rows of
    `jaxgrok.fourier.basis(n)`; "every k" is k = 1 … n//2. Without MLP, mlp is 0.

    Attributes:
        order: n.
        sign: +1 for a + b, -1 for a - b.
        assumed: what the network was read as.
        solves_task: it does what was assumed: right on 90% of all pairs, and with a
            lower loss than a guess.
        key_frequencies: ascending; () where there is no circuit, unless they or the
            rule were chosen by the caller. Without any, what they would explain is NaN.
        key_rule: the rule that chose them, in words where it had to fall back.
        rule_frequencies: what the rule passes, circuit or not.
        has_circuit: is there a circuit at all.
        sparse: and is it made of few frequencies.
        verdict: one sentence on that.
        answer_share: what the verdict is by: share of the logits' variance, centred per
            class, that depends on a ± b alone.
        W_E_norms: [n] norm over model of each component of W_E.
        W_L_norms: [n] norm over mlp of each component of W_L, or None.
        W_E_frequencies: those with W_E norm > max/4.
        W_E_share: share of the squared norm of W_E in the key frequencies.
        W_L_share: the same of W_L, or NaN.
        W_L_residual: norm of the rest of W_L over its norm, or NaN.
        gini: {"W_E", "W_L"} of all component norms.
        neuron_frequency: [mlp] int, the best k of each neuron; 0: it never changes.
        neuron_explained: [mlp] share of variance explained by that frequency.
        neuron_explained_linear: [mlp] of which terms of x or of y alone.
        neuron_explained_quadratic: [mlp] of which products.
        neuron_share: share of all neurons at 0.85 or above.
        clusters: frequency → its neurons at 0.85 or above.
        always_firing: neurons that fire on nearly all pairs.
        cos_coefficients: [n//2] v_k for every k.
        logit_variance_explained: {"overall", "per_class"} share by the key v_k.
        train_loss, test_loss, all_loss: over all pairs of the task.
        train_accuracy, test_accuracy, all_accuracy: likewise.
        trig_loss: {"all", "train", "test"}.
        excluded_loss_2d, excluded_loss_3d: [n//2] for every k, over the training pairs.
        excluded_loss_2d_full, excluded_loss_3d_full: all key frequencies removed.
        cos_approximation_loss: loss of the sum of v_k C_k over the key k, on its own.
        ablation: {"before", "clusters", "all"} loss over the pairs of the group with
            the neurons of the clusters, or all, replaced by their single-frequency
            terms.
        sum_of_squares: {matrix: …, "total": …}.
        logits_2d: [n, n] norms over classes of the 2-D components of the logits.
        neurons_2d: [n, n] norms over centred neurons of theirs, or None.
        W_L_clusters: frequency → [n] component norms of W_L of its cluster's neurons.
        attention_2d: [heads, n, n] 2-D components of the attention to position 0.
        attention_to_equals: [heads] mean attention to the read position itself.
        pca: [n, components] scores of centred W_E, the largest first, at most 4.
        pca_shares: [components] shares of its variance.
        circles: key frequency → [n, 2] W_E along its own cosine and sine direction.
    """

    order: int
    sign: int
    assumed: Assumptions
    solves_task: bool
    key_frequencies: tuple[int, ...]
    key_rule: str
    rule_frequencies: tuple[int, ...]
    has_circuit: bool
    sparse: bool
    verdict: str
    answer_share: float
    W_E_norms: np.ndarray
    W_L_norms: np.ndarray | None
    W_E_frequencies: tuple[int, ...]
    W_E_share: float
    W_L_share: float
    W_L_residual: float
    gini: dict[str, float]
    neuron_frequency: np.ndarray
    neuron_explained: np.ndarray
    neuron_explained_linear: np.ndarray
    neuron_explained_quadratic: np.ndarray
    neuron_share: float
    clusters: dict[int, tuple[int, ...]]
    always_firing: tuple[int, ...]
    cos_coefficients: np.ndarray
    logit_variance_explained: dict[str, float]
    train_loss: float
    test_loss: float
    all_loss: float
    train_accuracy: float
    test_accuracy: float
    all_accuracy: float
    trig_loss: dict[str, float]
    excluded_loss_2d: np.ndarray
    excluded_loss_2d_full: float
    excluded_loss_3d: np.ndarray
    excluded_loss_3d_full: float
    cos_approximation_loss: float
    ablation: dict[str, float]
    sum_of_squares: dict[str, float]
    logits_2d: np.ndarray
    neurons_2d: np.ndarray | None
    W_L_clusters: dict[int, np.ndarray]
    attention_2d: np.ndarray | None
    attention_to_equals: np.ndarray | None
    pca: np.ndarray
    pca_shares: np.ndarray
    circles: dict[int, np.ndarray]

    def as_dict(self, stages: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the contents of circuit.json: strict JSON, frequencies as strings.

        Args:
            stages: of `jaxgrok.circuits.stages.stages`; null without a trajectory.

        Returns:
            Name → number, text, list or mapping; None where a number is unknown.
        """
        # Arrays over frequencies begin with k = 1: the constant is none.
        every = range(1, self.order // 2 + 1)

        def by_frequency(values: np.ndarray) -> dict[int, float]:
            return dict(zip(every, values, strict=True))

        entries = {name: getattr(self, name) for name in _PLAIN} | {
            "cos_coefficients": by_frequency(self.cos_coefficients),
            "excluded_loss_2d": {
                "full": self.excluded_loss_2d_full,
                "by_frequency": by_frequency(self.excluded_loss_2d),
            },
            "excluded_loss_3d": {
                "full": self.excluded_loss_3d_full,
                "by_frequency": by_frequency(self.excluded_loss_3d),
            },
            "neuron_frequencies": sorted(self.clusters),
            "assumed": dataclasses.asdict(self.assumed),
            "stages": stages,
        }
        return {name: _json(value) for name, value in entries.items()}


_PLAIN = (
    "order",
    "sign",
    "solves_task",
    "verdict",
    "has_circuit",
    "sparse",
    "answer_share",
    "key_frequencies",
    "key_rule",
    "rule_frequencies",
    "W_E_frequencies",
    "clusters",
    "neuron_share",
    "neuron_frequency",
    "neuron_explained",
    "always_firing",
    "train_loss",
    "test_loss",
    "all_loss",
    "train_accuracy",
    "test_accuracy",
    "all_accuracy",
    "trig_loss",
    "logit_variance_explained",
    "cos_approximation_loss",
    "ablation",
    "gini",
    "W_E_share",
    "W_L_share",
    "W_L_residual",
    "sum_of_squares",
    "W_E_norms",
    "W_L_norms",
    "attention_to_equals",
    "pca_shares",
)
"""Fields that circuit.json has under their own names."""


def _json(value: Any) -> Any:
    """Make plain JSON: lists, string keys, null for what is not a finite number."""
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | tuple | list):
        return [_json(item) for item in value]
    # Before the check of floats: a float32 is no Python float.
    if isinstance(value, np.generic):
        value = value.item()
    # Strict JSON has neither NaN nor inf.
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def circuit(
    network: Network,
    *,
    key_rule: str | None = None,
    threshold: float = THRESHOLD,
    key_frequencies: Sequence[int] | None = None,
) -> Circuit:
    """Read the circuit of a network.

    Args:
        network: of `jaxgrok.circuits.network.read`.
        key_rule: which frequencies are key: W_L or W_E norm (cosine and sine together)
            above `threshold` times the largest, the best frequency of any neuron
            ("neurons"), or of any neuron explained to 0.85 ("neurons_0.85"), or |v_k|
            above `threshold` times the largest ("logits"; in place of every rule but
            W_E, where there is no MLP). By default W_L where there is a circuit, and
            none where there is none.
        threshold: share of the largest.
        key_frequencies: taken as they are, in place of the rule: to read an earlier
            snapshot by those of the last.

    Raises:
        ValueError: the rule is unknown, or a frequency is outside 1 … n//2.
    """
    # What the neurons read (W_E) and what they write to the logits (W_L).
    W_E_norms = component_norms(network.W_E)
    # The axis of the group is the first of W_E [n, model], the last of W_L [mlp, n].
    W_L_norms = None if network.W_L is None else component_norms(network.W_L, axis=1)
    neurons, spectrum = neuron_section(network)
    summary = summarise(network)
    rule_frequencies, rule = frequencies_by_rule(
        key_rule or "W_L", threshold, W_E_norms, W_L_norms, spectrum, summary.values
    )
    strongest = frequencies_above(np.abs(summary.values), threshold)
    verdict = judge(summary.answer_share, strongest, network.order // 2)
    # Noise has a largest frequency too: unless it is asked for, it is no key frequency.
    keys = rule_frequencies if key_rule or verdict["has_circuit"] else ()
    # `rule_frequencies` stays what the rule makes of this snapshot.
    if key_frequencies is not None:
        keys, rule = check_frequencies(key_frequencies, network.order), "given"
    logits = logit_section(network, summary, keys)
    return Circuit(
        order=network.order,
        sign=network.sign,
        assumed=network.assumed,
        solves_task=_solves(logits, network.classes),
        key_frequencies=keys,
        key_rule=rule,
        rule_frequencies=rule_frequencies,
        sum_of_squares=sections.sum_of_squares(network.params),
        **verdict,
        **sections.spectrum_section(W_E_norms, W_L_norms, keys, threshold),
        **neurons,
        **logits,
        **sections.attention_section(network),
        **sections.embedding_section(network.W_E, keys),
    )


def _solves(fields: LogitFields, classes: int) -> bool:
    """Tell whether a network does what its task was assumed to be."""
    guess = math.log(classes)
    return fields["all_accuracy"] >= SOLVED and fields["all_loss"] <= guess
