"""Curves, names and the axis of steps of single cells, in the order of the dataset."""

import numpy as np
import pytest
from drawn import SHAPE, STEP, as_cells, phase_table
from matplotlib.figure import Figure

from jaxgrok.plots.sweep.cells import (
    cell_names,
    component_curves,
    curve,
    has_curve,
    scale_steps,
    write_heading,
)

pytestmark = pytest.mark.filterwarnings("error")


def test_curves_are_in_row_major_order_however_the_dataset_lies():
    dataset = phase_table()
    dataset["train_loss"][:] = np.arange(12.0).reshape(*SHAPE, 1)
    for form in (dataset, dataset.transpose("step", "matrix", ...), as_cells(dataset)):
        values = curve(form, "train_loss")
        assert values.shape == (12, len(STEP))
        assert values[:, 0].tolist() == list(range(12))


def test_curves_of_components_come_cell_by_cell():
    dataset = phase_table().rename(matrix="component")
    numbers = np.arange(24.0).reshape(*SHAPE, 2)
    dims = (*dataset["phase"].dims, "component", "step")
    dataset["loss"] = (dims, np.repeat(numbers[..., None], len(STEP), -1))
    values = component_curves(dataset.transpose("step", "component", ...), "loss")
    assert values.shape == (12, 2, len(STEP))
    assert values[..., -1].tolist() == numbers.reshape(12, 2).tolist()


def test_cells_without_a_recorded_curve_are_left_out():
    assert has_curve(phase_table(), "test_loss").tolist() == [
        *range(5),
        *range(6, 12),
    ]


def test_cells_are_named_by_what_tells_them_apart():
    titles, common = cell_names(phase_table(), [3, 7])
    assert titles == ["weight decay 0: grokking", "weight decay 0.1: grokking"]
    assert common == "train fraction 0.7, seed 1"
    titles, common = cell_names(as_cells(phase_table()), [3, 4])
    assert titles == [
        "weight decay 0, train fraction 0.7, seed 1: grokking",
        "weight decay 0.1, train fraction 0.3, seed 0: confusion",
    ]
    assert common == ""


def test_one_cell_is_named_by_its_phase_and_an_axis_may_be_left_out():
    titles, common = cell_names(phase_table(), [0], without="seed")
    assert titles == ["memorisation"]
    assert common == "weight decay 0, train fraction 0.3"


def test_the_heading_is_the_title_and_what_is_common_where_there_are_any():
    figure = Figure()
    write_heading(figure, phase_table(), "seed 1")
    assert figure.get_suptitle() == "wd_vs_frac · test\nseed 1"
    write_heading(figure, phase_table().drop_attrs(), "seed 1")
    assert figure.get_suptitle() == "seed 1"


def scaled(cells, **replaced):
    axes = Figure().subplots()
    scale_steps([axes], phase_table(**replaced), cells)
    return axes


def test_steps_are_on_a_log_scale_where_a_fit_is_early():
    axes = scaled([0])
    assert axes.get_xscale() == "symlog"
    assert axes.get_xlabel() == "step (log scale, linear below 250)"
    assert axes.get_xlim() == (-125, 6000) and axes.get_xticks()[0] == 0


@pytest.mark.parametrize("fit", [500.0, np.nan])
def test_steps_are_on_a_linear_scale_otherwise(fit):
    axes = scaled(range(12), memorise_step=np.full(SHAPE, fit))
    assert (axes.get_xscale(), axes.get_xlabel()) == ("linear", "step")


def test_only_the_fits_of_the_cells_drawn_count():
    fits = np.full(SHAPE, 4000.0)
    fits[0, 0, 1] = 250
    assert scaled([0, 2], memorise_step=fits).get_xscale() == "linear"
    assert scaled([0, 1], memorise_step=fits).get_xscale() == "symlog"
