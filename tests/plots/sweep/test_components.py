"""The figure of components: a panel a cell, a line each, a dot where it falls."""

import numpy as np
import pytest
from drawn import SHAPE, STEP, as_cells, legend, overlaps, phase_table

from jaxgrok.plots.style import BLACK
from jaxgrok.plots.sweep import components

pytestmark = pytest.mark.filterwarnings("error")

NAMES = ["digit 0", "digit 1"]


def dataset():
    """Digit 0 falls at step 1000; digit 1 stays as it is."""
    falling = np.where(STEP < 1000, 2.0, 0.01)
    losses = np.stack([falling, np.full(len(STEP), 2.0)])
    table = phase_table().assign_coords(component=NAMES)
    dims = (*table["phase"].dims, "component", "step")
    values = np.broadcast_to(losses, (*SHAPE, *losses.shape)).copy()
    return table.assign(component_test_loss=(dims, values))


def test_a_panel_has_its_components_the_whole_and_its_train_loss():
    figure = components(dataset(), cells=[3, 9])
    assert len(figure.axes) == 2
    for axes in figure.axes:
        named = [ln for ln in axes.get_lines() if not ln.get_label().startswith("_")]
        labels = [line.get_label() for line in named]
        assert labels == [*NAMES, "all", "all, train"]
        assert [line.get_linestyle() for line in named] == ["-", "-", "-", "--"]
        assert [line.get_color() for line in named[2:]] == [BLACK, BLACK]
        assert axes.get_yscale() == "log"
    assert legend(figure) == [*NAMES, "all", "all, train"]
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        "weight decay 0, train fraction 0.7: grokking",
        "weight decay 1, train fraction 0.3: diverged",
    ]
    assert figure.get_suptitle() == "wd_vs_frac · test\nseed 1"
    assert overlaps(figure) == []


def test_a_dot_marks_where_a_component_falls_and_one_that_stays_has_none():
    (axes,) = components(dataset(), cells=[0]).axes
    (dot,) = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert 750 <= dot.get_xdata()[0] <= 1000
    assert dot.get_color() == axes.get_lines()[0].get_color()


def test_every_cell_is_drawn_with_its_own_losses():
    table = dataset()
    own = np.arange(1.0, 13.0).reshape(*SHAPE, 1)
    table["test_loss"][:] = own
    table["train_loss"][:] = own * 100
    table["component_test_loss"][:] = own[..., None] * [[10], [20]]
    for form in (table, as_cells(table)):
        for axes, value in zip(components(form, [3, 8]).axes, (4, 9), strict=True):
            ends = [line.get_ydata()[-1] for line in axes.get_lines()]
            assert ends == [10 * value, 20 * value, value, 100 * value]


def test_a_loss_of_zero_is_left_out_of_the_log_scale():
    table = dataset()
    table["train_loss"][:] = 0.0
    (axes,) = components(table, cells=[0]).axes
    assert np.isnan(axes.get_lines()[-1].get_ydata()).all()


def test_by_default_the_first_seed_of_every_setting_is_drawn():
    titles = [axes.get_title() for axes in components(dataset()).axes]
    assert len(titles) == 4
    # Cells 0, 2, 4 and 6 are the first seeds of the first four settings.
    assert titles == [
        "weight decay 0, train fraction 0.3: memorisation",
        "weight decay 0, train fraction 0.7: memorisation",
        "weight decay 0.1, train fraction 0.3: confusion",
        "weight decay 0.1, train fraction 0.7: grokking",
    ]
    first = dataset().isel(weight_decay=[1], train_fraction=[0])
    # Of one setting the second seed was not trained, and has no curve.
    assert len(components(first).axes) == 1


def test_an_odd_number_of_cells_leaves_no_empty_panel():
    assert len(components(dataset(), cells=[0, 1, 2]).axes) == 3


def test_more_cells_than_fit_are_refused():
    with pytest.raises(ValueError, match="cells has 5 entries; it must have at most 4"):
        components(dataset(), cells=range(5))
