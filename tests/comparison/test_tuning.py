"""What is chosen is what was planted; what cannot be chosen is refused."""

import math

import numpy as np
import pytest

import compared
from jaxgrok.comparison.ratio import Steps
from jaxgrok.comparison.tuning import best, rank

RATES = (1e-3, 3e-3, 1e-2)
GRID = {
    "optimiser": ("adamw", "adam"),
    "train_fraction": (0.4, 0.5),
    "learning_rate": RATES,
    "weight_decay": (0.1, 1.0),
    "seed": tuple(range(4)),
}
BEST = {
    ("adamw", 0.4): (3e-3, 1.0),
    ("adamw", 0.5): (1e-2, 0.1),
    ("adam", 0.4): (1e-3, 0.1),
    ("adam", 0.5): (3e-3, 0.1),
}


def planted(axes):
    """The nearer to the best, the sooner; but one seed is lucky with all others."""
    rate, decay = BEST[axes["optimiser"], axes["train_fraction"]]
    away = abs(RATES.index(axes["learning_rate"]) - RATES.index(rate))
    away += axes["weight_decay"] != decay
    lucky = away and axes["seed"] == 3
    return 100 if lucky else 500 + 300 * away + 10 * axes["seed"]


def test_each_method_has_in_each_setting_what_was_planted(tmp_path):
    frame = best(
        compared.write(tmp_path / "run", planted, **GRID),
        ("learning_rate", "weight_decay"),
    )
    assert list(frame.columns) == [
        "optimiser",
        "train_fraction",
        "learning_rate",
        "weight_decay",
        "median",
        "censored",
        "seeds",
    ]
    keys = zip(frame.optimiser, frame.train_fraction, strict=True)
    values = zip(frame.learning_rate, frame.weight_decay, strict=True)
    assert dict(zip(keys, values, strict=True)) == BEST
    assert set(frame["median"]) == {515} and set(frame.seeds) == {4}


def test_one_axis_can_be_tuned_at_each_value_of_another(tmp_path):
    run = compared.write(tmp_path / "run", planted, **GRID)
    frame = best(run, ["learning_rate"]).set_index(
        ["optimiser", "train_fraction", "weight_decay"]
    )
    assert frame.learning_rate["adamw", 0.4, 0.1] == 3e-3
    assert frame.learning_rate["adamw", 0.5, 1.0] == 1e-2


def steps(*grok):
    return Steps(
        np.array([math.nan if g is None else g for g in grok], float),
        np.full(len(grok), 1_000.0),
    )


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        # The median decides, not the mean.
        (steps(100, 200, 900), steps(250, 250, 250)),
        # A median beyond the budget is the largest.
        (steps(990, 990, 990), steps(10, None, None)),
        # Of equal medians, fewer censored, then sooner on the whole.
        (steps(100, 200, 999), steps(100, 200, None)),
        (steps(100, 200, 300), steps(150, 200, 300)),
        # Nobody's median is known: the one that groks more often.
        (steps(900, None, None), steps(None, None, None)),
    ],
)
def test_what_comes_first(better, worse):
    assert rank(better) < rank(worse)


def test_of_equals_the_first_in_the_grid_is_chosen(tmp_path):
    run = compared.write(tmp_path / "run", lambda axes: None, weight_decay=(1.0, 0.1))
    frame = best(run, ["weight_decay"])
    assert list(frame.weight_decay) == [1.0]
    assert math.isnan(frame["median"][0]) and frame.censored[0] == 8


@pytest.mark.parametrize("name", ["optimizer", "seed"])
def test_an_axis_that_cannot_be_tuned_is_refused(tmp_path, name):
    run = compared.write(tmp_path / "run", lambda axes: 100, weight_decay=(1.0, 0.1))
    with pytest.raises(ValueError, match=f"axes: '{name}' cannot be tuned; axes are"):
        best(run, [name])


def test_cells_without_an_outcome_are_refused(tmp_path):
    fields = {"weight_decay": (1.0, 0.1)}
    run = compared.write(tmp_path / "run", lambda axes: 100, pending=1, **fields)
    with pytest.raises(ValueError, match="1 cell of 16 cannot be compared"):
        best(run, ["weight_decay"])


def test_choices_that_are_tried_on_other_seeds_are_refused(tmp_path):
    parts = {
        "a": {"weight_decay": (1.0,), "seed": (0, 1)},
        "b": {"weight_decay": (0.1,), "seed": (0, 2)},
    }
    run = compared.write(tmp_path / "run", lambda axes: 100, chain=parts)
    with pytest.raises(ValueError, match="not tried on the same seeds"):
        best(run, ["weight_decay", "part"])
