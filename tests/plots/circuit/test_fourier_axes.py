"""Components stand at their frequencies, and key frequencies are named."""

import types

import numpy as np
import pytest
from drawn import heights, image, ticks
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from jaxgrok.plots.circuit.fourier_axes import (
    COS,
    MOST_NAMED,
    SIN,
    bar_legend,
    bars,
    components,
    frequency_label,
    is_named,
    key_components,
    name_keys,
    terms,
)

pytestmark = pytest.mark.filterwarnings("error")


def circuit(order, *keys):
    """As much of a circuit as an axis asks for."""
    return types.SimpleNamespace(order=order, key_frequencies=keys)


def named(keys, *, order=113, inches=9.0, upright=False):
    """The axis of frequencies of a figure so wide."""
    axes = Figure().subplots()
    axes.set_xlim(0, order / 2)
    name_keys(axes.xaxis, circuit(order, *keys), inches=inches, upright=upright)
    return axes.xaxis


def test_the_label_says_which_frequencies_there_are():
    assert frequency_label(circuit(13)) == "frequency k (1 … 6)"
    assert frequency_label(circuit(12)) == "frequency k (1 … 6)"


def test_key_frequencies_are_named_where_they_are_few():
    assert not is_named(circuit(113))
    assert is_named(circuit(113, *range(1, MOST_NAMED + 1)))
    assert not is_named(circuit(113, *range(1, MOST_NAMED + 2)))


def test_bars_of_cosine_and_sine_meet_at_their_frequency():
    axes = Figure().subplots()
    bars(axes, np.arange(1.0, 6.0))
    assert heights(axes).tolist() == [1, 2, 3, 4, 5]
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert spans == [(0, 0.5), (0.5, 1), (1, 1.5), (1.5, 2), (2, 2.5)]
    assert axes.get_xlim() == (0, 2.5)


def test_the_legend_has_the_colours_of_the_bars():
    axes = Figure().subplots()
    bars(axes, np.ones(5))
    bar_legend(axes)
    legend = axes.get_legend()
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["constant", "cos k", "sin k"]
    colours = [handle.get_facecolor() for handle in legend.legend_handles]
    assert colours == [bar.get_facecolor() for bar in axes.patches[:3]]
    assert COS != SIN


def test_names_that_would_overlap_are_joined_and_every_frequency_has_a_tick():
    axis = named((52, 14, 41, 35, 42))
    assert ticks(axis) == ["14", "35", "41, 42", "52"]
    assert list(axis.get_majorticklocs()) == [14, 35, 41.5, 52]
    assert list(axis.get_minorticklocs()) == [14, 35, 41, 42, 52]
    assert ticks(named((41, 42), inches=30.0)) == ["41", "42"]


def test_a_joined_name_may_reach_the_one_before_it():
    # 20 and 22 alone would fit; the name of 22 and 23 is longer.
    assert ticks(named((20, 22), inches=6.5)) == ["20", "22"]
    assert ticks(named((20, 22, 23), inches=6.5)) == ["20, 22, 23"]


def test_upright_names_need_the_height_of_a_digit_only():
    assert ticks(named((41, 42), inches=7.0)) == ["41, 42"]
    assert ticks(named((41, 42), inches=7.0, upright=True)) == ["41", "42"]


@pytest.mark.parametrize("keys", [(), tuple(range(1, MOST_NAMED + 2))])
def test_an_axis_without_names_counts_in_round_numbers(keys):
    axis = named(keys, order=41)
    places = axis.get_majorticklocs()
    assert 3 <= len(places) <= 9 and (places % 1 == 0).all()


def test_terms_are_the_constant_and_two_a_frequency():
    names = ["1", "cos 2", "sin 2", "cos 3", "sin 3"]
    assert terms([3, 2, 3], 7) == ([0, 3, 4, 5, 6], names)
    # Half an even order has no sine.
    assert terms([3], 6) == ([0, 5], ["1", "cos 3"])


def test_a_map_of_components_has_x_to_the_right():
    axes, values = Figure().subplots(), np.arange(49.0).reshape(7, 7)
    components(axes, values, circuit(7, 2), ScalarMappable())
    np.testing.assert_array_equal(image(axes), values.T)
    assert axes.get_images()[0].get_extent() == [0, 3.5, 0, 3.5]
    assert axes.get_xlabel() == "frequency of x"
    assert axes.get_ylabel() == "frequency of y"
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == ["2"]


def test_a_map_of_key_components_has_their_terms_only():
    axes, values = Figure().subplots(), np.arange(49.0).reshape(7, 7)
    key_components(axes, values, [2], ScalarMappable())
    np.testing.assert_array_equal(image(axes), values.T[np.ix_([0, 3, 4], [0, 3, 4])])
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == ["1", "cos 2", "sin 2"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("term of x", "term of y")
