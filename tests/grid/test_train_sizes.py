"""Training-set sizes: exact fractions, and ranges on a log scale."""

import pytest

from jaxgrok import grid
from jaxgrok.grid.train_sizes import n_train
from jaxgrok.tasks import Pool


class Examples(Pool):
    """A task of so many examples, and nothing else."""

    vocab_in = vocab_out = 2
    read, fixed_tokens = (0,), (None,)

    def __init__(self, count):
        self.count = count

    @property
    def pool_size(self):
        return self.count

    def pool(self):
        raise AssertionError("nothing is listed to count")


def n_train_of(fraction, pool):
    return n_train({"train_fraction": fraction}, Examples(pool))


@pytest.mark.parametrize(
    ("fraction", "pool", "expected"),
    [
        (0.3, 12769, 3830),
        (0.29, 100, 29),  # 0.29 * 100 is 28.999999999999996
        (0.57, 100, 57),  # 0.57 * 100 is 56.99999999999999
        (0.07, 100, 7),  # 0.07 * 100 is 7.000000000000001
        (1.0, 100, 100),
        (1, 100, 100),
        (1e-05, 100_000, 1),
        (0.999, 100, 99),
    ],
)
def test_fractions_are_exact_and_floored(fraction, pool, expected):
    assert n_train_of(fraction, pool) == expected


def test_every_hundredth_against_whole_number_arithmetic():
    for pool in (49, 961, 12769):
        for hundredths in range(3, 101):
            count = n_train_of(hundredths / 100, pool)
            assert count == hundredths * pool // 100


def test_sizes_are_evenly_apart_in_log_n():
    assert grid.sizes(300, 2000, 5) == (300, 482, 775, 1245, 2000)


@pytest.mark.parametrize(
    ("low", "high", "count", "message"),
    [
        (5, 3, 24, "sizes=5:3 must be a range"),
        (0, 3, 24, "sizes=0:3 must be a range"),
        (3, 5, 1, "count=1 must be 2 … 10000"),
    ],
)
def test_a_range_without_two_sizes_is_refused(low, high, count, message):
    with pytest.raises(ValueError, match=message):
        grid.sizes(low, high, count)


def test_a_short_range_has_every_size_once():
    assert grid.sizes(1, 4, 24) == (1, 2, 3, 4)
