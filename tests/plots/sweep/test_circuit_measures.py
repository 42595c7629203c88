"""Heat maps of circuit measures say what they are given."""

import matplotlib
import numpy as np
import pytest
from drawn import NAN, overlaps, squares, ticks

from jaxgrok.plots.heatmap import Labels
from jaxgrok.plots.sweep.circuit_measures import phase_share

pytestmark = pytest.mark.filterwarnings("error")

SHARE = [[0.25, NAN, 1.0], [0.5, 0.0, NAN]]

LEAD = [[1600.0, NAN, 12_500.0], [0.0, 800.0, NAN]]

AXES = {
    "x": Labels("weight decay", ["0.1", "1", "3"]),
    "y": Labels("train fraction", ["0.3", "0.5"]),
}


def test_shares_and_leads_are_squares_and_nan_is_none():
    figure = phase_share(SHARE, LEAD, title="wd_vs_frac", **AXES)
    left, right = figure.axes[:2]
    words = {t.get_position(): t.get_text() for t in left.texts}
    assert words == {(0, 0): "0.25", (2, 0): "1.00", (0, 1): "0.50", (1, 1): "0.00"}
    assert [t.get_text() for t in right.texts] == ["1.6k", "12.5k", "0", "800"]
    for axes in (left, right):
        hatched = [(s.left, s.low) for s in squares(axes) if s.hatch]
        np.testing.assert_allclose(hatched, [(0.54, -0.46), (1.54, 0.54)])
        assert ticks(axes.xaxis) == ["0.1", "1", "3"]
        assert ticks(axes.yaxis) == ["0.3", "0.5"]
        assert axes.get_xlabel() == "weight decay"
        assert axes.get_ylabel() == "train fraction"
    colours = [square.colour for square in squares(left) if not square.hatch]
    assert len(set(colours)) == 4
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "none: no sparse spectrum, no grok, or no rise"
    ]
    assert overlaps(figure) == []


def test_a_share_has_the_same_colour_whatever_the_others_are():
    def colours(share):
        labels = {"x": Labels("x", ["1"]), "y": Labels("y", ["1", "2"])}
        left = phase_share(share, share, **labels).axes[0]
        return [square.colour for square in squares(left)]

    one, other = colours([[0.3], [0.4]]), colours([[0.3], [0.9]])
    assert one[0] == other[0] and one[1] != other[1]


def test_a_lead_below_zero_centres_the_colours_there():
    figure = phase_share(SHARE, np.negative(LEAD), **AXES)
    assert figure.axes[1].texts[0].get_text() == "−1.6k"
    colours = [square.colour for square in squares(figure.axes[1]) if not square.hatch]
    middle = matplotlib.colormaps["PuOr"](0.5)
    np.testing.assert_allclose(colours[2], middle)


def test_nothing_measured_at_all():
    nothing = np.full((2, 3), NAN)
    left = phase_share(nothing, nothing, **AXES).axes[0]
    assert len(squares(left)) == 6 and not left.texts


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"lead has shape \(3, 2\).*\(2, 3\)"):
        phase_share(SHARE, np.transpose(LEAD), **AXES)
