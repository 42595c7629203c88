"""Frames: a row for each cell, or for each cell and step, with types."""

import numpy as np
import pandas as pd
from handmade import SCHEMA, all_results, manifest_of, product, result

from jaxgrok.results.files.shards import Result
from jaxgrok.results.frames import cells_frame, curves_frame
from jaxgrok.training.records import PLAIN, Curve, Schema


def by_id(results):
    return {result.cell_id: result for result in results}


def test_a_cell_is_a_row_with_its_axes_and_its_outcome():
    manifest = product()
    results = [result(cell) for cell in manifest.cells]
    accuracies = results[4].records[:, SCHEMA.columns("train_accuracy")]
    accuracies[:] = [0, 1, 1, 1, 1]
    frame = cells_frame(manifest, by_id(results))
    assert frame.cell.tolist() == list(range(6))
    assert frame.id.tolist() == [cell.id for cell in manifest.cells]
    assert frame.weight_decay.tolist() == [0.1] * 3 + [1.0] * 3
    assert frame.seed.tolist() == [0, 1, 2] * 2
    assert frame.memorise_step[4] == 10 and frame.memorise_step.isna().sum() == 5
    assert frame.memorise_step.dtype == frame.steps.dtype == pd.Int64Dtype()
    assert frame.steps.tolist() == [40] * 6
    assert frame.phase[4] == "memorisation" and frame.phase[0] == "confusion"
    assert frame.train_loss.dtype == float and frame.non_convex.dtype == "boolean"
    assert np.float32(frame.train_loss[2]) == results[2].curve("train_loss")[-1]


def test_a_cell_without_a_result_has_no_row():
    manifest = product()
    frame = cells_frame(manifest, by_id(all_results(manifest)[3:4]))
    assert frame.cell.tolist() == [3] and frame.status.tolist() == ["done"]
    empty = cells_frame(manifest, {})
    assert len(empty) == 0 and empty.columns.tolist() == frame.columns.tolist()


def test_n_train_as_an_axis_is_one_column():
    manifest = manifest_of(n_train=(10, 20), train_fraction=())
    frame = cells_frame(manifest, by_id(all_results(manifest)))
    assert frame.columns.tolist().count("n_train") == 1
    assert frame.n_train.tolist() == [10, 20]


def test_an_evaluation_is_a_row_with_the_plain_curves():
    manifest = product()
    results = all_results(manifest)
    results[2] = result(manifest.cells[2], evals=2, tag=2)
    frame = curves_frame(manifest, by_id(results[:4]))
    assert len(frame) == 3 * 5 + 2
    assert frame.step[frame.cell == 2].tolist() == [0, 10]
    assert "sum_of_squares" not in frame
    for index in range(4):
        rows = frame[frame.cell == index]
        assert (rows.seed == manifest.cells[index].axes["seed"]).all()
        expected = results[index].curve("test_loss")
        np.testing.assert_array_equal(rows.test_loss, expected)


def test_a_curve_that_a_cell_lacks_is_nan():
    manifest = product()
    schema = Schema((*PLAIN, Curve("margin"))).with_steps()
    results = [result(manifest.cells[0]), result(manifest.cells[1], schema=schema)]
    frame = curves_frame(manifest, by_id(results))
    assert frame.margin.isna().tolist() == [True] * 5 + [False] * 5


def test_without_curves_there_are_no_rows():
    manifest = product()
    assert len(curves_frame(manifest, {})) == 0
    failed = Result(manifest.cells[0].id, "failed", SCHEMA, np.zeros(0), 2, "memory")
    assert len(curves_frame(manifest, by_id([failed]))) == 0
    assert cells_frame(manifest, by_id([failed])).status[0] == "failed"
