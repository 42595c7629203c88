"""The interval covers the ratio that was planted, however many cells are censored."""

import math

import numpy as np
import pytest

from jaxgrok.comparison.ratio import TAIL, Steps, log_rank, median_ratio

SEEDS, DRAWS = 16, 1_000
BASE, EVERY = 1_500, 50
"""Median grok step of the baseline, and steps between two evaluations."""
RESAMPLES = 200
"""Enough for coverage, which is an average over draws."""


def draws(generator, *, ratio, censored, spreads=(0.4, 0.4), correlation=0.5):
    """Pairs of lognormal grok steps, as they are evaluated, up to one budget for all.

    ratio: of the two medians.
    censored: share of all cells whose grok step lies beyond the budget.
    spreads: standard deviations of the logarithms, of the baseline and of the method.
    correlation: of the logarithms of one seed.
    """
    shared, *own = generator.normal(size=(3, DRAWS, SEEDS))
    steps = []
    for median, spread, noise in zip((BASE, BASE * ratio), spreads, own, strict=True):
        logs = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * noise
        steps.append(np.ceil(median * np.exp(spread * logs) / EVERY) * EVERY)
    budget = np.floor(np.quantile(steps, 1 - censored) / EVERY) * EVERY
    # Without a limit, where all are to grok.
    budget = budget if censored else np.max(steps)
    steps = np.where(np.array(steps) > budget, np.nan, steps)
    budgets = np.full(SEEDS, budget)
    for baseline, method in zip(*steps, strict=True):
        yield Steps(method, budgets), Steps(baseline, budgets)


def intervals(pairs):
    """[draws, 2] ends of the intervals."""
    ratios = [median_ratio(*pair, resamples=RESAMPLES) for pair in pairs]
    return np.array([(ratio.low, ratio.high) for ratio in ratios])


def coverage(ends, ratio):
    return float(((ends[:, 0] <= ratio) & (ratio <= ends[:, 1])).mean())


def without_both_censored(pairs):
    """The same pairs but for those of which nothing is known but that both are late."""
    for method, baseline in pairs:
        kept = ~(np.isnan(method.grok) & np.isnan(baseline.grok))
        yield (
            Steps(method.grok[kept], method.budget[kept]),
            Steps(baseline.grok[kept], baseline.budget[kept]),
        )


@pytest.mark.parametrize(
    "censored", [0, pytest.param(0.15, marks=pytest.mark.long), 0.4]
)
def test_95_percent_intervals_cover_at_least_93(censored):
    pairs = draws(np.random.default_rng(1), ratio=0.8, censored=censored)
    assert coverage(intervals(pairs), 0.8) >= 0.93


@pytest.mark.parametrize(
    ("ratio", "spreads", "correlation"),
    [
        pytest.param(1, (0.15, 0.15), 0, marks=pytest.mark.long),
        (1.5, (0.15, 0.15), 0.9),
        (0.5, (0.6, 0.2), 0.5),
        pytest.param(1, (0.6, 0.2), 0.9, marks=pytest.mark.long),
        pytest.param(1.5, (0.2, 0.6), 0, marks=pytest.mark.long),
    ],
)
def test_they_do_so_for_any_spread_and_correlation(ratio, spreads, correlation):
    for censored in (0, 0.15, 0.4):
        planted = {"ratio": ratio, "spreads": spreads, "correlation": correlation}
        pairs = draws(np.random.default_rng(2), censored=censored, **planted)
        assert coverage(intervals(pairs), ratio) >= 0.93


def test_leaving_out_pairs_that_are_both_censored_would_not_cover():
    planted = {"ratio": 1, "censored": 0.4, "spreads": (0.6, 0.2), "correlation": 0.9}
    pairs = list(draws(np.random.default_rng(3), **planted))
    assert coverage(intervals(pairs), 1) >= 0.93
    assert coverage(intervals(without_both_censored(pairs)), 1) < 0.86


def test_a_method_that_changes_nothing_seldom_accelerates():
    pairs = draws(np.random.default_rng(4), ratio=1, censored=0.15)
    ends = intervals(pairs)
    assert 0 < (ends[:, 1] < 1).mean() <= TAIL
    assert 0 < (ends[:, 0] > 1).mean() <= TAIL


def test_a_method_of_half_the_steps_is_told_apart():
    ends = intervals(draws(np.random.default_rng(5), ratio=0.5, censored=0.15))
    assert (ends[:, 1] < 1).mean() > 0.95
    assert np.isfinite(ends).all(1).mean() > 0.95


def steps(*grok, budget=1_000):
    return Steps(np.array(grok, float), np.full(len(grok), float(budget)))


NAN = math.nan
BASELINE = steps(100, 200, 300, 400, 500)


def test_the_ratio_is_that_of_the_medians_and_not_of_the_pairs():
    method = steps(500, 100, 150, 400, 90)
    assert median_ratio(method, BASELINE).value == 150 / 300
    # Of an even number, the mean of the two in the middle.
    even = steps(100, 200, 400, 900)
    assert even.median() == 300
    assert median_ratio(steps(50, 60, 90, 99), even).value == 75 / 300


def test_seeds_are_resampled_in_pairs():
    # In every resample the method has half the steps, and so no interval.
    half = steps(*(BASELINE.grok / 2))
    assert median_ratio(half, BASELINE) == (0.5, 0.5, 0.5)
    turned = steps(*(BASELINE.grok[::-1] / 2))
    ratio = median_ratio(turned, BASELINE)
    assert ratio.low < 0.5 < ratio.high


def test_a_median_beyond_the_budget_leaves_the_interval_open():
    never = steps(*[NAN] * 5)
    late = median_ratio(never, BASELINE)
    assert math.isnan(late.value) and late.high == math.inf
    assert late.low == 1_000 / BASELINE.grok.max()
    early = median_ratio(BASELINE, never)
    assert math.isnan(early.value) and early.low == 0
    assert early.high == BASELINE.grok.max() / 1_000
    nothing = median_ratio(never, never)
    assert math.isnan(nothing.value) and nothing[1:] == (0, math.inf)


def test_a_censored_cell_counts_as_later_than_its_own_budget():
    long = Steps(np.array([NAN] * 5), np.array([1_000, 2_000, 3_000, 4_000, 5_000.0]))
    low = median_ratio(long, BASELINE).low
    assert low > median_ratio(steps(*[NAN] * 5), BASELINE).low
    # Two of five do not move the median; the third does.
    assert steps(100, 200, 300, NAN, NAN).median() == 300
    assert math.isnan(steps(100, 200, NAN, NAN, NAN).median())
    assert steps(100, NAN, NAN).censored == 2


def test_the_interval_is_the_same_every_time():
    method = steps(90, 210, 280, NAN, 450)
    assert median_ratio(method, BASELINE) == median_ratio(method, BASELINE)


def test_wall_times_are_steps_times_seconds():
    slower = median_ratio(BASELINE.times(np.full(5, 3e-3)), BASELINE.times(np.ones(5)))
    assert slower.value == pytest.approx(3e-3)
    times = steps(NAN, 100).times(np.array([2.0, 3.0]))
    assert times.budget.tolist() == [2_000, 3_000] and times.grok[1] == 300


def test_the_log_rank_test_is_that_of_textbooks():
    # Freireich et al. 1963, remission of leukaemia: chi-squared 16.79.
    treated = (6, 6, 6, 7, 10, 13, 16, 22, 23)
    followed = (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)
    placebo = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)
    drug = Steps(
        np.array([*treated, *[NAN] * len(followed)], float),
        np.array([*treated, *followed], float),
    )
    assert log_rank(drug, steps(*placebo)) == pytest.approx(4.17e-5, rel=0.01)


def test_without_a_grok_there_is_no_test():
    never = steps(*[NAN] * 5)
    assert math.isnan(log_rank(never, never))
    assert log_rank(never, BASELINE) < 0.01
