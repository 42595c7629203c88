"""The figure of a training draws the measures that it is given."""

import numpy as np
import pytest
from drawn import NAN, STAGES, measured, planted, ticks

from jaxgrok.plots.circuit import progress
from jaxgrok.plots.style import BLACK

pytestmark = pytest.mark.filterwarnings("error")


def test_every_panel_of_a_trajectory_as_it_is_measured_has_lines(as_read):
    _, found, measures = as_read
    panels = progress(found, measures, dict.fromkeys(STAGES)).axes[1:]
    assert len(panels) == 6
    labels = [{line.get_label() for line in axes.get_lines()} for axes in panels]
    assert labels[0] == {
        "train",
        "test",
        "trig, all pairs",
        "trig, train",
        "trig, test",
        "excluded, 2-D",
        "excluded, 3-D",
    }
    assert labels[1] == labels[2] == {"k = 1", "k = 3", "other k"}
    assert {"total", "W_E", "W_pos", "W_Q", "W_out", "b_out"} <= labels[3]
    assert labels[4:] == [{"W_E", "W_L", "neurons"}, {"head 0", "head 1"}]


def test_a_bias_is_dotted_in_the_colour_of_its_matrix():
    _, found = planted()
    names = "blocks.0.mlp.W_in", "blocks.0.mlp.b_in", "unembed.W_U", "total"
    sums = {f"sum_of_squares/{name}": [1.0, 2.0] for name in names}
    sums["sum_of_squares/blocks.0.mlp.b_in"] = [0.0, 1e-9]
    _, axes = progress(found, {"steps": [0, 10]} | sums, {}).axes
    look = [(line.get_linestyle(), line.get_color()) for line in axes.get_lines()]
    (solid, colour), (dotted, same), (_, other), (dashed, black) = look
    assert (solid, dotted, dashed, black) == ("-", ":", "--", BLACK)
    assert colour == same != other
    assert axes.get_ylim()[0] == pytest.approx(2e-4)  # four decades below the largest
    labels = [line.get_label() for line in axes.get_lines()]
    assert labels == ["W_in", "b_in (below)", "W_U", "total"]


def test_progress_draws_what_it_is_given():
    _, found = planted()
    measures = measured(found)
    stages, losses, excluded, coefficients, sums, gini, heads = progress(
        found, measures, STAGES
    ).axes
    lines = {line.get_label(): line for line in losses.get_lines()}
    np.testing.assert_array_equal(lines["test"].get_xdata(), measures["steps"])
    np.testing.assert_array_equal(lines["test"].get_ydata(), measures["test_loss"])
    assert [axes.get_yscale() for axes in (losses, excluded, sums)] == ["log"] * 3
    assert coefficients.get_yscale() == "linear"
    lines = {line.get_label(): line for line in coefficients.get_lines()}
    of_five = measures["cos_coefficients"][:, 4]
    np.testing.assert_array_equal(lines["k = 5"].get_ydata(), of_five)
    assert len(coefficients.get_lines()) == len(excluded.get_lines()) == 6
    assert gini.get_ylim() == heads.get_ylim() == (0, 1)
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in stages.patches]
    assert spans == [tuple(span) for span in STAGES.values()]
    assert len({bar.get_y() for bar in stages.patches}) == 5
    for axes in (losses, heads):
        shaded = [(p.get_x(), p.get_x() + p.get_width()) for p in axes.patches]
        assert shaded == spans


def test_progress_without_some_measures_and_stages():
    _, found = planted(keys=())
    measures = {"steps": [0, 10], "test_loss": [4.0, 0.0], "gini_W_E": [0.1, NAN]}
    measures["train_loss"] = [NAN, NAN]  # where the train pairs are unknown
    stages = {"memorisation": [0, 10], "clean_up": None}
    top, losses, gini = progress(found, measures, stages).axes
    assert ticks(top.yaxis)[0] == "memorisation"
    assert all(name.endswith("(none)") for name in ticks(top.yaxis)[1:])
    assert np.isnan(losses.get_lines()[0].get_ydata()[1])  # no log of zero
    assert [line.get_label() for line in losses.get_lines()] == ["test"]
    assert gini.get_ylabel() == "Gini"
