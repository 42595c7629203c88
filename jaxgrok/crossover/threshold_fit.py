"""The training-set size at which half of the seeds generalise, from trainings seen.

The model: logistic in log n, over seeds. Seed s generalises from a size of its own on,
m_s; log m_s is logistic, with median mu and scale sigma, so that the share of seeds
that generalise at n is logistic((log n - mu) / sigma). One training may fall on the
wrong side of its seed's size, with odds that are logistic in the distance, of scale
tau. Trainings of one seed on nested sets tell of one m_s: a model that took them for
independent would promise too narrow an interval, and an isotonic fit has none of its
own. The interval is that of the profile likelihood of mu.

    >>> fit = Threshold(sizes).fit(trainings)
    >>> fit.low, fit.estimate, fit.high
"""

import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit, stdtrit

SLIP = 0.01
"""Odds of an outcome that no distance explains; keeps one odd seed from ruling."""
PLATEAU = 0.05
"""Log-likelihoods this close are one: the estimate is the middle of them."""
CAUTION = 1.6
"""A search that looks again and again stops at a luckily narrow interval: it looks at
the one whose log-likelihoods fall so many times further."""


class Training(NamedTuple):
    """What is known of one training.

    size: examples it trained on.
    seed: its seed.
    generalised: whether it did.
    seen: if not, the share of its budget that it was watched for, 1 for all of it: one
        that was stopped tells the less the earlier.
    """

    size: int
    seed: int
    generalised: bool
    seen: float = 1.0


@dataclasses.dataclass(frozen=True)
class Fit:
    """An estimate, its 95% interval, and where the median lies.

    Sizes, in examples; `low` is 0 and `high` is infinite where nothing bounds them.
    `ratio` is the width, high over low, of the wider interval that a search stops by;
    `below[i]` is the probability that the median is at most the i-th size, [sizes],
    mu, sigma and tau being uniform on their grids.
    """

    estimate: float
    low: float
    high: float
    ratio: float
    below: np.ndarray


def spacing(sizes: Sequence[int]) -> float:
    """The median distance of neighbouring sizes, in log n."""
    return float(np.median(np.diff(np.log(sizes))))


class Threshold:
    """The model over some sizes, at least two, in increasing order.

    `step` is the distance in log n that the scales are measured by: the median one.
    """

    def __init__(self, sizes: Sequence[int], step: float | None = None) -> None:
        if len(sizes) < 2 or list(sizes) != sorted(set(sizes)):
            raise ValueError(f"sizes={sizes} must be at least two, in increasing order")
        x = np.log(sizes)
        step = step or spacing(sizes)
        self._index = {size: i for i, size in enumerate(sizes)}
        # Medians: quarters of every gap between sizes, and some steps beyond them.
        beyond = np.arange(1, 17) * step / 4
        inner = np.interp(np.arange(4 * len(x) - 3) / 4, np.arange(len(x)), x)
        self._mu = np.concatenate([x[0] - beyond[::-1], inner, x[-1] + beyond])
        sigma = np.geomspace(step / 64, max(x[-1] - x[0], step), 12)
        tau = np.array([0.0, step / 4, step, 4 * step])
        # Seeds' own sizes: a bin for every gap between sizes, and one at either end.
        edges = (x - self._mu[:, None, None]) / sigma[:, None]
        cdf = np.pad(expit(edges), ((0, 0), (0, 0), (1, 1)), constant_values=(0, 1))
        self._share = np.diff(cdf)  # [mu, sigma, bins]
        middles = np.concatenate([[x[0] - step / 2], (x[1:] + x[:-1]) / 2, x[-1:]])
        middles[-1] += step / 2
        apart = x[:, None] - middles
        odds = [expit(apart / t) if t else (apart > 0).astype(float) for t in tau]
        self._success = np.clip(np.stack(odds, 1), SLIP, 1 - SLIP)  # [sizes, tau, bins]
        self._spacing = np.gradient(self._mu)
        self._at = np.searchsorted(self._mu, x + 1e-9)

    def fit(self, trainings: Iterable[Training]) -> Fit:
        """The fit to some trainings, at sizes of this model; none at all tells none."""
        seeds: dict[int, np.ndarray] = {}
        settled = set()
        for size, seed, generalised, seen in trainings:
            success = self._success[self._index[size]]
            likelihood = success if generalised else 1 - success * seen
            seeds[seed] = seeds.get(seed, 1.0) * likelihood
            if generalised or seen == 1:
                settled.add(seed)
        if not seeds:
            return self._result(np.zeros(len(self._mu)), self._spacing, math.inf)
        likelihoods = np.stack(list(seeds.values()), -1)  # [tau, bins, seeds]
        # [tau, mu, sigma, seeds]: each seed's, its own size being summed over.
        each = self._share @ likelihoods[:, None]
        total = np.log(each + 1e-300).sum(-1)
        weight = np.exp(total - total.max()).mean((0, 2)) * self._spacing
        return self._result(total.max((0, 2)), weight, _cut(len(settled)))

    def _result(self, profile: np.ndarray, weight: np.ndarray, cut: float) -> Fit:
        best = profile.max()
        flat = np.flatnonzero(best - profile <= PLATEAU)
        low, high = self._ends(profile >= best - cut / 2)
        least, most = self._ends(profile >= best - CAUTION * cut / 2)
        return Fit(
            estimate=float(np.exp((self._mu[flat[0]] + self._mu[flat[-1]]) / 2)),
            low=low,
            high=high,
            ratio=most / least if least else math.inf,
            below=(np.cumsum(weight) / weight.sum())[self._at - 1],
        )

    def _ends(self, inside: np.ndarray) -> tuple[float, float]:
        """The first and last size of an interval of medians, [mu] bool.

        Outwards to the medians that are ruled out: the grid has nothing between.
        """
        low, high = np.flatnonzero(inside)[[0, -1]] + (-1, 1)
        return (
            float(np.exp(self._mu[low])) if low >= 0 else 0.0,
            float(np.exp(self._mu[high])) if high < len(inside) else math.inf,
        )


@functools.cache
def _cut(seeds: int) -> float:
    """How far twice the log-likelihood may fall inside the 95% interval.

    For so many seeds whose own sizes are known and normal, this is exactly Student's
    interval of their mean; chi-squared's 3.84 is its limit, too narrow for a handful.
    """
    if seeds < 2:
        return math.inf
    t = float(stdtrit(seeds - 1, 0.975))
    return seeds * math.log1p(t * t / (seeds - 1))
