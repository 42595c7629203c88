"""Cells that differ by size and seed alone make a setting."""

import pytest

import tiny
from jaxgrok import grid
from jaxgrok.crossover import settings
from jaxgrok.crossover.settings import Trial

SIZES, SEEDS = (10, 20, 30), (0, 1)


def cells(**fields):
    fields = {"n_train": SIZES, "train_fraction": (), "seed": SEEDS} | fields
    return grid.resolve(tiny.config(**fields)).cells


def test_a_setting_is_all_but_size_and_seed():
    several = cells(weight_decay=(0.3, 1.0), steps=(40, 80))
    found = settings.settings_of_cells(several)
    assert [dict(setting.axes) for setting in found] == [
        {"weight_decay": decay, "budget": steps}
        for steps in (40, 80)
        for decay in (0.3, 1.0)
    ]
    for setting in found:
        assert (setting.sizes, setting.seeds) == (SIZES, SEEDS)
        assert setting.steps == dict(setting.axes)["budget"]


def test_budgets_of_their_own_belong_to_the_setting():
    decays, steps = (0.1, 1.0), (200, 40)
    zipped = cells(weight_decay=decays, steps=steps, zip="weight_decay, steps")
    found = settings.settings_of_cells(zipped)
    assert [setting.steps for setting in found] == [200, 40]
    assert all(setting.sizes == SIZES for setting in found)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n_train": (10,)}, "has one size, 10"),
        ({"seed": (3,)}, "has one seed, 3"),
        ({"seed": (3,), "weight_decay": (0.1, 0.2)}, "^weight_decay=0.1 has one seed"),
    ],
)
def test_one_size_or_one_seed_is_no_setting(fields, words):
    with pytest.raises(ValueError, match=words):
        settings.settings_of_cells(cells(**fields))


def test_holes_are_found():
    every = cells()
    [setting] = settings.settings_of_cells(every)
    assert list(settings.missing_trials([setting], every)) == []
    hole = Trial(setting.axes, 20, 1)
    others = [cell for cell in every if settings.trial_of(cell) != hole]
    assert list(settings.missing_trials([setting], others)) == [hole]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n_train": (10, 49)}, "n_train=49 leaves no pairs to test on"),
        ({"zip": "n_train, seed", "n_train": (10, 20)}, "every size with every seed"),
    ],
)
def test_a_grid_must_train_and_test_every_size_with_every_seed(fields, words):
    fields = {"n_train": SIZES, "train_fraction": (), "seed": SEEDS} | fields
    with pytest.raises(ValueError, match=words):
        settings.settings_of_grid(grid.resolve(tiny.config(**fields)))
