"""What a run has on disk is whole at every moment, and nothing is kept twice."""

import numpy as np
import pytest
from handmade import SCHEMA, manifest_of, result

import tiny
from jaxgrok import grid
from jaxgrok.engine.engine import ResumeState
from jaxgrok.results.manifest import Usage, read_manifest
from jaxgrok.results.resume import SavedLane
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.results.snapshots import SnapshotIndex
from jaxgrok.sweep import archive as module
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.messages import Dispatch, Snapshot

SHAPES = {"W": (2, 2)}


def resolved(**fields):
    return grid.resolve(tiny.config(**{"seed": (0, 1, 2), "snapshots": "all"} | fields))


@pytest.fixture
def directory(tmp_path):
    with RunDirectory(tmp_path / "run") as directory:
        yield directory


def lane(value):
    """A lane in flight that holds one number."""
    return SavedLane(ResumeState(3, [np.float32([value])]), np.full((2, 5), value))


def snapshot(cell, step):
    return Snapshot(cell.id, step, np.full(4, step, np.float32))


def test_a_finished_cell_has_its_snapshots_on_disk_before_it_counts(
    directory, monkeypatch
):
    cells, moments = resolved().cells, []
    write = directory.write_results

    def note(results):
        moments.append(SnapshotIndex(directory.path).steps(cells[0].kin))
        write(results)

    monkeypatch.setattr(directory, "write_results", note)
    with Archive(resolved(), directory) as archive:
        archive.write_manifest()
        archive.keep(snapshot(cells[0], 20), SHAPES)
        archive.flush()
        assert moments == []
        row = archive.add(result(cells[0]))
        archive.flush()
    assert (row["id"], moments) == (cells[0].id, [[20]])
    params = SnapshotIndex(directory.path).load(cells[0].kin, [20])
    np.testing.assert_array_equal(params["W"], np.full((1, 2, 2), 20))


def test_lane_steps_add_up_in_the_manifest(directory):
    archive = Archive(resolved(), directory)
    for _ in range(2):
        archive.count(Dispatch(steps=10, lane_steps=30, executed=40, seconds=1.0))
    archive.write_manifest()
    assert read_manifest(directory.path).usage == Usage(60, 80)
    archive = Archive(resolved(), directory)
    archive.count(Dispatch(steps=10, lane_steps=30, executed=40, seconds=1.0))
    archive.write_manifest()
    assert read_manifest(directory.path).usage == Usage(90, 120)


def test_cells_in_flight_and_their_snapshots_come_back(directory):
    one, two, _ = resolved().cells
    with Archive(resolved(), directory) as archive:
        archive.write_manifest()
        archive.keep(snapshot(one, 0), SHAPES)
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


def test_a_cell_that_has_ended_since_the_save_is_not_resumed(directory):
    one, two, three = resolved().cells
    with Archive(resolved(), directory) as archive:
        archive.write_manifest()
        archive.save({cell.id: lane(0) for cell in (one, two, three)})
        archive.add(result(one))
        archive.add(result(two, status="stopped"))
        archive.flush()
    with Archive(resolved(), directory) as archive:
        assert list(archive.resume()) == [two.id, three.id]


def test_a_cell_that_the_grid_has_no_more_is_not_resumed(directory):
    longer = resolved(steps=(60,))
    (one, *_), (other, *_) = resolved().cells, longer.cells
    with Archive(resolved(), directory) as archive:
        archive.write_manifest()
        archive.save({one.id: lane(0), other.id: lane(1)})
    with Archive(longer, directory) as archive:
        assert list(archive.resume()) == [other.id]


def test_with_nothing_in_flight_nothing_is_left_to_resume(directory):
    one, *_ = resolved().cells
    with Archive(resolved(), directory) as archive:
        archive.save({one.id: lane(0)})
        archive.save({})
        assert archive.resume() == {}
    assert not (directory.path / "resume").exists()


def test_a_snapshot_that_a_resumed_lane_passes_again_is_kept_once(directory):
    one, *_ = resolved().cells
    with Archive(resolved(), directory) as archive:
        archive.keep(snapshot(one, 20), SHAPES)
        again = Snapshot(one.id, 20, np.zeros(4, np.float32))
        archive.keep(again, SHAPES)
        archive.add(result(one))
        archive.write_manifest()
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
    directory.write_manifest(manifest_of(modulus=5))
    before = (directory.path / "manifest.json").read_bytes()
    with pytest.raises(ValueError, match="holds another sweep"):
        Archive(resolved(), directory)
    assert (directory.path / "manifest.json").read_bytes() == before
    assert sorted(path.name for path in directory.path.iterdir()) == [
        ".lock",
        "manifest.json",
    ]
