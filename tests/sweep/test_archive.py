"""What a run has on disk is whole at every moment, and nothing is kept twice."""

import numpy as np
import pytest
from handmade import SCHEMA, manifest_of, result

import tiny
from jaxgrok import grid
from jaxgrok.engine.engine import ResumeState
from jaxgrok.fleet.messages import Dispatch, Snapshot
from jaxgrok.results.files import manifest
from jaxgrok.results.files.manifest import Usage, read_manifest
from jaxgrok.results.files.resume import SavedLane
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.results.snapshots import SnapshotIndex
from jaxgrok.sweep import archive as module
from jaxgrok.sweep.archive import Archive

SHAPES = {"W": (2, 2)}


def resolved(**fields):
    return grid.resolve(tiny.config(**{"seed": (0, 1, 2), "snapshots": "all"} | fields))


@pytest.fixture
def directory(tmp_path):
    with RunDirectory(tmp_path / "run") as directory:
        yield directory


@pytest.fixture
def archive(directory):
    """That of a run that has just begun."""
    with Archive(resolved(), directory) as archive:
        archive.write_manifest()
        yield archive


def lane(value):
    """A lane in flight that holds one number."""
    return SavedLane(ResumeState(3, [np.float32([value])]), np.full((2, 5), value))


def snapshot(cell, step):
    return Snapshot(cell.id, step, np.full(4, step, np.float32))


def test_a_finished_cell_has_its_snapshots_on_disk_before_it_counts(
    archive, directory, monkeypatch
):
    (cell, *_), moments = resolved().cells, []
    write = directory.write_results

    def note(results):
        moments.append(SnapshotIndex(directory.path).steps(cell.kin))
        write(results)

    monkeypatch.setattr(directory, "write_results", note)
    archive.keep(snapshot(cell, 20), SHAPES)
    archive.flush()
    assert moments == []
    assert archive.add(result(cell))["id"] == cell.id
    archive.flush()
    assert moments == [[20]]
    params = SnapshotIndex(directory.path).load(cell.kin, [20])
    np.testing.assert_array_equal(params["W"], np.full((1, 2, 2), 20))


def test_lane_steps_add_up_over_pauses(archive, directory):
    dispatch = Dispatch(steps=10, lane_steps=30, executed=40, seconds=1.0)
    archive.count(dispatch)
    archive.count(dispatch)
    archive.write_manifest()
    assert read_manifest(directory.path).usage == Usage(60, 80)
    archive = Archive(resolved(), directory)
    archive.count(dispatch)
    archive.write_manifest()
    assert read_manifest(directory.path).usage == Usage(90, 120)


def test_the_times_of_a_run_span_its_pauses(archive, directory, monkeypatch):
    begun = read_manifest(directory.path).begun
    assert read_manifest(directory.path).ended == ""
    archive.leave({})
    assert read_manifest(directory.path).ended >= begun
    monkeypatch.setattr(manifest, "utc_now", lambda: "2999-01-01T00:00:00Z")
    monkeypatch.setattr(module, "utc_now", lambda: "2999-01-01T00:00:09Z")
    with Archive(resolved(), directory, command="jaxgrok sweep --grid a") as later:
        later.write_manifest()
        entries = read_manifest(directory.path)
        assert (entries.begun, entries.ended) == (begun, "")
        for cell in resolved().cells:
            later.keep(snapshot(cell, 40), SHAPES)
            later.add(result(cell))
        later.leave({})
    entries = read_manifest(directory.path)
    assert (entries.begun, entries.ended) == (begun, "2999-01-01T00:00:09Z")
    assert entries.command == "jaxgrok sweep --grid a"


def test_cells_in_flight_and_their_snapshots_come_back(archive, directory):
    one, two, _ = resolved().cells
    for cell in (one, two):
        archive.keep(snapshot(cell, 0), SHAPES)
    archive.save({one.id: lane(1), two.id: lane(2)})
    with Archive(resolved(), directory) as archive:
        lanes = archive.resume()
        assert list(lanes) == [one.id, two.id]
        assert lanes[two.id].state.offset == 3
        np.testing.assert_array_equal(lanes[two.id].state.leaves[0], [2])
        np.testing.assert_array_equal(lanes[two.id].records, np.full((2, 5), 2))
        archive.add(result(two))
        archive.flush()
    assert SnapshotIndex(directory.path).steps(one.kin) == [0]


def test_a_cell_that_has_ended_since_the_save_is_not_resumed(archive):
    one, two, three = resolved().cells
    for cell in (one, two, three):
        archive.keep(snapshot(cell, 0), SHAPES)
    archive.save({cell.id: lane(0) for cell in (one, two, three)})
    archive.add(result(one))
    archive.add(result(two, status="stopped"))
    assert list(archive.resume()) == [two.id, three.id]


def test_a_cell_whose_snapshots_were_not_kept_so_far_starts_anew(archive):
    one, two, _ = resolved().cells
    archive.keep(snapshot(one, 0), SHAPES)
    archive.save({one.id: lane(0), two.id: lane(0)})
    assert list(archive.resume()) == [one.id]


def test_a_cell_that_the_grid_has_no_more_is_not_resumed(archive, directory):
    for cell in resolved().cells:
        archive.keep(snapshot(cell, 0), SHAPES)
    archive.save({cell.id: lane(0) for cell in resolved().cells})
    _, two, _ = resolved().cells
    assert list(Archive(resolved(seed=(1,)), directory).resume()) == [two.id]


def test_a_cell_goes_on_as_the_same_training_with_a_longer_budget(archive, directory):
    one, *_ = resolved().cells
    archive.keep(snapshot(one, 0), SHAPES)
    archive.save({one.id: lane(7)})
    longer = resolved(steps=(60, 80), seed=(0,))
    lanes = Archive(longer, directory).resume()
    assert lanes.keys() == {cell.id for cell in longer.cells}
    assert [lane.state.leaves[0] for lane in lanes.values()] == [7, 7]


def test_the_last_lane_of_the_longest_budget_is_kept(archive, directory):
    one, *_ = resolved().cells
    for step in (0, 20, 40):
        archive.keep(snapshot(one, step), SHAPES)
    archive.keep_final(one.id, lane(7))
    archive.add(result(one))
    archive.flush()
    longer = resolved(steps=(60,))
    with Archive(longer, directory) as archive:
        starts = [archive.starting_step(cell.id) for cell in longer.cells]
        assert starts == [40, 0, 0]
        assert archive.starting_lane(longer.cells[1].id) is None
        start = archive.starting_lane(longer.cells[0].id)
        np.testing.assert_array_equal(start.records, np.full((2, 5), 7))


def test_with_nothing_in_flight_nothing_is_left_to_resume(archive, directory):
    archive.save({resolved().cells[0].id: lane(0)})
    archive.save({})
    assert archive.resume() == {}
    assert not (directory.path / "resume").exists()


def test_a_snapshot_that_a_resumed_lane_passes_again_is_kept_once(archive, directory):
    one, *_ = resolved().cells
    archive.keep(snapshot(one, 20), SHAPES)
    archive.keep(Snapshot(one.id, 20, np.zeros(4, np.float32)), SHAPES)
    archive.add(result(one))
    archive.flush()
    params = SnapshotIndex(directory.path).load(one.kin, [20])
    np.testing.assert_array_equal(params["W"], np.full((1, 2, 2), 20))


def test_at_the_end_each_phase_has_the_snapshots_of_its_first_cell(
    directory, monkeypatch
):
    monkeypatch.setattr(module.figures, "redraw", lambda *_: "drawn")
    fields = resolved(snapshots="phases")
    results = [result(cell) for cell in fields.cells]
    fitted = results[0].records
    fitted[1:, SCHEMA.columns("train_accuracy")] = 1
    with Archive(fields, directory) as archive:
        archive.write_manifest()
        archive.save({fields.cells[0].id: lane(0)})
        for cell, one in zip(fields.cells, results, strict=True):
            archive.keep(snapshot(cell, 40), SHAPES)
            archive.add(one)
        archive.flush()
        assert archive.finish() == "drawn"
    phases = [row["phase"] for row in archive.ledger.rows()]
    assert phases == ["memorisation", "confusion", "confusion"]
    kins = {cell.kin for cell in fields.cells[:2]}
    assert SnapshotIndex(directory.path).trainings() == kins
    assert not (directory.path / "resume").exists()


def test_a_directory_of_another_grid_stays_as_it_is(directory):
    other = manifest_of(modulus=5)
    directory.write_manifest(other)
    directory.write_results([result(other.cells[0])])
    before = (directory.path / "manifest.json").read_bytes()
    with pytest.raises(ValueError, match="holds another sweep"):
        Archive(resolved(), directory)
    assert (directory.path / "manifest.json").read_bytes() == before
    assert sorted(path.name for path in directory.path.iterdir()) == [
        ".lock",
        ".lock.holder",
        "curves",
        "manifest.json",
    ]
