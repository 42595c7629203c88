"""A comparison says of a run what was planted in it."""

import math

import pytest

import compared
import jaxgrok
from jaxgrok.comparison.compare import by_method, compare

COLUMNS = [
    "method",
    "baseline",
    "operation",
    "ratio",
    "low",
    "high",
    "accelerates",
    "delays",
    "p",
    "seeds",
    "censored",
    "baseline_censored",
    "median",
    "baseline_median",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three optimisers on two operations; see `compared.halves`."""
    fields = {"optimiser": ("adamw", "adam", "sgd"), "operation": ("x+y", "x/y")}
    path = tmp_path_factory.mktemp("compared") / "run"
    return compared.write(path, compared.halves, **fields)


def test_every_method_and_setting_has_a_row(run):
    frame = compare(run, "optimiser=adamw")
    assert list(frame.columns) == COLUMNS
    assert list(zip(frame.method, frame.operation, strict=True)) == [
        ("adam", "x+y"),
        ("adam", "x/y"),
        ("sgd", "x+y"),
        ("sgd", "x/y"),
    ]
    adam, _, sgd, _ = frame.to_dict("records")
    assert (adam["ratio"], adam["median"], adam["baseline_median"]) == (0.5, 470, 940)
    assert adam["accelerates"] and not adam["delays"]
    assert (adam["seeds"], adam["censored"], adam["baseline_censored"]) == (8, 0, 0)
    assert adam["p"] < 0.01
    assert sgd["delays"] and not sgd["accelerates"]
    assert math.isnan(sgd["ratio"]) and math.isnan(sgd["median"])
    # Later than 2,000 steps, where no seed of AdamW takes more than 1,080.
    assert 2_000 / 1_080 <= sgd["low"] <= 2_000 / 940 and sgd["high"] == math.inf
    assert sgd["censored"] == 8


def test_it_is_the_public_one_and_takes_a_run_as_well(run):
    frame = jaxgrok.compare(jaxgrok.open(run), baseline="optimiser=adamw")
    assert frame.equals(compare(run, "optimiser=adamw"))


def test_the_other_way_round_the_ratio_is_the_inverse(run):
    frame = compare(run, "optimiser=adam", settings=["operation"])
    assert list(frame.method) == ["adamw", "adamw", "sgd", "sgd"]
    assert frame.ratio[0] == 2 and frame.delays[0]


def test_other_thresholds_make_another_comparison(run):
    strict = jaxgrok.open(run).with_thresholds(hold=4)
    # Each training ended three evaluations after its grok: no fourth was made.
    with pytest.raises(ValueError, match=r"32 cells of 48 .*: it is ended; train"):
        compare(strict, "optimiser=adamw")
    loose = jaxgrok.open(run).with_thresholds(hold=2)
    assert compare(loose, "optimiser=adamw").equals(compare(run, "optimiser=adamw"))


def test_some_cells_are_compared_alone(run):
    frame = compare(run, "optimiser=adamw", cell="operation=x/y")
    whole = compare(run, "optimiser=adamw")
    assert "operation" not in frame
    rows = whole[whole.operation == "x/y"].drop(columns="operation")
    assert frame.equals(rows.reset_index(drop=True))


def test_a_ratio_below_1_alone_accelerates_nothing(tmp_path):
    def step(axes):
        # The median of Adam is sooner, but three seeds of eight are much later.
        steps = {
            "adamw": range(500, 580, 10),
            "adam": (300, 310, 320, 480, 490, *[900] * 3),
        }
        return steps[axes["optimiser"]][axes["seed"]]

    path = compared.write(tmp_path / "run", step, optimiser=("adamw", "adam"))
    (row,) = compare(path, "optimiser=adamw").to_dict("records")
    assert row["ratio"] < 1 < row["high"] and row["low"] < 1
    assert not row["accelerates"] and not row["delays"]


def test_step_times_make_ratios_of_wall_time(run):
    times = {"optimiser=adamw": 0.002, "optimiser=adam": 0.004, "optimiser=sgd": 0.001}
    frame = compare(run, "optimiser=adamw", step_times=times)
    assert frame.wall_ratio[0] == pytest.approx(1.0)
    assert frame.wall_low[2] == pytest.approx(frame.low[2] / 2)
    assert math.isnan(frame.wall_ratio[2]) and frame.wall_high[2] == math.inf
    assert list(frame.columns)[-3:] == ["wall_ratio", "wall_low", "wall_high"]


def test_settings_are_counted_beside_what_chance_would_give(run):
    counts = by_method(compare(run, "optimiser=adamw"))
    assert counts.to_dict("records") == [
        {
            "method": "adam",
            "settings": 2,
            "accelerates": 2,
            "delays": 0,
            "by_chance": 0.05,
        },
        {
            "method": "sgd",
            "settings": 2,
            "accelerates": 0,
            "delays": 2,
            "by_chance": 0.05,
        },
    ]


def test_a_diverged_cell_counts_as_censored(tmp_path):
    def result(cell):
        is_wild = cell.axes["optimiser"] == "adam" and cell.axes["seed"] < 5
        status = "diverged" if is_wild else "done"
        step = None if is_wild else compared.halves(cell.axes)
        return compared.result(cell, step, status)

    fields = {"optimiser": ("adam", "adamw")}
    path = compared.write_results(tmp_path / "run", result, **fields)
    (row,) = compare(path, "optimiser=adamw").to_dict("records")
    assert row["censored"] == 5 and math.isnan(row["ratio"])


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("failed", "1 cell of 16 cannot be compared, the first is 3: it failed before"),
        ("stopped", "the first is 3: it stopped before it grokked; train it with"),
    ],
)
def test_a_cell_without_an_outcome_is_refused(tmp_path, status, message):
    def result(cell):
        is_lost = cell.axes["optimiser"] == "adam" and cell.axes["seed"] == 3
        step = None if is_lost else compared.halves(cell.axes)
        return compared.result(cell, step, status if is_lost else "done")

    fields = {"optimiser": ("adam", "adamw")}
    path = compared.write_results(tmp_path / "run", result, **fields)
    with pytest.raises(ValueError, match=message):
        compare(path, "optimiser=adamw")


def test_a_sweep_that_goes_on_is_refused(tmp_path):
    fields = {"optimiser": ("adamw", "adam"), "pending": 2}
    path = compared.write(tmp_path / "run", compared.halves, **fields)
    with pytest.raises(ValueError, match=r"2 cells of 16 .* is 14: it has no resul"):
        compare(path, "optimiser=adamw")
