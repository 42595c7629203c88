"""The ratio of two medians of grok steps, and how sure one can be of it.

A cell that did not grok counts as later than its budget, and is never left out.

>>> ratio = median_ratio(method, baseline)
>>> ratio.value, ratio.low, ratio.high
(0.72, 0.61, 0.85)
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
TAIL = 0.025
"""Share of resamples beyond each end of an interval, of which 95% lie inside.

It is also the share of settings, at most, in which a method that changes nothing would
have an interval below 1.
"""

Array = NDArray[np.float64]


class Steps(NamedTuple):
    """When the cells of one method grokked, by seed.

    Attributes:
        grok: [seeds] grok step, above 0; NaN where it lies beyond the budget.
        budget: [seeds] steps that the cell had to grok in.
    """

    grok: Array
    budget: Array

    @property
    def censored(self) -> int:
        """How many did not grok within their budget."""
        return int(np.isnan(self.grok).sum())

    def take(self, cells: Sequence[int]) -> "Steps":
        """Return the steps of some cells, in their order."""
        return Steps(self.grok[cells], self.budget[cells])

    def times(self, factors: Array) -> "Steps":
        """Return the steps, each times a factor: seconds of a step make wall times."""
        return Steps(self.grok * factors, self.budget * factors)

    def median(self) -> float:
        """Return the median grok step; NaN where it may lie beyond the budget."""
        low, high = _medians(self, np.arange(len(self.grok))[None])
        return float(high[0]) if low[0] == high[0] else np.nan


class Ratio(NamedTuple):
    """A ratio with its interval.

    Attributes:
        value: NaN where one of the medians lies beyond the budget.
        low: end of the interval; 0 where it is open.
        high: end of the interval; inf where it is open.
    """

    value: float
    low: float
    high: float


def median_ratio(
    method: Steps, baseline: Steps, *, resamples: int = RESAMPLES
) -> Ratio:
    """Return the ratio of two medians of grok steps, with its 95% interval.

    The interval holds the ratios of resampled seeds, both cells of a seed together, but
    for 2.5% at each end. A median is between that with censored cells at their budgets
    and that with them at infinity. So a resample bounds the ratio from both sides, and
    an end of the interval is one that no censored cell can lie beyond.

    Args:
        method: by seed.
        baseline: likewise, with the same seeds.
        resamples: how often seeds are drawn.
    """
    seeds = len(method.grok)
    low, high = _bounds(method, baseline, np.arange(seeds)[None])
    value = float(low[0]) if low[0] == high[0] else np.nan
    lows, highs = _bounds(method, baseline, _draws(seeds, resamples))
    tail = int(TAIL * resamples)
    return Ratio(value, float(np.sort(lows)[tail]), float(np.sort(highs)[-1 - tail]))


def log_rank(method: Steps, baseline: Steps) -> float:
    """Return the p value of a log-rank test, which does not know of the pairs.

    It is NaN where the steps allow no test: where none grokked, or all at once.
    """
    # Late: it takes half a second.
    from scipy import stats

    samples = []
    for steps in (method, baseline):
        has_grokked = np.isfinite(steps.grok)
        samples.append(
            stats.CensoredData(
                uncensored=steps.grok[has_grokked], right=steps.budget[~has_grokked]
            )
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(stats.logrank(*samples).pvalue)


@functools.lru_cache(maxsize=16)
def _draws(seeds: int, resamples: int) -> NDArray[np.int64]:
    """Return resampled seeds [resamples, seeds], the same for all methods."""
    return np.random.default_rng(0).integers(0, seeds, (resamples, seeds))


def _bounds(
    method: Steps, baseline: Steps, draws: NDArray[np.int64]
) -> tuple[Array, Array]:
    """Bound the ratio of medians in every resample [resamples], from both sides."""
    method_low, method_high = _medians(method, draws)
    baseline_low, baseline_high = _medians(baseline, draws)
    # The lower bounds are finite, and so no infinity is divided by another.
    return method_low / baseline_high, method_high / baseline_low


def _medians(steps: Steps, draws: NDArray[np.int64]) -> tuple[Array, Array]:
    """Bound the median in every resample [resamples], from both sides."""
    is_censored = np.isnan(steps.grok)
    low = np.median(np.where(is_censored, steps.budget, steps.grok)[draws], 1)
    if not is_censored.any():
        return low, low
    return low, np.median(np.where(is_censored, np.inf, steps.grok)[draws], 1)
