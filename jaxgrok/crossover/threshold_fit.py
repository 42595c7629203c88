"""Fit the training-set size at which half of the seeds generalise.

The model is logistic in log n, over seeds. Seed s generalises from its own size m_s
upwards; log m_s is logistic with median mu and scale sigma, so that the share of seeds
that generalise at n is logistic((log n - mu) / sigma). A single training may fall on
the wrong side of its seed's size, with odds that are logistic in the distance, of scale
tau. Trainings of one seed on nested sets share one m_s: a model that took them for
independent would give an interval that is too narrow, and an isotonic fit has no
interval of its own. The interval is that of the profile likelihood of mu.

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
"""Probability of an outcome that no distance explains; limits the pull of one seed."""
PLATEAU = 0.05
"""Log-likelihoods closer than this count as equal: the estimate is their middle."""
CAUTION = 1.6
"""Optional-stopping correction: the stopping rule uses an interval whose likelihood cut
is this many times the 95% cut."""


class Training(NamedTuple):
    """What is known about one training.

    Attributes:
        size: examples it trained on.
        seed: its seed.
        generalised: whether it did.
        share: the share of its budget that it ran for without generalising, from 0 to
            1; the earlier it was stopped, the less it says.
    """

    size: int
    seed: int
    generalised: bool
    share: float = 1.0

    @property
    def decided(self) -> bool:
        """Whether the outcome is known: it generalised, or spent its budget."""
        return self.generalised or self.share == 1


@dataclasses.dataclass(frozen=True)
class Fit:
    """An estimate of the crossover, its 95% interval, and where the median may lie.

    Attributes:
        estimate: the crossover, in examples.
        low: lower end of the interval, in examples; 0 if nothing bounds it.
        high: upper end; infinite if nothing bounds it.
        ratio: high over low of the wider interval that the stopping rule uses.
        below: [sizes] probability that the median is at most each size, with mu, sigma
            and tau uniform on their grids.
    """

    estimate: float
    low: float
    high: float
    ratio: float
    below: np.ndarray


def spacing(sizes: Sequence[int]) -> float:
    """Return the median distance between neighbouring sizes, in log n."""
    return float(np.median(np.diff(np.log(sizes))))


class Threshold:
    """The model over a lattice of sizes.

    Args:
        sizes: where trainings may lie; at least two, in increasing order.
        step: unit of the scales sigma and tau, in log n; by default the median distance
            between neighbouring sizes.

    Raises:
        ValueError: the sizes are too few or out of order.
    """

    def __init__(self, sizes: Sequence[int], step: float | None = None) -> None:
        if len(sizes) < 2 or list(sizes) != sorted(set(sizes)):
            raise ValueError(f"sizes={sizes} must be at least two, in increasing order")
        x = np.log(sizes)
        step = step or spacing(sizes)
        self._index = {size: i for i, size in enumerate(sizes)}
        self._mu = _medians(x, step)
        self._mu_widths = np.gradient(self._mu)
        # [sizes] index of the first median above each size; x itself is on the grid.
        self._mu_index = np.searchsorted(self._mu, x + 1e-9)
        self._bin_shares = _bin_shares(x, self._mu, step)
        self._success = _successes(x, step)
        # A search asks again and again: starting a trial, for one, changes no training.
        self._fit_once = functools.lru_cache(maxsize=16)(self._fit)

    def index(self, size: int) -> int:
        """Return the place of a size in `Fit.below`."""
        return self._index[size]

    def fit(self, trainings: Iterable[Training]) -> Fit:
        """Fit some trainings at sizes of the lattice; without any, nothing is bounded.

        The order of the trainings may change the last bits.
        """
        return self._fit_once(tuple(trainings))

    def _fit(self, trainings: tuple[Training, ...]) -> Fit:
        likelihoods: dict[int, np.ndarray] = {}  # by seed: [tau, bins of its own size]
        decided_seeds = set()
        for training in trainings:
            # A training that ran for part of its budget would have generalised in that
            # part with that part of the probability.
            success = self._success[self._index[training.size]]
            failure = 1 - success * training.share
            likelihood = success if training.generalised else failure
            seed = training.seed
            likelihoods[seed] = likelihoods.get(seed, 1.0) * likelihood
            if training.decided:
                decided_seeds.add(seed)
        # Without any training the cut is infinite, and so is the interval.
        if not likelihoods:
            return self._result(np.zeros(len(self._mu)), self._mu_widths, math.inf)
        by_seed = np.stack(list(likelihoods.values()), -1)  # [tau, bins, seeds]
        # Sum over each seed's own size: [mu, sigma, bins] @ [tau, 1, bins, seeds].
        marginal = self._bin_shares @ by_seed[:, None]  # [tau, mu, sigma, seeds]
        # Seeds are independent; 1e-300 keeps the logarithm finite.
        total = np.log(marginal + 1e-300).sum(-1)
        # The interval maximises over sigma and tau; the probabilities average them out.
        weight = np.exp(total - total.max()).mean((0, 2)) * self._mu_widths
        return self._result(total.max((0, 2)), weight, _cut(len(decided_seeds)))

    def _result(self, profile: np.ndarray, weight: np.ndarray, cut: float) -> Fit:
        """Read the fit off a profile likelihood, [mu], and posterior weights, [mu]."""
        best = profile.max()
        plateau = np.flatnonzero(best - profile <= PLATEAU)
        # The likelihood-ratio test of each median: 2 (best - profile) <= cut.
        low, high = self._interval(profile >= best - cut / 2)
        wide_low, wide_high = self._interval(profile >= best - CAUTION * cut / 2)
        middle = (self._mu[plateau[0]] + self._mu[plateau[-1]]) / 2
        return Fit(
            estimate=float(np.exp(middle)),
            low=low,
            high=high,
            ratio=wide_high / wide_low if wide_low else math.inf,
            # At the last median that is no larger than each size.
            below=(np.cumsum(weight) / weight.sum())[self._mu_index - 1],
        )

    def _interval(self, accepted: np.ndarray) -> tuple[float, float]:
        """Return the ends, in examples, of the medians that are `accepted`, [mu] bool.

        They are the nearest medians that are ruled out: the true end lies between two
        points of the grid.
        """
        first, last = np.flatnonzero(accepted)[[0, -1]] + (-1, 1)
        low = float(np.exp(self._mu[first])) if first >= 0 else 0.0
        high = float(np.exp(self._mu[last])) if last < len(accepted) else math.inf
        return low, high


def _medians(x: np.ndarray, step: float) -> np.ndarray:
    """Return the grid of mu: four per gap between sizes, and four steps on each side.

    Args:
        x: logarithms of the sizes.
        step: distance, in log n, of sizes outside the range.
    """
    margin = np.arange(1, 17) * step / 4
    # Positions 0, 1/4, … between the sizes, whose own positions are whole.
    inner = np.interp(np.arange(4 * len(x) - 3) / 4, np.arange(len(x)), x)
    return np.concatenate([x[0] - margin[::-1], inner, x[-1] + margin])


def _bin_shares(x: np.ndarray, mu: np.ndarray, step: float) -> np.ndarray:
    """Return the share of seeds whose own size lies in each bin, [mu, sigma, bins].

    There is a bin for every gap between sizes, and one at either end.
    """
    # From seeds that all but agree to a spread as wide as all sizes together.
    sigma = np.geomspace(step / 64, max(x[-1] - x[0], step), 12)
    edges = (x - mu[:, None, None]) / sigma[:, None]  # [mu, sigma, sizes]
    # Of all seeds, 0 lie below the lowest bin and all below the end of the highest.
    cdf = np.pad(expit(edges), ((0, 0), (0, 0), (1, 1)), constant_values=(0, 1))
    return np.diff(cdf)


def _successes(x: np.ndarray, step: float) -> np.ndarray:
    """Return how likely a size generalises for a seed of each bin, [sizes, tau, bins].

    The clip by SLIP limits how much a single odd training can say.
    """
    middles = np.concatenate([[x[0] - step / 2], (x[1:] + x[:-1]) / 2, x[-1:]])
    middles[-1] += step / 2
    distances = x[:, None] - middles
    # tau = 0: a seed generalises exactly from its own size upwards.
    odds = [(distances > 0).astype(float)]
    for tau in (step / 4, step, 4 * step):
        odds.append(expit(distances / tau))
    success: np.ndarray = np.clip(np.stack(odds, 1), SLIP, 1 - SLIP)
    return success


@functools.cache
def _cut(n_seeds: int) -> float:
    """Return how far twice the log-likelihood may fall inside the 95% interval.

    If the seeds' own sizes were known and normal, this would give exactly Student's
    interval of their mean. Chi-squared's 3.84 is the limit of many seeds, and too
    narrow for a handful.
    """
    if n_seeds < 2:
        return math.inf
    t = float(stdtrit(n_seeds - 1, 0.975))
    return n_seeds * math.log1p(t * t / (n_seeds - 1))
