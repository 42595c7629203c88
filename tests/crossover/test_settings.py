"""Cells that differ by size and seed alone make a bracket; what others knew counts."""

import pytest

import tiny
from jaxgrok import grid
from jaxgrok.crossover import settings
from jaxgrok.crossover.search import Search, Trial

SIZES, SEEDS = (10, 20, 30), (0, 1)


def cells(**fields):
    fields = {"n_train": SIZES, "train_fraction": (), "seed": SEEDS} | fields
    return list(grid.resolve(tiny.config(**fields)).cells)


def test_a_setting_is_all_but_size_and_seed():
    found = settings.of_cells(cells(weight_decay=(0.3, 1.0), steps=(40, 80)))
    assert [dict(bracket.name) for bracket in found] == [
        {"weight_decay": decay, "budget": steps}
        for steps in (40, 80)
        for decay in (0.3, 1.0)
    ]
    for bracket in found:
        assert (bracket.sizes, bracket.seeds) == (SIZES, SEEDS)
        assert bracket.steps == dict(bracket.name)["budget"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n_train": (10,)}, "has one size, 10"),
        ({"seed": (3,)}, "has one seed, 3"),
        ({"seed": (3,), "weight_decay": (0.1, 0.2)}, "^weight_decay=0.1 has one seed"),
    ],
)
def test_one_size_or_one_seed_is_no_bracket(fields, words):
    with pytest.raises(ValueError, match=words):
        settings.of_cells(cells(**fields))


def test_holes_are_found():
    every = cells()
    whole = settings.of_cells(every)
    [name] = {bracket.name for bracket in whole}
    trials = {settings.trial_of(cell) for cell in every}
    assert list(settings.missing(whole, trials)) == []
    hole = Trial(name, 20, 1)
    assert list(settings.missing(whole, trials - {hole})) == [hole]


@pytest.mark.parametrize(
    ("row", "over"),
    [
        ({"status": "done", "grok_step": 30, "steps": 30}, True),
        ({"status": "done", "grok_step": None, "steps": 40}, True),
        ({"status": "diverged", "grok_step": None, "steps": 10}, True),
        ({"status": "stopped", "grok_step": None, "steps": 10}, False),
    ],
)
def test_a_row_is_told_as_it_ended(row, over):
    told = []

    class Listener(Search):
        def tell(self, trial, **facts):
            told.append((trial, facts))

    whole = settings.of_cells(cells())
    search = Listener(whole, width=1.5)
    trial = Trial(whole[0].name, 20, 0)
    settings.tell(search, trial, row)
    generalised = row["grok_step"] is not None
    steps = row["steps"]
    facts = {"generalised": generalised, "steps": steps, "over": over}
    assert told == [(trial, facts)]
