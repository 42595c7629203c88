"""The panels of a training: which there are, and the lines in each."""

import types

import numpy as np
from drawn import NAN

from jaxgrok.plots.circuit.fourier_axes import MOST_NAMED
from jaxgrok.plots.circuit.trajectory_panels import panels
from jaxgrok.plots.style import BLACK, BLUE, PALE_GREY


def circuit(*keys, sign=1):
    """As much of a circuit as the panels ask for."""
    return types.SimpleNamespace(key_frequencies=keys, sign=sign)


def only(measures, *keys):
    """The one panel of some measures."""
    (panel,) = panels(circuit(*keys), measures)
    return panel


def by_label(panel):
    return {line.label: line for line in panel.lines}


def test_panels_are_those_that_have_lines_from_the_top():
    measures = {
        "attention_to_equals": [[0.1, 0.2]],
        "gini_W_E": [0.5],
        "sum_of_squares/total": [4.0],
        "cos_coefficients": [[1.0, 2.0]],
        "excluded_loss_2d": [[1.0, 2.0]],
        "test_loss": [1.0],
    }
    found = panels(circuit(1, sign=-1), measures)
    assert [panel.label.split("\n")[0] for panel in found] == [
        "loss (nats)",
        "excluded loss",
        "coefficient of",
        "sum of squares",
        "Gini",
        "attention to =",
    ]
    assert found[2].label.endswith("cos w_k(x−y−z)")
    assert [panel.log for panel in found] == [True, True, False, True, False, False]
    assert [panel.limits for panel in found[-2:]] == [(0, 1), (0, 1)]
    assert panels(circuit(), {}) == []


def test_a_measure_that_is_unknown_throughout_has_no_line():
    panel = only({"test_loss": [4.0, NAN], "train_loss": [NAN, NAN]})
    assert [line.label for line in panel.lines] == ["test"]
    np.testing.assert_array_equal(panel.lines[0].values, [4, NAN])
    assert panels(circuit(), {"gini_W_L": [NAN]}) == []


def test_key_frequencies_are_told_from_the_others_which_share_a_name():
    panel = only({"cos_coefficients": np.arange(10.0).reshape(2, 5)}, 2, 4)
    others = panel.lines[:3]
    assert [line.label for line in others] == ["other k", "", ""]
    assert all(line.background and line.colour == PALE_GREY for line in others)
    two, four = panel.lines[3:]
    assert (two.label, four.label) == ("k = 2", "k = 4")
    assert two.values.tolist() == [1, 6] and four.values.tolist() == [3, 8]
    assert two.colour != four.colour and not two.background


def test_without_key_frequencies_every_one_is_in_the_background():
    panel = only({"excluded_loss_2d": np.ones((2, 3))})
    assert [line.label for line in panel.lines] == ["every k", "", ""]


def test_more_key_frequencies_than_can_be_named_share_a_name_and_a_colour():
    count = MOST_NAMED + 1
    panel = only({"cos_coefficients": np.ones((2, count))}, *range(1, count + 1))
    labels = [line.label for line in panel.lines]
    assert labels == [f"{count} key k"] + [""] * (count - 1)
    assert {line.colour for line in panel.lines} == {BLUE}


def sums(*names):
    return {f"sum_of_squares/{name}": [2.0, 1.0] for name in names}


def test_a_bias_is_dotted_in_the_colour_of_its_matrix_and_the_total_is_black():
    panel = only(sums("blocks.0.mlp.W_in", "blocks.0.mlp.b_in", "unembed.W_U", "total"))
    lines = by_label(panel)
    assert list(lines) == ["W_in", "b_in", "W_U", "total"]
    assert [line.style for line in panel.lines] == ["-", ":", "-", "--"]
    assert lines["W_in"].colour == lines["b_in"].colour != lines["W_U"].colour
    assert lines["total"].colour == BLACK
    assert BLACK not in {lines["W_in"].colour, lines["W_U"].colour}


def test_a_bias_without_its_matrix_is_a_line_of_its_own():
    panel = only(sums("blocks.0.attn.b_Q", "blocks.0.ln1.w"))
    assert [line.style for line in panel.lines] == ["-", "-"]


def test_arrays_of_two_layers_are_named_with_theirs():
    names = "embed.W_E", "blocks.0.attn.W_Q", "blocks.1.attn.W_Q"
    assert list(by_label(only(sums(*names)))) == ["W_E", "0.attn.W_Q", "1.attn.W_Q"]


def test_the_scale_of_the_sums_starts_four_decades_below_the_largest():
    measures = sums("unembed.W_U") | {"sum_of_squares/unembed.b_U": [NAN, 50.0]}
    assert only(measures).floor == 50 * 1e-4


def test_every_head_has_a_line():
    panel = only({"attention_to_equals": [[0.1, 0.2], [0.3, 0.4]]})
    lines = by_label(panel)
    assert list(lines) == ["head 0", "head 1"]
    assert lines["head 1"].values.tolist() == [0.2, 0.4]
