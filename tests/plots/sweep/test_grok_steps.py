"""The figures of steps along an axis and of slingshots say what the dataset holds."""

import itertools

import numpy as np
import pytest
import xarray as xr

from jaxgrok.plots import sweep
from jaxgrok.plots.sweep.grok_steps import varied_axis

NAN = float("nan")
STEP = np.arange(0, 101, 10)


def dataset(axis, values, memorise, grok, *, spikes=0.0, other=None):
    """A product over `axis` and two seeds; memorise and grok steps [values, 2]."""
    dims, shape = (axis, "seed"), (len(values), 2)
    falling = np.broadcast_to(np.exp(-STEP / 10.0), (*shape, len(STEP)))
    per_cell = {
        "phase": np.full(shape, "grokking", object),
        "status": np.full(shape, "done", object),
        "memorise_step": np.array(memorise, float),
        "grok_step": np.array(grok, float),
        "n_train": np.full(shape, 5),
        "steps": np.full(shape, 100.0),
        "spikes": np.broadcast_to(np.asarray(spikes, float), shape).copy(),
    }
    curves = ("train_loss", "test_loss", "max_train_loss")
    curves += ("train_accuracy", "test_accuracy")
    return xr.Dataset(
        {name: (dims, value) for name, value in per_cell.items()}
        | {name: ((*dims, "step"), falling.copy()) for name in curves},
        {axis: list(values), "seed": [0, 1], "step": STEP},
        {"title": "a test"},
    )


def chain(parts, **axes):
    """Cells of a chain, one a part and seed."""
    n = len(parts)
    coords = {"part": ("cell", parts), "seed": ("cell", [0] * n)}
    coords |= {name: ("cell", values) for name, values in axes.items()}
    column = np.full(n, 10.0)
    return xr.Dataset(
        {
            "phase": ("cell", np.full(n, "grokking", object)),
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
    found = dataset(
        "train_fraction",
        (0.3, 0.5, 0.9),
        memorise=[[10, 20], [10, 10], [10, 10]],
        grok=[[NAN, NAN], [50, NAN], [20, 30]],
    )
    figure = sweep.steps(found)
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


def test_numbers_are_joined_and_words_are_not():
    steps = [[10, 10], [20, 20]]
    numbers = sweep.steps(dataset("weight_decay", (0.1, 1.0), steps, steps))
    words = sweep.steps(dataset("operation", ("x+y", "a first"), steps, steps))
    styles = [
        {line.get_linestyle() for line in figure.axes[0].get_lines()}
        for figure in (numbers, words)
    ]
    assert "-" in styles[0] and "-" not in styles[1]
    ticks = [tick.get_text() for tick in words.axes[0].get_xticklabels()]
    assert ticks == ["x+y", "a first"]  # as given, not in the alphabet's order


def test_the_axis_is_the_one_that_varies():
    steps = [[10, 10], [20, 20]]
    assert varied_axis(dataset("loss", ("exact", "float32"), steps, steps)) == "loss"
    assert varied_axis(chain(["a", "b"], l1=[0.0, 0.1], momentum=[0.0, 0.9])) == "part"
    # A part of two settings is not one place on an axis.
    assert varied_axis(chain(["a", "a", "b"], l1=[0.0, 0.1, 0.2])) is None
    both = dataset("weight_decay", (0.1, 1.0), steps, steps)
    both = both.expand_dims(learning_rate=[1e-3, 1e-2])
    assert varied_axis(both) is None
    with pytest.raises(ValueError, match="not exactly one axis is varied"):
        sweep.steps(both)


def test_a_budget_that_goes_with_an_axis_is_none():
    found = chain(["a", "b"], weight_decay=[0.1, 1.0], budget=[100, 10])
    assert varied_axis(found.drop_vars("part")) == "weight_decay"


def test_spikes_have_a_panel_a_setting_with_their_counts():
    found = dataset(
        "loss",
        ("exact", "float32"),
        [[10, 10]] * 2,
        [[NAN, NAN]] * 2,
        spikes=[[0, 0], [7, 8]],
    )
    found["max_train_loss"][1, 0, 5] = 0.5
    figure = sweep.spikes(found)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["loss exact\nspikes: 0, 0", "loss float32\nspikes: 7, 8"]
    peaks = [
        max(line.get_ydata()[3:].max() for line in a.get_lines()[:2])
        for a in figure.axes
    ]
    assert peaks[0] < 0.1 and peaks[1] == 0.5
    assert "seed" not in figure.get_suptitle()


def test_only_what_there_is_to_show_is_drawn():
    steps = [[10, 10], [20, 20]]
    calm = dataset("loss", ("exact", "float32"), steps, steps)
    assert [name for name, _ in sweep.figures(calm)] == [
        "phase_diagram",
        "curves",
        "steps",
    ]
    wild = dataset("loss", ("exact", "float32"), steps, steps, spikes=1)
    assert "spikes" in dict(sweep.figures(wild))


@pytest.mark.parametrize("draw", [sweep.steps, sweep.phase_diagram])
def test_a_long_axis_makes_no_endless_figure_and_its_labels_lie_apart(draw):
    values = np.geomspace(0.1, 3, 100).round(6)
    figure = draw(dataset("weight_decay", values, [[10, 10]] * 100, [[NAN, NAN]] * 100))
    assert figure.get_size_inches().max() < 24
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [tick.get_window_extent() for tick in axes.get_xticklabels()]
        assert len(boxes) >= 20
        for one, other in itertools.pairwise(boxes):
            assert one.x1 <= other.x0
