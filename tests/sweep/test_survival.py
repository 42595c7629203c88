"""How long cells run is learned from those that ended, and those that have not."""

import pytest

from jaxgrok.sweep.survival import Survival


def of(ends=(), running=()):
    survival = Survival()
    survival.running(running)
    for share in ends:
        survival.ended(share)
    return survival


def test_at_first_anything_up_to_the_budget_is_possible():
    assert of().remaining(0.0) == (0.0, 1.0)
    assert of().remaining(0.3) == (0.0, 0.7)


def test_cells_that_all_took_as_long_say_so():
    low, high = of([0.25] * 10).remaining(0.0)
    assert low == pytest.approx(0.25, abs=0.01)
    assert high == pytest.approx(0.25, abs=0.01)


def test_it_is_the_mean_where_every_cell_has_ended():
    low, high = of([0.2, 0.4, 0.6, 1.0]).remaining(0.0)
    assert low == pytest.approx(0.55, abs=0.01)
    assert high == pytest.approx(0.55, abs=0.01)


def test_those_that_run_on_keep_the_early_ones_from_misleading():
    # Of four side by side, one ended at a tenth; the others have passed that.
    low, high = of([0.1], running=[0.2, 0.2, 0.2]).remaining(0.0)
    assert low == pytest.approx(0.1 + 0.75 * 0.1, abs=0.01)
    assert high == pytest.approx(0.1 + 0.75 * 0.9, abs=0.01)


def test_what_outlived_the_others_has_only_the_budget_ahead():
    low, high = of([0.1, 0.2]).remaining(0.5)
    assert (low, high) == (0.0, 0.5)


def test_of_cells_that_passed_a_point_only_those_that_did_count():
    low, high = of([0.1] * 8 + [1.0] * 2).remaining(0.5)
    assert low == pytest.approx(0.5, abs=0.01)
    assert high == pytest.approx(0.5, abs=0.01)
