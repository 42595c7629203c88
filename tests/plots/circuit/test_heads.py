"""The figure of the heads: a panel a score, a line a head, told apart by its look."""

import numpy as np
import pytest
from drawn import overlaps

from jaxgrok.plots.circuit import heads

pytestmark = pytest.mark.filterwarnings("error")

STEPS = [0, 50, 100]
PREVIOUS = np.linspace(0, 0.9, 3 * 2 * 3).reshape(3, 2, 3)
SCORES = {"previous_token": PREVIOUS, "induction": 1 - PREVIOUS}


def test_every_score_has_a_panel_with_a_line_a_head():
    figure = heads(STEPS, SCORES, title="seed 0")
    assert figure.get_suptitle() == "seed 0"
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["previous-token score", "induction score"]
    for axes, values in zip(figure.axes, SCORES.values(), strict=True):
        lines = axes.get_lines()
        for line, (layer, head) in zip(lines, np.ndindex(2, 3), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), STEPS)
            np.testing.assert_array_equal(line.get_ydata(), values[:, layer, head])
        assert axes.get_ylim() == (-0.02, 1.02)
    assert overlaps(figure) == []


def test_a_layer_has_a_colour_and_a_head_a_style():
    lines = heads(STEPS, SCORES).axes[0].get_lines()
    colours = [line.get_color() for line in lines]
    assert colours[:3] == [colours[0]] * 3 and colours[3:] == [colours[3]] * 3
    assert colours[0] != colours[3]
    styles = [line.get_linestyle() for line in lines]
    assert styles[:3] == styles[3:] and len(set(styles)) == 3


def test_the_legend_names_each_head_with_its_last_score():
    legend = heads(STEPS, SCORES).axes[1].get_legend()
    names = [text.get_text() for text in legend.get_texts()]
    last = SCORES["induction"][-1]
    assert names == [f"{i}.{j}: {last[i, j]:.2f}" for i, j in np.ndindex(2, 3)]


def test_more_heads_than_styles_and_one_score_are_drawn():
    values = np.zeros((3, 5, 5))
    (axes,) = heads(STEPS, {"induction": values}).axes
    assert len(axes.get_lines()) == 25
