"""A longer budget inherits what ended by itself, and nothing that a budget ended."""

import numpy as np
import pytest
from handmade import SCHEMA, all_results, manifest_of, result, write

import tiny
from jaxgrok import grid
from jaxgrok.results import estate
from jaxgrok.results.estate import estate_of
from jaxgrok.results.files.index import Index
from jaxgrok.results.run_directory import RunDirectory


def grokked(cell):
    """A result of a cell that is at the top from its second evaluation on."""
    made = result(cell)
    made.records[1:, SCHEMA.columns("test_accuracy")] = 1
    return made


def left(path, **fields):
    """What a directory leaves to a grid."""
    with RunDirectory(path) as directory:
        resolved = grid.resolve(tiny.config(**fields))
        return estate_of(directory, directory.manifest(), resolved)


@pytest.fixture
def two_seeds():
    return manifest_of(seed=(0, 1))


def test_heirs_are_the_same_training_with_a_longer_budget(tmp_path, two_seeds):
    path = write(tmp_path, two_seeds)
    steps = (20, 60, 80)
    longer = grid.resolve(tiny.config(seed=(1, 0), steps=steps)).cells
    heirs = left(path, seed=(1, 0), steps=steps).heirs
    assert heirs == {
        cell.id: [c for c in longer if c.kin == cell.kin and c.lane["steps"] > 40]
        for cell in two_seeds.cells
    }
    assert [len(cells) for cells in heirs.values()] == [2, 2]


def test_a_cell_of_the_grid_has_no_heirs_and_one_that_is_dropped_has_none(
    tmp_path, two_seeds
):
    path = write(tmp_path, two_seeds)
    assert left(path, seed=(1,)).heirs == {two_seeds.cells[0].id: []}


def test_what_ended_by_itself_is_inherited_by_every_longer_budget(tmp_path):
    manifest = manifest_of(seed=(0, 1, 2, 3))
    first, second, third, fourth = manifest.cells
    results = [
        grokked(first),
        result(second),
        result(third, evals=3, status="diverged", tag=2.0),
        result(fourth, evals=1, status="failed"),
    ]
    path = write(tmp_path, manifest, results)
    fields = {"seed": (0, 1, 2, 3), "steps": (60, 80)}
    longer = left(path, **fields)
    inherited = longer.inherited()
    ids = [c.id for cell in (first, third) for c in longer.heirs[cell.id]]
    assert [one.cell_id for one in inherited] == ids and len(set(ids)) == 4
    for one, other in zip(inherited, np.repeat([0, 2], 2), strict=True):
        np.testing.assert_array_equal(one.records, results[other].records)


def test_without_a_result_that_counts_it_is_empty(tmp_path, two_seeds):
    one, other = two_seeds.cells
    path = write(tmp_path, two_seeds)
    assert left(path, seed=(0, 1)).is_empty
    write(tmp_path, two_seeds, [result(one, evals=1, status="failed")])
    assert left(path, seed=(0, 1)).is_empty
    write(tmp_path, two_seeds, [result(other)])
    assert not left(path, seed=(0, 1)).is_empty


def test_curves_of_a_large_run_are_read_for_heirs_and_snapshots_alone(
    tmp_path, two_seeds, monkeypatch
):
    path = write(tmp_path, two_seeds, all_results(two_seeds))
    assert left(path, seed=(0, 1)).curves
    monkeypatch.setattr(estate.cell_table, "MANY", 1)
    assert not left(path, seed=(0, 1)).curves
    assert left(path, seed=(0, 1), steps=(60,)).curves
    assert left(path, seed=(0, 1), snapshots="all").curves


@pytest.fixture
def forgotten(monkeypatch):
    """What was forgotten: the steps of each training."""
    calls = []
    monkeypatch.setattr(estate, "forget", lambda path, steps, _: calls.append(steps))
    return calls


SPARSE = {"snapshot_every": 30, "snapshot_early_until": 0, "snapshots": "all"}


def test_snapshots_of_an_end_are_forgotten_where_none_is_due(
    tmp_path, two_seeds, forgotten
):
    one, other = two_seeds.cells
    path = write(tmp_path, two_seeds, [grokked(one), result(other)])
    for steps in ((60,), (40, 60)):
        fields = SPARSE | {"seed": (0, 1), "steps": steps}
        left(path, **fields).forget_ends(grid.resolve(tiny.config(**fields)), Index())
    # The first ended by itself; in the second grid, the budget ends cells as before.
    assert forgotten == [{other.kin: {40}}]


def test_snapshots_that_the_schedule_keeps_stay(tmp_path, two_seeds, forgotten):
    path = write(tmp_path, two_seeds, [result(cell) for cell in two_seeds.cells])
    fields = SPARSE | {"seed": (0, 1), "steps": (60,), "snapshot_every": 20}
    left(path, **fields).forget_ends(grid.resolve(tiny.config(**fields)), Index())
    assert forgotten == []
