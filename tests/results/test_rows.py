"""Parts of a task have curves, steps and phase changes of their own, end to end."""

import csv

import numpy as np
import pytest
from handmade import all_results, product

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.outcomes.phase_changes import phase_change
from jaxgrok.plots import sweep
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.results.files.shards import read_results
from jaxgrok.results.rows import COMPONENT_COLUMNS, component_table, table


@pytest.fixture(scope="module")
def run_dir(with_figures, tmp_path_factory):
    path = tmp_path_factory.mktemp("digits") / "run"
    config = tiny.config(
        task="digits",
        digits=1,
        train_fraction=(),
        n_train=(40,),
        test_size=64,
        steps=(400,),
        learning_rate=(1e-2,),
        seed=(0, 1),
        stop="steps",
    )
    jaxgrok.run(config, path, quiet=True)
    return path


@pytest.mark.long
def test_curves_have_a_component_dimension(run_dir):
    dataset = jaxgrok.load(run_dir)
    assert dataset.component.values.tolist() == ["digit 0", "digit 1"]
    dims = ("weight_decay", "n_train", "seed")
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        curve = dataset[f"component_{name}"]
        assert curve.dims == (*dims, "step", "component")
        # Both digits are predicted once in every example: the whole is their mean.
        np.testing.assert_allclose(curve.mean("component"), dataset[name], rtol=1e-5)
    assert (dataset.component_test_loss.std("component") > 0).any()
    for name in ("memorise_step", "grok_step", "change_step", "change_width"):
        assert dataset[f"component_{name}"].dims == (*dims, "component")


@pytest.mark.long
def test_each_component_has_steps_of_its_own(run_dir):
    dataset = jaxgrok.load(run_dir)
    first = dataset.isel(weight_decay=0, n_train=0, seed=0)
    for component in dataset.component.values:
        one = first.sel(component=component)
        held = np.convolve(one.component_train_accuracy >= 0.99, [1, 1, 1], "valid")
        reached = np.flatnonzero(held == 3)
        step = one.component_memorise_step.item()
        if len(reached):
            assert step == dataset.step.values[reached[0]]
        else:
            assert np.isnan(step)
        found = phase_change(dataset.step.values, one.component_test_loss.values)
        want = np.nan if found is None else found.step
        np.testing.assert_equal(one.component_change_step.item(), want)
    assert np.isfinite(dataset.component_memorise_step).any()


@pytest.mark.long
def test_components_csv_has_a_row_for_each(run_dir):
    with open(run_dir / "components.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    axes = ["weight_decay", "n_train", "seed"]
    assert list(rows[0]) == ["cell", *axes, *COMPONENT_COLUMNS]
    assert [(row["seed"], row["component"]) for row in rows] == [
        (seed, digit) for seed in "01" for digit in ("digit 0", "digit 1")
    ]
    manifest = read_manifest(run_dir)
    results = read_results(run_dir)
    same = component_table(manifest, results)
    assert [float(r["test_loss"]) for r in rows] == [
        pytest.approx(r["test_loss"]) for r in same
    ]


@pytest.mark.long
def test_their_figure_shows_each_of_them(run_dir):
    assert (run_dir / "plots" / "components.png").stat().st_size > 10_000
    figure = sweep.components(jaxgrok.load(run_dir))
    panel = figure.axes[0]
    labels = [line.get_label() for line in panel.get_lines()]
    assert {"digit 0", "digit 1", "all", "all, train"} <= set(labels)


@pytest.mark.slow
def test_trigrams_of_a_class_are_averaged_over_their_own_examples(tmp_path):
    config = tiny.config(
        task="trigrams",
        small=2,
        large=3,
        entries=4,
        train_fraction=(),
        n_train=(12,),
        test_size=64,
        steps=(10,),
    )
    jaxgrok.run(config, tmp_path, quiet=True)
    dataset = jaxgrok.load(tmp_path).isel(weight_decay=0, n_train=0, seed=0, step=0)
    assert dataset.component.values.tolist() == ["trigram 2", "trigram 3", "trigram 4"]
    parts = dataset.component_test_loss.values
    whole = dataset.test_loss.item()
    assert parts.min() < whole < parts.max()


def test_modular_addition_has_no_components(tmp_path):
    dataset = jaxgrok.run(tiny.config(steps=(10,)), tmp_path, quiet=True)
    assert "component" not in dataset.dims
    assert not (tmp_path / "components.csv").exists()


@pytest.mark.long
def test_static_fields_can_be_axes(tmp_path):
    # Of MLPs, which compile fastest.
    fields = {"model": "mlp", "steps": (10,)}
    config = tiny.config(
        loss=("exact", "float32"), operation=("x+y", "x/y"), seed=(0, 1), **fields
    )
    found = grid.resolve(config)
    assert found.axes[:2] == ("loss", "operation")
    assert len(found.groups) == 4 and len(found.cells) == 8
    setups = {(g.setup.loss, g.setup.task.operation) for g in found.groups}
    assert len(setups) == 4
    dataset = jaxgrok.run(config, tmp_path, quiet=True)
    assert dataset.sizes["loss"] == dataset.sizes["operation"] == 2
    assert dataset.train_loss.dims[:2] == ("loss", "operation")
    one = dataset.sel(loss="float32", operation="x/y", seed=1)
    assert one.n_train.item() == 21 and one.status.item() == "done"
    # What a setting is alone, it is in the crowd.
    alone = grid.resolve(tiny.config(operation="x/y", seed=(1,), **fields))
    assert alone.cells[0].id in {cell.id for cell in found.cells}


@pytest.mark.long
def test_parts_of_a_chain_may_differ_in_static_fields(tmp_path):
    config = tiny.config(steps=(10,), model="transformer")
    config.chain = {
        "adamw": {"weight_decay": (0.1, 1.0)},
        "sgd": {"optimiser": "sgd", "learning_rate": (0.1,)},
        "mlp": {"model": "mlp", "seed": (0, 1)},
    }
    found = grid.resolve(config)
    assert [cell.static for cell in found.cells] == [
        {},
        {},
        {"optimiser": "sgd"},
        {"model": "mlp"},
        {"model": "mlp"},
    ]
    dataset = jaxgrok.run(config, tmp_path, quiet=True)
    assert dataset.train_loss.dims == ("cell", "step")
    assert dataset.optimiser.values.tolist() == ["adamw"] * 2 + ["sgd"] + ["adamw"] * 2
    assert dataset.part.values.tolist() == ["adamw"] * 2 + ["sgd"] + ["mlp"] * 2
    assert np.isfinite(dataset.train_loss).all()
    # Matrices that a model lacks are NaN, not another's.
    squares = dataset.sum_of_squares.sel(matrix="mlp.W_in")
    assert np.isnan(squares[:3]).all() and np.isfinite(squares[3:]).all()
    # What one part sets is no other part's, in the record neither.
    assert found.config["model"] == "transformer"
    described = read_manifest(tmp_path)
    kinds = [type(described.network(cell)[1]).__name__ for cell in range(5)]
    assert kinds == ["Transformer"] * 3 + ["MLP"] * 2


@pytest.mark.long
def test_snapshots_of_several_forms_come_back(tmp_path):
    config = tiny.config(steps=(10,), snapshots="all", model=("transformer", "mlp"))
    jaxgrok.run(config, tmp_path, quiet=True)
    one = jaxgrok.load_params(tmp_path, "model=mlp")
    other = jaxgrok.load_params(tmp_path, {"model": "transformer"})
    assert one["mlp.W_in"].shape == (7, 16) and "embed.W_E" in other


def test_table_leaves_out_what_has_no_result():
    manifest = product()
    results = {r.cell_id: r for r in all_results(manifest)[::2]}
    rows = table(manifest, results)
    assert [row["cell"] for row in rows] == [0, 2, 4]
    assert all(row["axes"] == manifest.cells[row["cell"]].axes for row in rows)
    assert table(manifest, {}) == []
