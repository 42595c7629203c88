"""What the evidence says about a setting: its crossover, or why there is none.

>>> finding = verdict(evidence, width=1.25, closed=True, spent=False)
>>> finding.outcome, finding.low, finding.high
"""

import dataclasses
import enum
import math

from jaxgrok.crossover.evidence import Evidence
from jaxgrok.crossover.settings import Axes


class Outcome(enum.StrEnum):
    """How the search of a setting ended; the values stand in crossover.csv."""

    FOUND = "found"
    """Half of the seeds generalise at a size between the smallest and the largest."""
    EVERY_SIZE = "every size generalises"
    """The crossover lies below the smallest size."""
    NO_SIZE = "no size generalises"
    """The crossover lies above the largest size, or the budget of steps is short."""
    BUDGET_SPENT = "budget spent"
    """The search ran out of lane-steps before the interval was narrow enough."""
    OPEN = "open"
    """The trainings leave the question open."""


class Advice(enum.Enum):
    """What to change if the answer is not the one that was asked for."""

    NONE = enum.auto()
    MORE_TRAININGS = enum.auto()
    LARGER_BUDGET = enum.auto()
    MORE_SEEDS_TO_BOUND = enum.auto()
    """Without further seeds the interval is open at both ends."""
    SEE_FAILURES = enum.auto()
    SMALLER_SIZES = enum.auto()
    LARGER_SIZES = enum.auto()
    FINER_SIZES = enum.auto()
    """The interval is wide because neighbouring sizes are far apart."""
    MORE_SEEDS = enum.auto()
    """The interval is wide because the seeds disagree, or are few."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """The answer to the search of one setting.

    Attributes:
        axes: axis values of the setting.
        outcome: how the search ended.
        estimate: the crossover, in examples; None outside the sizes searched.
        low: lower end of its 95% interval, in examples; None if nothing bounds it.
        high: upper end, likewise.
        steps: budget of one training, to which the answer refers.
        trainings: trainings made.
        stopped: how many of them were stopped early.
        lane_steps: steps they took.
        saved: steps that the stopped ones had left of their budgets.
        advice: what to change, if anything.
        smallest: smallest size searched.
        largest: largest size searched.
        width: ratio of the interval's ends that was asked for.
        failures: trainings that failed.
    """

    axes: Axes
    outcome: Outcome
    estimate: float | None
    low: float | None
    high: float | None
    steps: int
    trainings: int
    stopped: int
    lane_steps: int
    saved: int
    advice: Advice
    smallest: int
    largest: int
    width: float
    failures: int


def verdict(evidence: Evidence, width: float, *, closed: bool, spent: bool) -> Finding:
    """Return what is known about a setting.

    Args:
        evidence: its trainings and their fit.
        width: ratio of the interval's ends that was asked for.
        closed: whether the answer is as good as asked for, or as it can get.
        spent: whether the lane-steps of the whole search are used up.
    """
    fit, setting = evidence.fit, evidence.setting
    outcome, advice = _judge(evidence, width, closed, spent)
    # An estimate outside the sizes would be an extrapolation.
    outside = outcome in (Outcome.EVERY_SIZE, Outcome.NO_SIZE)
    reports = evidence.reports.values()
    stopped = [report.steps for report in reports if report.training.share < 1]
    return Finding(
        axes=setting.axes,
        outcome=outcome,
        estimate=None if outside else fit.estimate,
        low=fit.low or None,
        high=fit.high if fit.high < math.inf else None,
        steps=setting.steps,
        trainings=len(reports),
        stopped=len(stopped),
        lane_steps=evidence.lane_steps,
        saved=sum(setting.steps - steps for steps in stopped),
        advice=advice,
        smallest=setting.sizes[0],
        largest=setting.sizes[-1],
        width=width,
        failures=len(evidence.failures),
    )


def edge(evidence: Evidence) -> Outcome | None:
    """Return the outcome if the whole interval lies outside the sizes, else None."""
    fit, sizes = evidence.fit, evidence.setting.sizes
    # An end that is a size comes back from the fit as exp(log(size)): hence 1e-9.
    if fit.high <= sizes[0] * (1 + 1e-9):
        return Outcome.EVERY_SIZE
    if fit.low >= sizes[-1] * (1 - 1e-9):
        return Outcome.NO_SIZE
    return None


def _judge(
    evidence: Evidence, width: float, closed: bool, spent: bool
) -> tuple[Outcome, Advice]:
    """Decide the outcome and the advice that goes with it."""
    fit, sizes = evidence.fit, evidence.setting.sizes
    if not closed and spent:
        return Outcome.BUDGET_SPENT, Advice.LARGER_BUDGET
    if not closed:
        return Outcome.OPEN, Advice.MORE_TRAININGS
    # Closed, but without a bound: every trial ran or failed, and they say too little.
    if not fit.low and fit.high == math.inf:
        if evidence.failures:
            return Outcome.OPEN, Advice.SEE_FAILURES
        return Outcome.OPEN, Advice.MORE_SEEDS_TO_BOUND
    # An interval may reach inside the sizes although its estimate lies outside.
    outside = edge(evidence)
    if outside is Outcome.EVERY_SIZE or fit.estimate < sizes[0]:
        return Outcome.EVERY_SIZE, Advice.SMALLER_SIZES
    if outside is Outcome.NO_SIZE or fit.estimate > sizes[-1]:
        return Outcome.NO_SIZE, Advice.LARGER_SIZES
    return Outcome.FOUND, _advice_on_width(evidence, width)


def _advice_on_width(evidence: Evidence, width: float) -> Advice:
    """Say what would narrow an interval that is wider than asked for."""
    fit = evidence.fit
    if fit.low and fit.high / fit.low <= width:
        return Advice.NONE
    # The interval and its neighbours: with so few sizes, the gaps limit its width.
    few_sizes = len(evidence.nearby_sizes()) <= 4
    return Advice.FINER_SIZES if few_sizes else Advice.MORE_SEEDS
