"""Maps show an array as it lies, and a bar says what its colours mean."""

import numpy as np
import pytest
from drawn import image
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from jaxgrok.plots.circuit.maps import colour_bar, draw_map, require

SCALE = ScalarMappable(Normalize(-2, 6), "PuOr")


def test_the_first_row_is_at_the_bottom_and_the_colours_are_the_scale_s():
    axes = Figure().subplots()
    values = np.arange(6.0).reshape(2, 3)
    draw_map(axes, values, SCALE, extent=(0, 9, 0, 4))
    np.testing.assert_array_equal(image(axes), values)
    (drawn,) = axes.get_images()
    assert drawn.origin == "lower" and axes.get_ylim() == (0, 4)
    assert drawn.get_extent() == [0, 9, 0, 4]
    assert drawn.get_clim() == (-2, 6) and drawn.get_cmap().name == "PuOr"


def test_a_bar_is_labelled_and_spans_the_scale():
    figure = Figure()
    panels = list(figure.subplots(1, 2))
    colour_bar(figure, SCALE, panels, "activation")
    *_, bar = figure.axes
    assert len(figure.axes) == 3
    assert bar.get_ylabel() == "activation" and bar.get_ylim() == (-2, 6)


def test_an_array_that_a_network_lacks_is_named():
    array = np.zeros(2)
    assert require(array, "W_L") is array
    with pytest.raises(ValueError, match="W_L is None: this network has none to draw"):
        require(None, "W_L")
