"""The figure over seeds says what the table holds."""

import numpy as np
import pytest
from drawn import NAN, heights, overlaps, ticks
from matplotlib.patches import Rectangle

from jaxgrok.plots.circuit import seeds
from jaxgrok.plots.circuit.seeds import MOST_ROWS

pytestmark = pytest.mark.filterwarnings("error")

ROWS = [
    {"seed": 0, "key_frequencies": [2, 5], "clusters": {"2": [0, 1, 2], "5": [3]}},
    {"seed": 1, "key_frequencies": [5, 6], "clusters": {5: 4}, "grok_step": 900},
    {"seed": 2, "key_frequencies": [], "clusters": {}, "grok_step": NAN},
]

ROWS = [{"order": 13, "grok_step": None, "cell": i + 7} | r for i, r in enumerate(ROWS)]


def test_seeds_show_which_frequencies_how_many_how_large_and_when():
    figure = seeds(ROWS)
    raster, number, clusters, steps, below = figure.axes[:5]
    squares = [p for p in raster.patches if isinstance(p, Rectangle)]
    at = [tuple(np.add(p.get_xy(), (0.45, 0.4)).round(6)) for p in squares]
    assert at == [(2, 0), (5, 0), (5, 1), (6, 1)]
    by_size = {p.get_facecolor() for p in squares}
    assert len(by_size) == 4  # clusters of 3, 1, 4 and no neurons
    assert [bar.get_width() for bar in number.patches] == [2, 2, 0]
    assert [bar.get_width() for bar in clusters.patches] == [3, 1, 4]
    assert [bar.get_x() for bar in clusters.patches] == [0, 3, 0]
    np.testing.assert_array_equal(steps.get_lines()[0].get_xdata(), [NAN, 900, NAN])
    assert [text.get_position()[1] for text in steps.texts] == [0, 2]
    assert {text.get_text() for text in steps.texts} == {"not grokked"}
    assert heights(below).tolist() == [1, 2, 1]
    assert raster.get_ylabel() == "seed" and ticks(raster.yaxis) == ["0", "1", "2"]
    assert below.get_ylabel() == "seeds"
    assert overlaps(figure) == []


def test_a_cell_that_was_never_tested_is_not_said_not_to_have_grokked():
    phases = ("untested", "grokking", "memorisation")
    rows = [row | {"phase": phase} for row, phase in zip(ROWS, phases, strict=True)]
    texts = [text.get_text() for text in seeds(rows).axes[3].texts]
    assert texts == ["untested", "not grokked"]


def test_rows_with_the_same_seed_are_named_by_their_cells():
    rows = [row | {"seed": 0} for row in ROWS]
    raster = seeds(rows).axes[0]
    assert raster.get_ylabel() == "cell" and ticks(raster.yaxis) == ["7", "8", "9"]


def test_of_many_networks_some_have_a_row_and_all_are_counted():
    table = [ROWS[i % 3] | {"seed": i} for i in range(7_000)]
    figure = seeds(table)
    raster, below = figure.axes[0], figure.axes[4]
    assert raster.get_ylabel() == f"seed ({MOST_ROWS} of 7,000)"
    names = ticks(raster.yaxis)
    assert len(names) == MOST_ROWS and (names[0], names[-1]) == ("0", "6999")
    assert heights(below).tolist() == [2334, 4667, 2333]
    # At the resolution of the files, no library draws an image of 2**16 pixels.
    assert figure.get_size_inches().max() * 150 < 2**16


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="must have at least one row"):
        seeds([])


def test_without_key_frequencies_the_clusters_are_shown():
    row = {"order": 11, "key_frequencies": (), "grok_step": 100}
    table = [
        row | {"seed": 0, "clusters": {1: 4, 3: 2}},
        row | {"seed": 1, "clusters": {}},
    ]
    figure = seeds(table)
    raster, how_many = figure.axes[0], figure.axes[1]
    squares = [(p.get_x() + 0.45, p.get_y() + 0.4) for p in raster.patches]
    np.testing.assert_allclose(sorted(squares), [(1, 0), (3, 0)])
    assert how_many.get_xlabel() == "clusters"
    table[1]["key_frequencies"] = (2,)
    assert seeds(table).axes[1].get_xlabel() == "key frequencies"


def test_a_row_without_key_frequencies_says_why():
    verdicts = [(True, 1.0), (False, 0.314), (None, None)]
    rows = []
    for row, (has_circuit, accuracy) in zip(ROWS, verdicts, strict=True):
        keys = row["key_frequencies"] if has_circuit else []
        facts = {"has_circuit": has_circuit, "all_accuracy": accuracy}
        rows.append(row | {"key_frequencies": keys} | facts)
    figure = seeds(rows)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["no circuit, 31% of all pairs right", "diverged"]
    assert overlaps(figure) == []
