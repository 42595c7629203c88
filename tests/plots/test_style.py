"""Colours can be told apart, and texts read on them."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from jaxgrok.plots import style

GREY = (0.299, 0.587, 0.114)


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 10, 11, 40])
@pytest.mark.parametrize("black", [True, False])
def test_lines_have_as_many_colours_as_are_asked_for(count, black):
    colours = style.line_colours(count, black=black)
    assert len(set(colours)) == len(colours) == count
    assert black or style.BLACK not in colours


@pytest.mark.parametrize("fill", style.PHASE_FILLS.values(), ids=style.PHASE_FILLS)
def test_a_text_contrasts_with_its_background(fill):
    ink = np.dot(to_rgb(style.text_colour(fill.colour)), GREY)
    assert abs(ink - np.dot(to_rgb(fill.colour), GREY)) >= 0.5


def test_a_signed_scale_is_centred_at_zero():
    values = np.array([-1.0, 3.0, np.nan])
    assert style.scale_from_zero(values, signed=True).get_clim() == (-3, 3)
    assert style.scale_from_zero(values, signed=False).get_clim() == (0, 3)
    assert style.scale_from_zero(values * 0, signed=False).get_clim() == (0, 1)
