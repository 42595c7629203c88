"""PhaseGrid of a heat map have the colours and texts of their values."""

import numpy as np
import pytest
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
    for patch, value in zip(axes.patches, values.ravel(), strict=True):
        assert bool(patch.get_hatch()) == np.isnan(value)
        if np.isfinite(value):
            assert patch.get_facecolor() == scale.to_rgba(value)


def test_small_squares_have_no_text():
    axes = Figure().subplots()
    values = np.zeros((40, 40))
    scale = style.scale_from_zero(values, signed=False)
    heatmap.draw_values(axes, grid(40, 40), values, scale, text="{}{}".format)
    assert len(axes.patches) == 1600 and not axes.texts


def test_squares_shrink_with_their_number():
    assert grid(2, 3).side == style.LARGEST_SQUARE
    assert grid(2, 70).side == pytest.approx(0.1)
    assert grid(2, 700).side == style.SMALLEST_SQUARE


def test_a_strip_is_a_share_of_its_square():
    axes = Figure().subplots()
    heatmap.draw_square(axes, 1, 2, style.NONE, start=0.25, width=0.5)
    (patch,) = axes.patches
    x, y, width, height = patch.get_bbox().bounds
    assert (width / height, y + height / 2) == pytest.approx((0.5, 1))
    assert x + width / 2 == pytest.approx(2)
