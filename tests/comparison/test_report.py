"""A comparison as words, as a table and as a figure of its run."""

import csv
import math

import pandas as pd
import pytest

import compared
import jaxgrok
from jaxgrok.comparison import report
from jaxgrok.comparison.compare import compare

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        ((0.7213, 0.6149, 0.8511), "0.721 (0.615 to 0.851)"),
        ((1.3, 0.92, INF), "1.3 (> 0.92)"),
        ((0.7, 0, 1.1), "0.7 (< 1.1)"),
        ((0.9, 0, INF), "0.9 (open)"),
        ((NAN, 1.4, INF), "> 1.4"),
        ((NAN, 0, 0.7), "< 0.7"),
        ((NAN, 0, INF), "open"),
        ((12.345, 10.0, 20.0), "12.3 (10 to 20)"),
    ],
)
def test_a_ratio_has_its_interval_which_may_be_open(ratio, words):
    row = dict(zip(("ratio", "low", "high"), ratio, strict=True))
    assert report.ratio_words(row) == words
    wall = {f"wall_{name}": value for name, value in row.items()}
    assert report.ratio_words(row | wall, "wall_") == words


@pytest.fixture
def run(tmp_path):
    fields = {"optimiser": ("adamw", "adam", "sgd"), "operation": ("x+y", "x/y")}
    return compared.write(tmp_path / "run", compared.halves, **fields)


def test_the_text_has_a_line_a_row_and_a_count_a_method(run):
    times = {"optimiser=adamw": 0.002, "optimiser=adam": 0.004, "optimiser=sgd": 0.002}
    lines = report.text(compare(run, "optimiser=adamw", step_times=times)).splitlines()
    assert lines[0].split("  ")[0] == "method"
    assert "operation  steps / baseline's  time / baseline's  p" in lines[0]
    adam, sgd = (" ".join(lines[line].split()) for line in (1, 4))
    same = "0.5 (0.5 to 0.5) 1 (1 to 1)"
    assert adam == f"adam x+y {same} 3.9e-05 0 and 0 of 8 accelerates"
    assert sgd == "sgd x/y > 1.92 > 1.92 3.9e-05 8 and 0 of 8 delays"
    assert lines[5:] == [
        "",
        "adam: accelerates in 2 of 2, delays in 0; by chance at most 0.05 of each",
        "sgd: accelerates in 0 of 2, delays in 2; by chance at most 0.05 of each",
    ]


def test_the_table_reads_back_with_nothing_for_what_is_not_known(run):
    frame = compare(run, "optimiser=adamw")
    table, picture = report.write(frame, jaxgrok.open(run))
    assert (table, picture) == (run / "compare.csv", run / "plots" / "compare.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    pd.testing.assert_frame_equal(pd.read_csv(table), frame, rtol=1e-5)
    with table.open() as lines:
        rows = list(csv.DictReader(lines))
    assert rows[2]["ratio"] == "" and rows[2]["high"] == "inf"
    assert rows[0]["median"] == "470.0"


def test_the_figure_is_one_of_the_run_from_then_on(run):
    assert "compare" not in dict(jaxgrok.figures(run, ["phase_diagram"]))
    with pytest.raises(ValueError, match=r"this run has no compare\.csv"):
        next(jaxgrok.figures(run, ["compare"]))
    report.write(compare(run, "optimiser=adamw"), jaxgrok.open(run))
    ((_, figure),) = jaxgrok.figures(run, ["compare"])
    assert len(figure.axes) == 2
