"""A table of figures draws what a source has everything for."""

import pytest
from matplotlib.figure import Figure

from jaxgrok.plots.registry import FigureTable, Need

EVEN = Need("even number", lambda number: number % 2 == 0)
LARGE = Need("second digit", lambda number: number > 9)


def table():
    """Three figures of an integer, titled by it."""

    def draw(number):
        figure = Figure()
        figure.suptitle(str(number))
        return figure

    figures = FigureTable("integer")
    figures.register("any", draw)
    figures.register("even", draw, EVEN)
    figures.register("large and even", draw, LARGE, EVEN)
    return figures


def test_what_a_source_lacks_something_for_is_left_out():
    figures = table()
    assert figures.names() == ["any", "even", "large and even"]
    assert list(dict(figures.draw(3))) == ["any"]
    assert list(dict(figures.draw(4))) == ["any", "even"]
    assert dict(figures.draw(12))["large and even"].get_suptitle() == "12"


def test_the_first_thing_that_is_missing_is_named():
    with pytest.raises(ValueError) as error:
        next(table().draw(3, ["any", "large and even"]))
    text = "figure 'large and even': this integer has no second digit; available: any"
    assert str(error.value) == text
    with pytest.raises(ValueError, match="this integer has no even number"):
        next(table().draw(13, ["large and even"]))


def test_a_figure_of_the_same_name_is_replaced():
    figures = table()
    figures.register("any", lambda number: None)
    assert dict(figures.draw(3)) == {"any": None}
