"""The figure of steps along an axis says what the dataset holds."""

import itertools

import numpy as np
import pytest
import xarray as xr
from drawn import NAN, along

from jaxgrok.plots.sweep import phase_diagram, steps
from jaxgrok.plots.sweep.grok_steps import varied_axis

pytestmark = pytest.mark.filterwarnings("error")


def chain(parts, **axes):
    """Cells of a chain, one a part and seed."""
    n = len(parts)
    coords = {"part": ("cell", parts), "seed": ("cell", [0] * n)}
    coords |= {name: ("cell", values) for name, values in axes.items()}
    column = np.full(n, 10.0)
    return xr.Dataset(
        {
            "phase": ("cell", np.full(n, "grokking", object)),
            "status": ("cell", np.full(n, "done", object)),
            "memorise_step": ("cell", column),
            "grok_step": ("cell", column + 10),
            "steps": ("cell", column * 10),
        },
        coords | {"cell": np.arange(n)},
    )


def points(figure, label):
    """The points drawn under a label: x and y."""
    (line,) = [ln for ln in figure.axes[0].get_lines() if ln.get_label() == label]
    return np.array(line.get_xdata()), np.array(line.get_ydata())


def test_every_seed_has_a_point_and_a_censored_one_no_step():
    found = along(
        "train_fraction",
        (0.3, 0.5, 0.9),
        memorise=[[10, 20], [10, 10], [10, 10]],
        grok=[[NAN, NAN], [50, NAN], [20, 30]],
    )
    figure = steps(found)
    x, y = points(figure, "memorises")
    assert sorted(y.tolist()) == [10, 10, 10, 10, 10, 20]
    x, y = points(figure, "groks")
    assert sorted(y.tolist()) == [20, 30, 50]
    assert set(np.round(x).tolist()) == {1, 2}
    x, y = points(figure, "groks: not within its budget")
    assert y.tolist() == [100, 100, 100]
    assert np.round(x).tolist() == [0, 0, 1]
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert ticks == ["0.3", "0.5", "0.9"]


def test_only_what_was_followed_to_its_budget_is_censored():
    found = along(
        "train_fraction",
        (0.3, 0.5, 0.9),
        memorise=[[NAN, 10], [10, 10], [10, 10]],
        grok=[[NAN, NAN], [NAN, NAN], [NAN, 30]],
    )
    kinds = [["diverged", "ended"], ["untested", "memorisation"], ["ended", "grokking"]]
    found["phase"].values = np.array(kinds, object).reshape(found["phase"].shape)
    found["steps"].values = np.array([20, 40, 100, 100, 60, 80]).reshape(
        found["steps"].shape
    )
    figure = steps(found)
    misses = {
        "memorises: diverged before": [20],
        "groks: not within its budget": [100],
        "groks: diverged before": [20],
        "groks: ended early, before it was met": [40, 60],
        "groks: untested": [100],
    }
    labels = [line.get_label() for line in figure.axes[0].get_lines()]
    assert {label for label in labels if ":" in label} == set(misses)
    for label, expected in misses.items():
        assert points(figure, label)[1].tolist() == expected
    medians = [
        line.get_ydata()
        for line in figure.axes[0].get_lines()
        if len(line.get_xdata()) == 3
    ]
    # Of the last value, only one seed is known.
    np.testing.assert_array_equal(medians, [[NAN, 10, 10], [NAN, NAN, 30]])


def test_numbers_are_joined_and_words_are_not():
    reached = [[10, 10], [20, 20]]
    numbers = steps(along("weight_decay", (0.1, 1.0), reached, reached))
    words = steps(along("operation", ("x+y", "a first"), reached, reached))
    styles = [
        {line.get_linestyle() for line in figure.axes[0].get_lines()}
        for figure in (numbers, words)
    ]
    assert "-" in styles[0] and "-" not in styles[1]
    ticks = [tick.get_text() for tick in words.axes[0].get_xticklabels()]
    assert ticks == ["x+y", "a first"]  # as given, not in the alphabet's order


def test_the_axis_is_the_one_that_varies():
    reached = [[10, 10], [20, 20]]
    assert varied_axis(along("loss", ("exact", "float32"), reached, reached)) == "loss"
    assert varied_axis(chain(["a", "b"], l1=[0.0, 0.1], momentum=[0.0, 0.9])) == "part"
    # A part of two settings is not one place on an axis.
    assert varied_axis(chain(["a", "a", "b"], l1=[0.0, 0.1, 0.2])) is None
    both = along("weight_decay", (0.1, 1.0), reached, reached)
    both = both.expand_dims(learning_rate=[1e-3, 1e-2])
    assert varied_axis(both) is None
    with pytest.raises(ValueError, match="not exactly one axis is varied"):
        steps(both)


def test_a_budget_that_goes_with_an_axis_is_none():
    found = chain(["a", "b"], weight_decay=[0.1, 1.0], budget=[100, 10])
    assert varied_axis(found.drop_vars("part")) == "weight_decay"


@pytest.mark.parametrize("draw", [steps, phase_diagram])
def test_a_long_axis_makes_no_endless_figure_and_its_labels_lie_apart(draw):
    values = np.geomspace(0.1, 3, 100).round(6)
    figure = draw(along("weight_decay", values, [[10, 10]] * 100, [[NAN, NAN]] * 100))
    assert figure.get_size_inches().max() < 24
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [tick.get_window_extent() for tick in axes.get_xticklabels()]
        assert len(boxes) >= 20
        for one, other in itertools.pairwise(boxes):
            assert one.x1 <= other.x0
