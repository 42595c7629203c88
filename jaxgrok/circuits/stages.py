"""The stages of a training and the post's smaller observations, from its curves.

Curves of `jaxgrok.circuits.trajectory` in; steps and numbers out, ready for JSON, None
where there is nothing to say.

>>> stages(measures)
{'memorisation': [0, 1400], 'interpolation': [1400, 9400], ...}
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

Measures = Mapping[str, np.ndarray]

STAGES = (
    "memorisation",
    "interpolation",
    "generalisation",
    "clean_up",
    "stability",
)
GENERALISED = 0.1
"""Generalised: final test loss below this share of log n, the loss of a guess."""
EDGES = (0.1, 0.9)
"""A fall lasts from the first of these shares of it to the second."""
MET = 1.25
"""Two sums of squares have met when neither is more than this times the other."""
CONTENDER = 0.1
"""A frequency competes if |v_k| ever reaches this share of the largest at the end."""
LOST = 0.5
"""It has lost if it ends below this share of its own peak."""


def stages(measures: Measures) -> dict[str, list[int] | None]:
    """Return first and last step of each of STAGES; they overlap, as in the post.

    - memorisation: from the first snapshot to the minimum of the excluded loss (2-D,
      all key frequencies) before the clean-up ends: until then, what the train loss
      gains is not gained by the key frequencies. Where the network never generalised,
      or has no key frequencies, to 90% of the fall of the log train loss.
    - generalisation: 10% to 90% of the fall of the log trig loss over all pairs.
    - clean_up: 10% to 90% of the fall of the log test loss, from its peak.
    - interpolation: from the end of memorisation to the start of clean_up.
    - stability: from the end of clean_up to the last snapshot.

    All but memorisation are None where the network never generalised (GENERALISED),
    and where the curves are unknown; so is an interpolation that would have no length,
    as when the test loss falls with the train loss.
    """
    steps = np.asarray(measures["steps"])
    spans: dict[str, list[int] | None] = dict.fromkeys(STAGES)

    def span(first: int, last: int) -> list[int]:
        return [int(steps[first]), int(steps[last])]

    losses = np.stack([measures["train_loss"], measures["test_loss"]])
    if not np.isfinite(losses).all():
        return spans
    excluded = measures["excluded_loss_2d_full"]
    known = bool(np.isfinite(excluded).all())
    if not generalised(measures) or not known:
        fall = _fall(measures["train_loss"])
        spans["memorisation"] = None if fall is None else span(0, fall[1])
        return spans
    # Stages are cut at indices of snapshots; `span` turns them into steps.
    clean_up = _fall(measures["test_loss"])
    generalisation = _fall(measures["trig_loss_all"])
    if clean_up is None:
        return spans
    # Until this minimum the train loss gains what the key frequencies do not explain.
    memorised = int(np.argmin(excluded[: clean_up[1] + 1]))
    spans["memorisation"] = span(0, memorised)
    spans["clean_up"] = span(*clean_up)
    spans["stability"] = span(clean_up[1], -1)
    if generalisation is not None:
        spans["generalisation"] = span(*generalisation)
    if memorised < clean_up[0]:
        spans["interpolation"] = span(memorised, clean_up[0])
    return spans


def generalised(measures: Measures) -> bool:
    """Tell whether the test loss ends below GENERALISED times that of a guess."""
    # W_E_norms is [snaps, n].
    guess = np.log(measures["W_E_norms"].shape[1])
    return bool(_end(measures["test_loss"]) < GENERALISED * guess)


def _end(values: np.ndarray) -> float:
    """Return the level a curve ends at: the median of its last twentieth."""
    # A median, since the last snapshot may be in the middle of a spike.
    return float(np.median(values[-max(1, len(values) // 20) :]))


def _fall(losses: np.ndarray) -> tuple[int, int] | None:
    """Find the indices at which the log of a loss has made 10% and 90% of its fall.

    The fall is from the curve's peak to its end; None for a curve that does not fall.
    """
    # A loss of exactly 0 counts as the smallest normal number.
    log = np.log(np.maximum(losses, np.finfo(float).tiny))
    peak = int(np.argmax(log))
    top, depth = log[peak], log[peak] - _end(log)
    if not depth > 0:
        return None
    # argmax of bools: the first index from the peak on where the fall has come so far.
    passed = [peak + int(np.argmax(log[peak:] <= top - e * depth)) for e in EDGES]
    return passed[0], passed[1]


def observations(measures: Measures) -> dict[str, Any]:
    """Return the post's smaller observations (its section on the stages), as numbers.

    - norms_meet: mean sum of squares of W_in and W_out over that of W_E, W_V, W_O and
      W_U, at the start and the end, and the first step at which they have met (MET).
    - train_loss_drop: train loss when the clean-up starts, at the end, and their ratio.
    - competition: frequencies whose |v_k| came within CONTENDER of the largest at the
      end, then fell below LOST of its own peak: step and height of the peak, and the
      end.
    - attention_to_equals: of each head, at the start (a third, untrained), at its
      lowest and at the largest after that, both with their steps, and at the end; None
      without attention.
    """
    steps = np.asarray(measures["steps"])
    return {
        "norms_meet": _norms_meet(measures, steps),
        "train_loss_drop": _train_loss_drop(measures, steps),
        "competition": _competition(measures["cos_coefficients"], steps),
        "attention_to_equals": _attention(measures.get("attention_to_equals"), steps),
    }


def _attention(
    attention: np.ndarray | None, steps: np.ndarray
) -> dict[str, list[Any]] | None:
    """Follow attention_to_equals [snaps, heads]; None without attention."""
    if attention is None:
        return None
    # Heads differ in when they are lowest: masked with -1, below any attention, the
    # largest value after each head's own minimum.
    lows = attention.argmin(0)
    later = np.arange(len(steps))[:, None] >= lows[None]
    tops = np.where(later, attention, -1).argmax(0)
    heads = np.arange(attention.shape[1])
    return {
        "start": attention[0].tolist(),
        "lowest": attention[lows, heads].tolist(),
        "lowest_step": steps[lows].tolist(),
        "largest_after": attention[tops, heads].tolist(),
        "largest_after_step": steps[tops].tolist(),
        "end": attention[-1].tolist(),
    }


def _norms_meet(measures: Measures, steps: np.ndarray) -> dict[str, Any] | None:
    """Compare the norms of the MLP with the others; None without MLP."""

    def mean_of(*endings: str) -> np.ndarray:
        squares = []
        for name in measures:
            if name.startswith("sum_of_squares/") and name.endswith(endings):
                squares.append(measures[name])
        return np.asarray(np.mean(squares, axis=0))

    has_mlp = any(name.endswith(".W_in") for name in measures)
    has_embedding = any(name.endswith(".W_E") for name in measures)
    if not has_mlp or not has_embedding:
        return None
    ratio = mean_of(".W_in", ".W_out") / mean_of(".W_E", ".W_V", ".W_O", ".W_U")
    # Either may be the larger one: the training decides which norm comes down.
    met = np.flatnonzero(np.maximum(ratio, 1 / ratio) <= MET)
    return {
        "start_ratio": float(ratio[0]),
        "end_ratio": float(ratio[-1]),
        "step": int(steps[met[0]]) if len(met) else None,
    }


def _train_loss_drop(measures: Measures, steps: np.ndarray) -> dict[str, float] | None:
    """Compare the train loss before and after the clean-up; None without one."""
    clean_up = stages(measures)["clean_up"]
    if clean_up is None:
        return None
    before = float(measures["train_loss"][np.searchsorted(steps, clean_up[0])])
    after = _end(measures["train_loss"])
    return {"before": before, "after": after, "ratio": before / after}


def _competition(coefficients: np.ndarray, steps: np.ndarray) -> dict[str, Any]:
    """Return frequency (a string) → its peak and its end, for those that lost."""
    size = np.abs(coefficients)
    peaks = size.argmax(0)
    losers = {}
    for k, peak in enumerate(peaks):
        height, end = size[peak, k], size[-1, k]
        if height >= CONTENDER * size[-1].max() and end < LOST * height:
            # Column 0 is the frequency 1. JSON has only strings for keys.
            losers[str(k + 1)] = {
                "peak_step": int(steps[peak]),
                "peak": float(height),
                "end": float(end),
            }
    return losers
