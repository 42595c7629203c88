"""What a search found: whole sizes rounded outwards, words, a table that reads back."""

import pytest

from jaxgrok.crossover import report
from jaxgrok.crossover.search import Finding
from jaxgrok.host.atomic_files import write_table

DECAY = (("weight_decay", 0.3),)


def finding(outcome="found", bracket=DECAY, **fields):
    values = {
        "estimate": 387.6,
        "low": 356.2,
        "high": 437.4,
        "steps": 8000,
        "trainings": 12,
        "stopped": 2,
        "lane_steps": 61_250,
        "saved": 9_000,
        "advice": "",
    }
    return Finding(bracket, outcome, **(values | fields))


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
            finding("no size generalises", estimate=None, high=None, stopped=0),
            "weight_decay=0.3: no size generalises within 8,000 steps (above 356) · 12 "
            "trainings (0 stopped early), 61,250 lane-steps",
        ),
        (
            finding("every size generalises", estimate=None, low=None, bracket=()),
            "the grid: every size generalises (below 438) · 12 trainings (2 stopped "
            "early, sparing up to 9,000 steps), 61,250 lane-steps",
        ),
        (
            finding("budget spent", low=None, advice="a larger budget goes on"),
            "weight_decay=0.3: budget spent: … to 438 so far · 12 trainings (2 stopped "
            "early, sparing up to 9,000 steps), 61,250 lane-steps · a larger budget "
            "goes on",
        ),
    ],
)
def test_words(found, words):
    assert report.words(found) == words


def test_a_table_reads_back(tmp_path):
    axes = (("task", "digits"), ("weight_decay", 1), ("loss", "exact"))
    first = [
        finding(bracket=axes, estimate=388, low=356, high=438),
        finding("open", bracket=axes, estimate=None, low=None, high=None),
    ]
    rows = report.table(first)
    write_table(tmp_path / "crossover.csv", list(rows[0]), rows)
    assert report.stored(tmp_path) == first
