"""Which running trials of a setting to stop, and why.

>>> stops = stop(evidence, width=1.25, spent=False)
"""

import enum
import math
from typing import NamedTuple

import numpy as np

from jaxgrok.crossover.evidence import Evidence
from jaxgrok.crossover.settings import Trial
from jaxgrok.crossover.threshold_fit import Training
from jaxgrok.crossover.verdict import edge


class Cause(enum.Enum):
    """Why a running trial is stopped."""

    BUDGET_SPENT = enum.auto()
    """The lane-steps of the whole search are used up."""
    ANSWERED = enum.auto()
    """Its setting has the answer that was asked for."""
    FAR = enum.auto()
    """It is far from the crossover, and its outcome would not move the interval."""


class Stop(NamedTuple):
    """The stop of a trial.

    Attributes:
        cause: why it is stopped.
        low: lower end of the interval at that moment, in examples; 0 if unbounded.
        high: upper end; infinite if unbounded.
    """

    cause: Cause
    low: float
    high: float


def stop(evidence: Evidence, width: float, *, spent: bool) -> dict[Trial, Stop]:
    """Return the running trials of a setting that are no longer needed.

    Args:
        evidence: trainings so far and their fit.
        width: ratio of the interval's ends that was asked for.
        spent: whether the lane-steps of the whole search are used up.
    """
    if not evidence.running:
        return {}
    trials = list(evidence.running)
    # The first cause that applies is the one that is recorded.
    if spent:
        cause = Cause.BUDGET_SPENT
    elif answered(evidence, width):
        cause = Cause.ANSWERED
    else:
        cause, trials = Cause.FAR, _far_trials(evidence)
    return dict.fromkeys(trials, Stop(cause, evidence.fit.low, evidence.fit.high))


def answered(evidence: Evidence, width: float) -> bool:
    """Return whether the interval is narrow enough or lies outside the sizes."""
    return evidence.fit.ratio <= width or edge(evidence) is not None


def _far_trials(evidence: Evidence) -> list[Trial]:
    """Return running trials outside the nearby sizes that would change nothing."""
    nearby = evidence.nearby_sizes()
    trials = []
    # Trials near the interval always matter; two fits decide about each other one.
    for trial in evidence.running:
        outside = not nearby[0] <= trial.size <= nearby[-1]
        if outside and _is_indifferent(evidence, trial):
            trials.append(trial)
    return trials


def _is_indifferent(evidence: Evidence, trial: Trial) -> bool:
    """Return whether neither outcome of a trial would move the interval.

    A move of less than half the smallest gap between sizes, in log n, is none.
    """
    trainings = evidence.trainings(without=trial)
    tolerance = math.exp(np.diff(np.log(evidence.setting.sizes)).min() / 2)
    for generalised in (True, False):
        # As if it had run to the end: nothing it can still show weighs more.
        outcome = Training(trial.size, trial.seed, generalised)
        fit = evidence.model.fit([*trainings, outcome])
        for end, current in (
            (fit.low, evidence.fit.low),
            (fit.high, evidence.fit.high),
        ):
            if not _close(end, current, tolerance):
                return False
    return True


def _close(end: float, other: float, tolerance: float) -> bool:
    """Return whether two sizes differ by less than a factor; 0 and infinity too."""
    # Division by nan compares false: a bounded end is not close to 0.
    return end == other or 1 / tolerance < end / (other or math.nan) < tolerance
