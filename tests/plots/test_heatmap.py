"""PhaseGrid of a heat map have the colours and texts of their values."""

import numpy as np
import pytest
from drawn import squares
from matplotlib.figure import Figure

from jaxgrok.plots import heatmap, style
from jaxgrok.plots.heatmap import Labels, SquareGrid


def grid(rows=2, columns=3):
    names = [str(i) for i in range(max(rows, columns))]
    return SquareGrid.of(Labels("x", names[:columns]), Labels("y", names[:rows]))


def test_a_value_is_a_colour_and_a_text_and_none_is_blank():
    axes = Figure().subplots()
    values = np.array([[0.0, 1.0, 2.0], [3.0, np.nan, 5.0]])
    scale = style.scale_from_zero(values, signed=False)
    heatmap.draw_values(axes, grid(), values, scale, text="{}{}".format)
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["00", "01", "02", "10", "11", "12"]
    for square, value in zip(squares(axes), values.ravel(), strict=True):
        assert bool(square.hatch) == np.isnan(value)
        if np.isfinite(value):
            assert square.colour == scale.to_rgba(value)


def test_small_squares_have_no_text():
    axes = Figure().subplots()
    values = np.zeros((40, 40))
    scale = style.scale_from_zero(values, signed=False)
    heatmap.draw_values(axes, grid(40, 40), values, scale, text="{}{}".format)
    assert len(squares(axes)) == 1600 and not axes.texts


def test_squares_of_a_kind_are_one_artist():
    """With an artist each, 10,000 of them take most of a minute."""
    axes = Figure().subplots()
    values = np.arange(10_000.0).reshape(100, 100)
    values[::7] = np.nan
    scale = style.scale_from_zero(values, signed=False)
    heatmap.draw_values(axes, grid(100, 100), values, scale, text="{}{}".format)
    assert len(axes.get_children()) < 20
    assert {square.hatch for square in squares(axes)} == {None, style.NONE.hatch}


def test_squares_shrink_with_their_number():
    assert grid(2, 3).side == style.LARGEST_SQUARE
    assert grid(2, 70).side == pytest.approx(0.1)
    assert grid(2, 700).side == style.SMALLEST_SQUARE


def test_a_strip_is_a_share_of_its_square():
    axes = Figure().subplots()
    heatmap.draw_strips(axes, [heatmap.Strip(1, 2, style.NONE, start=0.25, width=0.5)])
    (strip,) = squares(axes)
    height = 2 * (1 - strip.low)
    assert (strip.row, strip.width / height) == pytest.approx((1, 0.5))
    assert strip.left + strip.width / 2 == pytest.approx(2)
