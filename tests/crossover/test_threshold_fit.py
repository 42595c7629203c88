"""The fit of a crossover size: what it says, and how sure it is."""

import math

import numpy as np
import pytest
from scipy.stats import t as student

from jaxgrok.crossover import threshold_fit
from jaxgrok.crossover.threshold_fit import Threshold, Training

SIZES = tuple(range(10, 20))


def sharp(first, seeds=range(5), sizes=SIZES):
    """All seeds generalise from the size `first` on."""
    return [Training(n, seed, n >= first) for n in sizes for seed in seeds]


def test_five_seeds_that_agree_leave_the_gap_between_two_sizes():
    fit = Threshold(SIZES).fit(sharp(14))
    assert 13 <= fit.low < fit.estimate < fit.high <= 14.01


def test_fewer_seeds_that_agree_promise_less():
    fits = [Threshold(SIZES).fit(sharp(14, range(n))) for n in (2, 3, 5)]
    widths = [fit.high / fit.low if fit.low else math.inf for fit in fits]
    assert widths[0] > widths[1] > widths[2]
    assert Threshold(SIZES).fit(sharp(14, [0])).high == math.inf


def test_nothing_known_is_everything_possible():
    fit = Threshold(SIZES).fit([])
    assert (fit.low, fit.high, fit.ratio) == (0, math.inf, math.inf)
    assert np.all(np.diff(fit.below) > 0)


def test_no_and_every_size_are_open_at_one_end():
    never = Threshold(SIZES).fit([Training(19, seed, False) for seed in range(5)])
    assert never.low >= 19 - 1e-9 and never.high == math.inf
    always = Threshold(SIZES).fit([Training(10, seed, True) for seed in range(5)])
    assert always.low == 0 and always.high <= 10 + 1e-9


def test_one_odd_training_does_not_rule():
    trainings = sharp(14)
    trainings.remove(Training(18, 2, True))
    fit = Threshold(SIZES).fit([*trainings, Training(18, 2, False)])
    assert 12 < fit.low < fit.estimate < fit.high < 15


def test_seeds_of_sizes_of_their_own_give_students_interval_of_their_mean():
    # A fine lattice, so that each seed's own size is known well.
    sizes = tuple(np.unique(np.geomspace(1e3, 1e5, 160).astype(int)).tolist())
    own = np.array([4e3, 6e3, 9e3, 12e3, 30e3])
    trainings = [Training(n, s, n >= own[s]) for n in sizes for s in range(5)]
    fit = Threshold(sizes).fit(trainings)
    logs = np.log(own)
    half = student.ppf(0.975, 4) * logs.std(ddof=1) / math.sqrt(5)
    low, high = np.exp(logs.mean() - half), np.exp(logs.mean() + half)
    # Logistic, not normal: the same to a third of the half-width.
    assert abs(math.log(fit.low / low)) < half / 3
    assert abs(math.log(fit.high / high)) < half / 3


def test_trainings_of_one_seed_do_not_count_as_many_seeds():
    few = Threshold(SIZES).fit(
        [Training(n, s, n >= f) for n in (12, 16) for s, f in enumerate((12, 15, 18))]
    )
    many = Threshold(SIZES).fit(
        [Training(n, s, n >= f) for n in SIZES for s, f in enumerate((12, 15, 18))]
    )
    assert many.high == math.inf or many.high / many.low > 1.3
    assert few.ratio >= many.ratio > 1.3


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_a_stopped_training_says_the_more_the_longer_it_ran(share):
    def below(share):
        stopped = [Training(14, seed, False, share) for seed in range(3)]
        return Threshold(SIZES).fit([Training(19, 0, True), *stopped]).below[4]

    assert below(share) <= below(max(share - 0.2, 0)) + 1e-12
    if share == 0:
        plain = Threshold(SIZES).fit([Training(19, 0, True)])
        assert below(0.0) == pytest.approx(plain.below[4])


def test_a_stopped_training_is_no_verdict_of_its_seed():
    trainings = [Training(14, 0, True), Training(13, 1, False, 0.9)]
    assert Threshold(SIZES).fit(trainings).high == math.inf


def test_the_stopping_rule_uses_a_wider_interval_than_the_one_reported():
    fit = Threshold(SIZES).fit(sharp(14, range(4)))
    assert fit.ratio > fit.high / fit.low > 1


@pytest.mark.parametrize("sizes", [(5,), (5, 5), (6, 5), ()])
def test_sizes_must_be_a_range(sizes):
    with pytest.raises(ValueError, match="at least two, in increasing order"):
        Threshold(sizes)


def test_the_cut_tends_to_chi_squared():
    cuts = [threshold_fit._cut(n) for n in (1, 2, 5, 1000)]
    assert cuts == sorted(cuts, reverse=True) and cuts[-1] == pytest.approx(3.85, 0.01)


def test_the_same_trainings_are_fitted_once():
    model = Threshold(SIZES)
    assert model.fit(sharp(14)) is model.fit(sharp(14))
    assert model.fit(sharp(14)) is not model.fit(sharp(15))
