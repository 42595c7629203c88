"""The figure of a comparison says what compare.csv does."""

import itertools
import math

import numpy as np
import pytest
from drawn import legend, note, overlaps, ticks

from jaxgrok.plots import style
from jaxgrok.plots.sweep import compare

pytestmark = pytest.mark.filterwarnings("error")

INF = math.inf


def row(method, ratio, low, high, **setting):
    verdict = {"accelerates": high < 1, "delays": low > 1}
    ends = {"ratio": ratio, "low": low, "high": high}
    return {"method": method, "baseline": "AdamW", **setting, **ends, **verdict}


ROWS = [
    row("Muon", 0.7, 0.6, 0.8, operation="x+y"),
    row("Muon", 1.0, 0.8, 1.3, operation="x/y"),
    row("SGD", None, 1.4, INF, operation="x+y"),
    row("SGD", None, 0.0, INF, operation="x/y"),
    row("Lion", 1.5, 1.2, 1.8, operation="x/y"),
]


def bars(axes):
    """Row → left end, right end and colour of its interval."""
    drawn = {}
    for lines in axes.collections:
        ((left, place), (right, _)) = lines.get_segments()[0]
        drawn[int(place)] = (left, right, tuple(lines.get_colors()[0]))
    return drawn


def marks(axes, kinds):
    """(mark, row) → position of the marks of these kinds."""
    return {
        (line.get_marker(), int(line.get_ydata()[0])): float(line.get_xdata()[0])
        for line in axes.lines
        if line.get_marker() in kinds
    }


def test_a_row_a_method_and_a_column_a_setting():
    figure = compare(ROWS, "modular · laptop")
    left, right = figure.axes
    assert left.get_title() == "operation x+y"
    assert right.get_title() == "operation x/y"
    assert ticks(left.yaxis) == ["Muon", "SGD", "Lion"]
    # The first method is on top.
    assert left.get_ylim() == (2.5, -0.5)
    assert set(bars(left)) == {0, 1} and set(bars(right)) == {0, 1, 2}
    assert left.get_xscale() == "log" and left.get_xlim() == right.get_xlim()
    assert figure.get_suptitle() == "modular · laptop"
    assert note(figure) == "median grok step / that of AdamW"


def test_an_interval_is_a_bar_and_its_ratio_a_mark():
    left, right = compare(ROWS).axes
    assert bars(left)[0][:2] == pytest.approx((0.6, 0.8))
    assert marks(left, "oDs") == {("o", 0): 0.7}
    assert marks(right, "oDs") == {("D", 0): 1.0, ("s", 2): 1.5}


def test_colours_and_marks_tell_what_excludes_1():
    left, right = compare(ROWS).axes
    colours = [bars(left)[0][2], bars(right)[0][2], bars(right)[2][2]]
    expected = [style.BLUE, style.GREY, style.VERMILION]
    for colour, name in zip(colours, expected, strict=True):
        hexadecimal = "#" + "".join(f"{round(255 * part):02x}" for part in colour[:3])
        assert hexadecimal == name
    names = ["sooner (95%)", "later (95%)", "not told apart", "open end"]
    assert legend(compare(ROWS)) == names


def test_an_open_end_is_an_arrow_at_the_edge():
    left, right = compare(ROWS).axes
    low, high = left.get_xlim()
    assert marks(left, "<>") == {(">", 1): pytest.approx(high)}
    assert marks(right, "<>") == {
        ("<", 1): pytest.approx(low),
        (">", 1): pytest.approx(high),
    }
    assert bars(left)[1][:2] == pytest.approx((1.4, high))


def test_what_lies_far_off_is_an_arrow_too():
    rows = [row("slow", 300.0, 100.0, 900.0), row("fast", 0.9, 0.8, 1.1)]
    rows.append(row("quick", 0.003, 0.001, 0.01))
    (axes,) = compare(rows).axes
    assert axes.get_xlim()[1] < 50
    assert set(marks(axes, "<>")) == {(">", 0), ("<", 2)}
    assert set(marks(axes, "oDs")) == {("D", 1)}
    assert axes.get_title() == ""


def test_an_axis_that_some_parts_lack_is_a_dash():
    (axes,) = compare([row("Muon", 0.7, 0.6, 0.8, momentum=None)]).axes
    assert axes.get_title() == "momentum –"


@pytest.mark.parametrize("settings", [1, 4, 16])
def test_labels_do_not_overlap(settings):
    generator = np.random.default_rng(settings)
    names = ["⊥Grad + StableMax", "SGD with a growing rate", "dropout=0.1", *"abcdefgh"]
    places = list(itertools.product(("x+y", "x/y"), (0.3, 0.5), (0, 512), (64, 128)))
    rows = []
    for name, place in itertools.product(names, places[:settings]):
        axes = ("operation", "train_fraction", "batch_size", "d_model")
        ratio = float(np.exp(generator.normal()))
        setting = dict(zip(axes, place, strict=True))
        rows.append(row(name, ratio, ratio / 1.3, ratio * 1.3, **setting))
    assert overlaps(compare(rows, "x+y mod 97, x/y mod 97 · full")) == []
