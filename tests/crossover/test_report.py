"""What a search found: whole sizes rounded outwards, sentences, a table that reads."""

import math

import pytest

from jaxgrok.crossover import report
from jaxgrok.crossover.stopping import Cause, Stop
from jaxgrok.crossover.verdict import Advice, Finding, Outcome
from jaxgrok.host.files.checked_files import write_table

DECAY = (("weight_decay", 0.3),)


def finding(outcome=Outcome.FOUND, axes=DECAY, **fields):
    values = {
        "estimate": 387.6,
        "low": 356.2,
        "high": 437.4,
        "steps": 8000,
        "trainings": 12,
        "stopped": 2,
        "lane_steps": 61_250,
        "saved": 9_000,
        "advice": Advice.NONE,
        "smallest": 100,
        "largest": 2_000,
        "width": 1.25,
        "failures": 3,
    }
    return Finding(axes, outcome, **(values | fields))


def test_sizes_are_whole_and_an_interval_never_shrinks():
    (row,) = report.table([finding()])
    assert (row["low"], row["crossover"], row["high"]) == (356, 388, 438)
    # A size that is an end of the interval stays, whatever rounding made of it.
    (row,) = report.table([finding(low=355.9999999, high=438.0000001)])
    assert (row["low"], row["high"]) == (356, 438)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            finding(),
            "weight_decay=0.3: half of the seeds generalise at 388 examples (356 to "
            "438) · 12 trainings (2 stopped early, sparing up to 9,000 steps), 61,250 "
            "lane-steps",
        ),
        (
            finding(Outcome.NO_SIZE, estimate=None, high=None, stopped=0),
            "weight_decay=0.3: no size generalises within 8,000 steps (above 356) · 12 "
            "trainings (0 stopped early), 61,250 lane-steps",
        ),
        (
            finding(Outcome.EVERY_SIZE, estimate=None, low=None, axes=()),
            "the grid: every size generalises (below 438) · 12 trainings (2 stopped "
            "early, sparing up to 9,000 steps), 61,250 lane-steps",
        ),
        (
            finding(Outcome.BUDGET_SPENT, low=None, advice=Advice.LARGER_BUDGET),
            "weight_decay=0.3: budget spent: … to 438 so far · 12 trainings (2 stopped "
            "early, sparing up to 9,000 steps), 61,250 lane-steps · a larger budget "
            "goes on from here",
        ),
        (
            finding(Outcome.OPEN, low=None, high=None, stopped=0),
            "weight_decay=0.3: open: … to … so far · 12 trainings (0 stopped early), "
            "61,250 lane-steps",
        ),
    ],
)
def test_a_line_says_the_outcome_and_its_cost(found, words):
    (row,) = report.table([found])
    assert report.line(row) == words


@pytest.mark.parametrize(
    ("advice", "words"),
    [
        (
            Advice.SEE_FAILURES,
            "3 trainings failed or had no test example, see cells.csv",
        ),
        (Advice.SMALLER_SIZES, "take sizes below 100"),
        (Advice.LARGER_SIZES, "take sizes above 2000, or more than 8,000 steps"),
        (Advice.FINER_SIZES, "wider than 1.25: give it finer sizes"),
        (Advice.MORE_SEEDS, "wider than 1.25: give it more seeds"),
    ],
)
def test_advice_is_a_sentence_with_numbers(advice, words):
    assert report.advice(finding(advice=advice)) == words


def test_every_outcome_advice_and_cause_has_a_sentence():
    assert set(report.OUTCOMES) == set(Outcome)
    assert set(report.ADVICE) == set(Advice)
    assert set(report.CAUSES) == set(Cause)


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        (Stop(Cause.BUDGET_SPENT, 0, math.inf), "the budget is spent"),
        (
            Stop(Cause.ANSWERED, 356.2, 437.4),
            "answered: half of the seeds generalise at 356 to 437 examples",
        ),
        (
            Stop(Cause.FAR, 0, math.inf),
            "far from the crossover: half of the seeds generalise at … to … examples",
        ),
    ],
)
def test_a_stop_says_why(stop, words):
    assert report.stop_words(stop) == words


def test_a_table_reads_back(tmp_path):
    axes = (("task", "digits"), ("weight_decay", 1), ("loss", "exact"))
    rows = report.table(
        [
            finding(axes=axes, advice=Advice.MORE_SEEDS),
            finding(Outcome.OPEN, axes=axes, estimate=None, low=None, high=None),
        ]
    )
    write_table(tmp_path / "crossover.csv", list(rows[0]), rows)
    stored = report.read_table(tmp_path)
    assert stored[0] == rows[0]
    assert stored[1] == rows[1] | {"advice": None}
    assert [report.line(row) for row in stored] == [report.line(row) for row in rows]
    assert report.read_table(tmp_path / "nowhere") is None
