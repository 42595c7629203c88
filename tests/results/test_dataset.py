"""The dataset of a run: dimensions, missing values, curves by name."""

import csv
import dataclasses

import numpy as np
import pytest
from handmade import MATRICES, SCHEMA, all_results, manifest_of, product, result, write

import jaxgrok
from jaxgrok.grid import grid_file
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.results.files.shards import Result, read_results
from jaxgrok.results.frames import curves_frame
from jaxgrok.training.measures import MEASURES
from jaxgrok.training.records import CURVES, PLAIN, Curve, Schema


def test_load_has_a_product_as_dims(tmp_path):
    manifest = product()
    dataset = jaxgrok.load(write(tmp_path, manifest, all_results(manifest)))
    assert dict(dataset.sizes) == {
        "weight_decay": 2,
        "train_fraction": 1,
        "seed": 3,
        "step": 5,
        "matrix": 2,
    }
    assert dataset.step.values.tolist() == [0, 10, 20, 30, 40]
    for i, cell in enumerate(manifest.cells):
        here = dataset.sel(cell.axes)
        assert here.id.item() == cell.id
        column = SCHEMA.columns("test_loss")
        expected = np.float32(i + column / 100 + np.arange(5) / 1000)
        np.testing.assert_allclose(here.test_loss, expected, rtol=1e-6)
        assert here.final_test_loss.item() == here.test_loss.values[-1]
        assert here.n_train.item() == cell.lane["n_train"]


def test_selection_and_mean_over_seeds_as_in_the_readme(tmp_path):
    manifest = product()
    dataset = jaxgrok.load(write(tmp_path, manifest, all_results(manifest)))
    found = dataset.train_loss.sel(weight_decay=1.0).mean("seed")
    assert found.dims == ("train_fraction", "step")
    np.testing.assert_allclose(found.values[0], 4.01 + np.arange(5) / 1000, rtol=1e-6)
    assert float(dataset.sel(weight_decay=1.0).mean("seed").final_train_loss[0]) > 4


def test_load_has_one_cell_dim_for_zip_and_chain(tmp_path):
    manifest = manifest_of(
        weight_decay=(0.1, 1.0),
        learning_rate=(1e-3, 2e-3),
        zip="weight_decay,learning_rate",
    )
    dataset = jaxgrok.load(write(tmp_path, manifest, all_results(manifest)))
    assert dataset.train_loss.dims == ("cell", "step")
    assert dataset.weight_decay.dims == ("cell",)
    assert dataset.weight_decay.values.tolist() == [0.1, 1.0]
    assert dataset.learning_rate.values.tolist() == [1e-3, 2e-3]
    assert dataset.cell.values.tolist() == [0, 1]
    assert dataset.id.values.tolist() == [c.id for c in manifest.cells]


def test_n_train_is_a_dim_where_it_is_the_axis(tmp_path):
    manifest = manifest_of(n_train=(10, 20), train_fraction=())
    path = write(tmp_path, manifest, all_results(manifest))
    dataset = jaxgrok.load(path)
    assert dataset.n_train.dims == ("n_train",)
    assert dataset.sel(n_train=20).id.item() == manifest.cells[1].id
    with open(path / "cells.csv", newline="") as file:
        header = next(csv.reader(file))
    assert header.count("n_train") == 1


def test_curves_are_nan_past_the_end_of_a_cell(tmp_path):
    manifest = product()
    results = all_results(manifest)
    results[2] = result(manifest.cells[2], evals=2)
    dataset = jaxgrok.load(write(tmp_path, manifest, results))
    short = dataset.sel(manifest.cells[2].axes)
    for name in (*CURVES, "sum_of_squares"):
        missing = np.isnan(short[name].values).reshape(5, -1).all(axis=1)
        assert missing.tolist() == [False, False, True, True, True], name
    assert not np.isnan(dataset.train_loss.isel(weight_decay=1).values).any()
    assert short.steps.item() == 10
    assert short.final_train_loss.item() == short.train_loss.values[1]


def test_sum_of_squares_is_by_matrix(tmp_path):
    manifest = product()
    dataset = jaxgrok.load(write(tmp_path, manifest, all_results(manifest)))
    assert dataset.sum_of_squares.dims[-2:] == ("step", "matrix")
    assert dataset.matrix.values.tolist() == list(MATRICES)
    first = dataset.sum_of_squares.sel(matrix="W_U", step=20).values.ravel()[0]
    column = SCHEMA.columns("sum_of_squares").stop - 1
    np.testing.assert_allclose(first, column / 100 + 2 / 1000, rtol=1e-6)


def test_a_partial_directory_loads(tmp_path):
    manifest = product()
    dataset = jaxgrok.load(write(tmp_path, manifest, all_results(manifest)[3:4]))
    assert dataset.phase.sel(weight_decay=1.0, seed=0).item() != ""
    assert (dataset.status.values == "").sum() == 5
    assert (dataset.phase.values == "").sum() == 5
    assert np.isnan(dataset.train_loss.sel(weight_decay=0.1).values).all()
    assert np.isnan(dataset.steps.values).sum() == 5
    assert not np.isnan(dataset.n_train.values).any()
    assert len((tmp_path / "cells.csv").read_text().splitlines()) == 2


def test_a_directory_without_results_loads(tmp_path):
    dataset = jaxgrok.load(write(tmp_path, product()))
    assert dataset.sizes["seed"] == 3
    assert dataset.sizes["step"] == 0
    assert (dataset.status.values == "").all()


def test_a_failed_cell_loads_without_records(tmp_path):
    manifest = product()
    results = all_results(manifest)
    for records in (np.zeros((0, SCHEMA.width)), np.zeros(0)):
        results[1] = Result(
            manifest.cells[1].id, "failed", SCHEMA, records, 2, "out of memory"
        )
        path = write(tmp_path / str(records.ndim), manifest, results)
        here = jaxgrok.load(path).sel(manifest.cells[1].axes)
        assert (here.status.item(), here.phase.item()) == ("failed", "")
        assert here.cause.item() == "out of memory"
        assert here.steps.item() == 0
        assert np.isnan(here.train_loss.values).all()
    write(tmp_path / "alone", manifest, results[1:2])
    assert jaxgrok.load(tmp_path / "alone").status.values.ravel()[1] == "failed"


def test_a_diverged_cell_says_so(tmp_path):
    manifest = product()
    lost = result(manifest.cells[0], evals=2, status="diverged", cause="step 7")
    dataset = jaxgrok.load(write(tmp_path, manifest, [lost]))
    here = dataset.sel(manifest.cells[0].axes)
    assert (here.status.item(), here.phase.item()) == ("diverged", "diverged")


def test_curves_of_different_schemas_share_their_coordinates(tmp_path):
    manifest = product()
    mlp = Schema(
        (
            *PLAIN,
            Curve("sum_of_squares", "matrix", ("W_U", "W_in")),
            Curve("rank", "matrix", ("W_U", "W_in")),
            Curve("margin", unit="nats"),
        )
    ).with_steps()
    results = [result(manifest.cells[0]), result(manifest.cells[1], schema=mlp)]
    dataset = jaxgrok.load(write(tmp_path, manifest, results))
    assert dataset.matrix.values.tolist() == ["W_E", "W_U", "W_in"]
    one, other = (dataset.sel(manifest.cells[i].axes) for i in (0, 1))
    assert np.isnan(one["rank"]).all() and np.isnan(one.margin).all()
    assert np.isnan(one.sum_of_squares.sel(matrix="W_in")).all()
    assert np.isnan(other.sum_of_squares.sel(matrix="W_E")).all()
    for name in ("sum_of_squares", "rank"):
        expected = results[1].curve(name)
        np.testing.assert_array_equal(other[name].sel(matrix=["W_U", "W_in"]), expected)
    np.testing.assert_array_equal(other.margin, results[1].curve("margin"))
    assert dataset.margin.attrs == {"units": "nats", "long_name": "margin"}


def test_a_measure_named_like_something_of_the_run_is_told_apart(tmp_path):
    manifest = product()
    schema = Schema((*PLAIN, Curve("phase"))).with_steps()
    dataset = jaxgrok.load(
        write(tmp_path, manifest, all_results(manifest, schema=schema))
    )
    assert dataset.phase.dims == ("weight_decay", "train_fraction", "seed")
    assert dataset.measured_phase.dims[-1] == "step"


GRID = """
import jax.numpy as jnp
import tiny
from jaxgrok.training.measures import Measure, register

def sizes(evaluation):
    params = sorted(evaluation.params.items())
    confidence = evaluation.logits.max(-1).mean()
    return {
        "largest": jnp.stack([jnp.abs(w).max() for _, w in params]),
        "by_frequency": jnp.arange(1, 4) * confidence,
        "confidence": confidence,
    }

dims = {"confidence": "", "largest": "matrix", "by_frequency": "freq"}
register("sizes", Measure(dims, sizes, units={"confidence": "nats"}))

def get_config(scale):
    return tiny.config(measures="sizes", snapshots="all", seed=(0, 1))
"""


@pytest.mark.long
def test_a_measure_of_a_users_own_travels_from_grid_file_to_dataset(tmp_path):
    (tmp_path / "grid.py").write_text(GRID)
    out = tmp_path / "run"
    try:
        config, _ = grid_file.load(f"{tmp_path}/grid.py", "laptop")
        jaxgrok.run(config, out, quiet=True)
    finally:
        MEASURES.pop("sizes", None)  # a reader knows nothing of it
    dataset = jaxgrok.load(out).squeeze()
    assert dataset.largest.dims == ("seed", "step", "matrix")
    assert dataset.by_frequency.dims == ("seed", "step", "freq")
    assert dataset.freq.values.tolist() == [1, 2, 3]
    assert dataset.confidence.dims == ("seed", "step")
    assert dataset.confidence.attrs["units"] == "nats"
    for k in (1, 2, 3):
        own = dataset.by_frequency.sel(freq=k)
        np.testing.assert_allclose(own, k * dataset.confidence, rtol=1e-6)
    for name, weights in jaxgrok.load_params(out, "seed=1", step=40).items():
        largest = dataset.largest.sel(seed=1, step=40, matrix=name)
        assert largest == np.abs(weights).max()
    frame = curves_frame(read_manifest(out), read_results(out))
    assert "confidence" in frame and "largest" not in frame


def test_cells_say_what_computed_them_and_figures_whether_it_is_mixed(tmp_path):
    manifest = product()
    here, there = ({"device": d, "jaxlib": "0.1", "cpu_threads": 2} for d in "AB")
    origins = [(here,), (here,), (here, there)]
    results = [
        dataclasses.replace(one, computed_with=origin)
        for one, origin in zip(all_results(manifest), origins, strict=False)
    ]
    dataset = jaxgrok.load(write(tmp_path / "a", manifest, results[:2]))
    words = "A, jaxlib 0.1, cpu_threads 2"
    assert dataset.computed_with.values.ravel().tolist() == [*[words] * 2, *[""] * 4]
    assert dataset.title == manifest.title
    dataset = jaxgrok.load(write(tmp_path / "b", manifest, results))
    mixed = f"{words}, then B, jaxlib 0.1, cpu_threads 2"
    assert dataset.computed_with.values.ravel()[2] == mixed
    assert dataset.title == f"{manifest.title} · mixed bits: 2 machines or versions"
