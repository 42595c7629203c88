"""Curves of cells say what the phase_table holds."""

import itertools

import numpy as np
import pytest
import xarray as xr
from drawn import NAN, SHAPE, STEP, as_cells, legend, phase_table, texts

from jaxgrok.plots.files import save
from jaxgrok.plots.sweep import phase_diagram
from jaxgrok.plots.sweep.curves import MOST_CURVES, curves

pytestmark = pytest.mark.filterwarnings("error")


def test_curves_have_a_colour_a_cell_and_a_style_a_split():
    four = phase_table().isel(train_fraction=1, weight_decay=1)
    figure = curves(four)
    loss, accuracy = figure.axes
    assert legend(figure) == ["seed 0: grokking", "seed 1: grokking", "train", "test"]
    assert "weight decay 0.1, train fraction 0.7" in figure.get_suptitle()
    for axes in (loss, accuracy):
        styles = [(line.get_color(), line.get_linestyle()) for line in axes.lines]
        colors = [color for color, style in styles if style == "-"]
        assert len(set(colors)) == 2
        assert sorted(styles) == sorted(itertools.product(colors, ("-", "--")))
    assert loss.get_yscale() == "log"


def test_too_many_cells_give_way_to_one_of_each_phase():
    many = xr.concat(
        [phase_table().assign_coords(seed=[n, n + 1]) for n in (0, 2)], dim="seed"
    )
    assert many["phase"].size > MOST_CURVES
    phases = [text.split(": ")[1] for text in legend(curves(many))[:-2]]
    assert phases == [
        "comprehension",
        "grokking",
        "memorisation",
        "confusion",
        "diverged",
    ]
    with pytest.raises(
        ValueError, match="cells has 24 entries; it must have at most 12"
    ):
        curves(many, cells=range(24))


def test_chosen_cells_are_in_row_major_order_in_both_forms():
    for dataset in (phase_table(), as_cells(phase_table())):
        assert legend(curves(dataset, cells=[3, 4]))[:2] == [
            "weight decay 0, train fraction 0.7, seed 1: grokking",
            "weight decay 0.1, train fraction 0.3, seed 0: confusion",
        ]


def test_only_recorded_points_are_drawn_and_a_diverged_end_is_marked():
    dataset = phase_table().isel(weight_decay=[2], train_fraction=[0])
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        dataset[name][..., STEP > 1000] = np.nan
    dataset["test_loss"][..., STEP == 500] = np.inf
    loss = curves(dataset, cells=[0]).axes[0]
    train, end, test, _ = loss.lines
    assert train.get_xdata().tolist() == [0, 250, 500, 750, 1000]
    assert (end.get_marker(), end.get_xdata().tolist()) == ("x", [1000])
    assert test.get_xdata().tolist() == [0, 250, 750, 1000]


def test_a_cell_is_drawn_with_its_own_curve():
    dataset = phase_table()
    own = np.arange(1.0, 13.0).reshape(SHAPE)
    dataset["train_loss"] = dataset["train_loss"] * 0 + own[..., None]
    drawn = curves(dataset.transpose("step", "matrix", ...), cells=[3, 8]).axes[0]
    assert [line.get_ydata()[0] for line in drawn.lines if line.get_ls() == "-"] == [
        own[0, 1, 1],
        own[2, 0, 0],
    ]


def test_a_diverged_cell_without_a_test_curve_is_drawn():
    dataset = phase_table()
    for name in ("test_loss", "test_accuracy"):
        dataset[name][:] = np.nan
    loss = curves(dataset, cells=[8]).axes[0]
    assert [line.get_ls() for line in loss.lines] == ["-", "None"]


def test_the_scale_of_the_steps_is_stated():
    early = curves(phase_table()).axes[0]
    assert early.get_xscale() == "symlog"
    assert early.get_xlabel() == "step (log scale, linear below 250)"
    late = curves(phase_table(memorise_step=np.full(SHAPE, 2500.0))).axes[0]
    assert (late.get_xscale(), late.get_xlabel()) == ("linear", "step")


def test_milestone_labels_do_not_overlap():
    marks = {"memorise": 300, "cleanup": 1000, "grok": 1050, "end": 4900}
    figure = curves(phase_table(), milestones=marks)
    figure.draw_without_rendering()
    loss = figure.axes[0]
    assert texts(loss) == [
        " end (4.9k)",
        " grok (1.05k)",
        " cleanup (1k)",
        " memorise (300)",
    ]
    boxes = [text.get_window_extent() for text in loss.texts]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    assert not any(box.overlaps(loss.bbox) for box in boxes)


def test_a_dataset_without_results_still_draws(tmp_path):
    empty = phase_table(phase=np.full(SHAPE, "", object), grok_step=np.full(SHAPE, NAN))
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        empty[name][:] = np.nan
    figure = phase_diagram(empty)
    assert legend(figure) == ["pending"]
    save(figure, tmp_path / "phases.png")
    save(curves(empty), tmp_path / "curves.png")
