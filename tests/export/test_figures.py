"""Figures of some cells of a run, and of a network."""

import handmade
import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok.export.figures import export_figure
from jaxgrok.plots import run_figures


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    manifest = handmade.product()
    path = tmp_path_factory.mktemp("figures") / "run"
    return handmade.write(path, manifest, handmade.all_results(manifest))


@pytest.mark.parametrize(
    ("kind", "magic"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")]
)
def test_each_kind_is_written_the_same_every_time(run_dir, tmp_path, kind, magic):
    files = [tmp_path / name / f"phases.{kind}" for name in ("one", "two")]
    for file in files:
        assert export_figure(run_dir, "phase_diagram", out=file) == file
    one, two = (file.read_bytes() for file in files)
    assert one.startswith(magic) and one == two


def test_a_figure_shows_the_cells_that_were_named(run_dir):
    whole = jaxgrok.load(run_dir).train_loss
    ((_, figure),) = run_figures.figures(run_dir, ["curves"], cell="seed=2")
    lines = [line for line in figure.axes[0].lines if line.get_linestyle() == "-"]
    drawn = {tuple(np.float32(line.get_ydata()).tolist()) for line in lines}
    expected = whole.sel(seed=2).values.reshape(2, -1)
    assert drawn == {tuple(row.tolist()) for row in expected}


def test_the_sides_of_squares_can_be_chosen(run_dir):
    ((_, figure),) = run_figures.figures(
        run_dir, ["phase_diagram"], x="seed", y="weight_decay"
    )
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("seed", "weight decay")


def test_a_figure_of_a_network_needs_its_cell_alone(tmp_path):
    config = tiny.config(snapshots="all", steps=(10,), measures="none")
    jaxgrok.run(config, tmp_path / "run", quiet=True)
    out = tmp_path / "norms.svg"
    export_figure(tmp_path / "run", "embedding_norms", cell=0, step=10, out=out)
    assert b"<svg" in out.read_bytes()


@pytest.mark.parametrize(
    ("chosen", "sides"),
    [
        ({"y": "weight_decay"}, ("train fraction", "weight decay")),
        ({"x": "seed"}, ("seed", "weight decay")),
        ({"y": "seed"}, ("weight decay", "seed")),
    ],
)
def test_a_side_that_is_not_named_is_another_axis(run_dir, chosen, sides):
    ((_, figure),) = run_figures.figures(run_dir, ["phase_diagram"], **chosen)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == sides


@pytest.mark.parametrize("name", ["seed", "phase", "step", "cell"])
def test_sides_are_two_axes(run_dir, name):
    with pytest.raises(ValueError, match=r"both sides|is not in the dataset"):
        list(run_figures.figures(run_dir, ["phase_diagram"], x=name, y="seed"))


def test_cells_that_have_not_ended_have_no_curves(tmp_path):
    manifest = handmade.product()
    results = handmade.all_results(manifest)[:5]
    path = handmade.write(tmp_path / "run", manifest, results)
    with pytest.raises(ValueError, match="this run has no curves"):
        list(run_figures.figures(path, ["curves"], cell=5))
