"""From a cell's curves to its outcome: memorise step, grok step, phase and spikes.

A step that was not reached within the budget is None (censored), never a number.

>>> outcome(curves, diverged=False, eval_every=100).phase
'grokking'
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxgrok.fields.checks import check_all
from jaxgrok.fields.field import MOST_STEPS, field
from jaxgrok.outcomes.grok_rule import first_held

PHASES = (
    "comprehension",
    "grokking",
    "memorisation",
    "confusion",
    "diverged",
    "untested",
    "ended",
)
UNDECIDED = ("untested", "ended")
"""Phases of cells of which nobody can tell whether they grok within their budget."""

SPIKE_ARMED_BELOW = 1e-6
"""A spike starts from a train loss below this, in nats."""
SPIKE_ABOVE = 1e-3
"""A spike passes this train loss, in nats."""


@dataclass(frozen=True)
class Thresholds:
    """What counts as fitted, for how long, and how late a grok has to come."""

    accuracy: float = field(
        0.99,
        name="accuracy_threshold",
        above=0,
        high=1,
        shared=True,
        help="accuracy at which an evaluation counts as right",
    )
    hold: int = field(
        3,
        low=1,
        high=MOST_STEPS,
        shared=True,
        unit="evaluations",
        help="how many in a row have to be right",
    )
    grok_ratio: float = field(
        2.0,
        low=1,
        shared=True,
        help="grokking, not comprehension, where the grok step is more than so many "
        "times the memorise step",
    )

    def __post_init__(self) -> None:
        check_all(self)

    def __str__(self) -> str:
        ratio = "" if self.grok_ratio == 2 else f",grok_ratio={self.grok_ratio}"
        return f"accuracy_threshold={self.accuracy},hold={self.hold}{ratio}"


@dataclass(frozen=True)
class Outcome:
    """How the training of one cell went.

    Attributes:
        phase: one of PHASES.
        memorise_step: first step from which the train accuracy held; None if it never
            did within the budget.
        grok_step: the same for the test accuracy.
    """

    phase: str
    memorise_step: int | None
    grok_step: int | None


def outcome(
    curves: Mapping[str, ArrayLike],
    *,
    diverged: bool,
    ended_early: bool = False,
    eval_every: int,
    thresholds: Thresholds = Thresholds(),
) -> Outcome:
    """Return the phase of one cell, after Liu et al. 2022, and its two steps.

    Args:
        curves: `step`, `train_accuracy` and `test_accuracy`, each [evals]. A test
            accuracy that is NaN throughout says that there are no test examples.
        diverged: whether the loss stopped being finite. A diverged cell keeps the
            steps that it reached before.
        ended_early: whether the training met the rule that it was trained with, and
            ended before its budget. If it does not meet these thresholds, nobody knows
            whether it would have.
        eval_every: steps between two evaluations.
        thresholds: what counts as fitted, and as late.
    """
    steps, rule = curves["step"], (thresholds.accuracy, thresholds.hold)
    memorise_step = first_held(steps, curves["train_accuracy"], *rule)
    grok_step = first_held(steps, curves["test_accuracy"], *rule)
    if diverged:
        phase = "diverged"
    elif np.isnan(curves["test_accuracy"]).all():
        phase = "untested"
    elif ended_early and grok_step is None:
        phase = "ended"
    else:
        phase = _phase(memorise_step, grok_step, eval_every, thresholds.grok_ratio)
    return Outcome(phase, memorise_step, grok_step)


def _phase(
    memorise_step: int | None,
    grok_step: int | None,
    eval_every: int,
    grok_ratio: float,
) -> str:
    """Return the phase of a cell that was tested and did not diverge."""
    if grok_step is None:
        return "confusion" if memorise_step is None else "memorisation"
    if memorise_step is None:
        # Generalised without ever fitting the train set, for example over noisy
        # labels. There is no delay after a fit, so this is not grokking.
        return "comprehension"
    # One evaluation of slack: either step is known to one evaluation only.
    is_late = grok_step > grok_ratio * memorise_step + eval_every
    return "grokking" if is_late else "comprehension"


def spikes(
    step: ArrayLike, train_loss: ArrayLike, max_train_loss: ArrayLike
) -> NDArray[np.int64]:
    """Return the evaluated steps [spikes] whose chunk held a spike of the train loss.

    A spike: the loss was below SPIKE_ARMED_BELOW at an earlier evaluation, then
    passes SPIKE_ABOVE. The next one counts only after it was that low again. Spikes
    that follow each other within one chunk count once, so the number is a lower bound.

    Args:
        step: [evals]
        train_loss: [evals]
        max_train_loss: [evals] largest train loss of the chunk that ends at the
            evaluation.
    """
    step, train_loss, max_train_loss = _same_length(
        step=step, train_loss=train_loss, max_train_loss=max_train_loss
    )
    # fmax: where one of the two was not recorded, the other one counts.
    peaks = np.fmax(train_loss, max_train_loss)
    steps: list[int] = []
    if not (train_loss < SPIKE_ARMED_BELOW).any():
        return np.array(steps, dtype=np.int64)
    armed = False
    # The peak of a chunk comes before the loss at its end: test first, then re-arm.
    for chunk_end, loss, peak in zip(step, train_loss, peaks, strict=True):
        if armed and peak > SPIKE_ABOVE:
            steps.append(int(chunk_end))
            armed = False
        if loss < SPIKE_ARMED_BELOW:
            armed = True
    return np.array(steps, dtype=np.int64)


def _same_length(**named: ArrayLike) -> list[np.ndarray]:
    """Return the arguments as arrays; refuse them unless all are [evals]."""
    arrays = {name: np.asarray(value) for name, value in named.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1 or any(len(s) != 1 for s in shapes.values()):
        raise ValueError(f"shapes={shapes} must be one shape [evals] for all")
    return list(arrays.values())
