"""What a worker writes: each snapshot once, and lanes to go on from with theirs."""

import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine.engine import ResumeState
from jaxgrok.fleet.worker_files import Snapshot, WorkerFiles
from jaxgrok.results.files import final_states
from jaxgrok.results.files.final_states import FinalStates
from jaxgrok.results.files.saved_lanes import SavedLane
from jaxgrok.results.snapshots import SnapshotIndex

SHAPES = {"W": (2, 2)}


def resolved(**fields):
    return grid.resolve(tiny.config(**{"seed": (0, 1), "snapshots": "seed=0"} | fields))


@pytest.fixture
def files(tmp_path):
    with WorkerFiles(tmp_path, resolved(), "a") as files:
        yield files


def lane(value, offset=3):
    """A lane in flight that holds one number."""
    state = ResumeState(offset, [np.float32([value])])
    return SavedLane(state, np.full((2, 5), value))


def snapshot(cell, step, value=None):
    vector = np.full(4, step if value is None else value, np.float32)
    return Snapshot(cell.id, step, vector)


def written(run_dir, cell, step):
    return SnapshotIndex(run_dir).load(cell.kin, [step])["W"]


def test_snapshots_are_on_disk_once_they_are_flushed(files, tmp_path):
    one, two = resolved().cells
    assert files.keeps_snapshots(one.id) and not files.keeps_snapshots(two.id)
    assert not files.unwritten
    files.keep([snapshot(one, 0), snapshot(one, 20)], SHAPES)
    assert files.unwritten
    assert SnapshotIndex(tmp_path).steps(one.kin) == []
    files.flush()
    assert not files.unwritten
    assert SnapshotIndex(tmp_path).steps(one.kin) == [0, 20]
    np.testing.assert_array_equal(written(tmp_path, one, 20), np.full((1, 2, 2), 20))
    assert all(
        path.stem.endswith("-a") for path in (tmp_path / "checkpoints").iterdir()
    )


@pytest.mark.parametrize("flushed", [False, True])
def test_a_snapshot_that_a_resumed_lane_passes_again_is_kept_once(
    files, tmp_path, flushed
):
    one, *_ = resolved().cells
    files.keep([snapshot(one, 20)], SHAPES)
    if flushed:
        files.flush()
    files.keep([snapshot(one, 20, value=0)], SHAPES)
    assert files.unwritten is not flushed
    files.flush()
    np.testing.assert_array_equal(written(tmp_path, one, 20), np.full((1, 2, 2), 20))


def test_cells_in_flight_and_their_snapshots_go_on_at_another_worker(files, tmp_path):
    one, two = resolved().cells
    files.keep([snapshot(one, 0)], SHAPES)
    places = files.save({one.id: lane(1), two.id: lane(2)})
    assert {place.file for place in places.values()} == {places[one.id].file}
    assert (places[two.id].step, places[two.id].offset) == (13, 3)
    with WorkerFiles(tmp_path, resolved(), "b") as other:
        again = other.read(two.id, places[two.id])
        np.testing.assert_array_equal(again.state.leaves[0], [2], strict=False)
        np.testing.assert_array_equal(again.records, np.full((2, 5), 2), strict=True)
        assert not other.unwritten  # This one leaves no snapshots.
        other.read(one.id, places[one.id])
        other.flush()
    assert SnapshotIndex(tmp_path).steps(one.kin) == [0]


def test_a_snapshot_that_is_being_written_is_in_a_shard_or_in_the_save(files, tmp_path):
    one, *_ = resolved().cells
    files.keep([snapshot(one, 0)], SHAPES)
    files._snapshots.flush()  # It is neither pending nor on disk yet.
    place = files.save({one.id: lane(1)})[one.id]
    assert SnapshotIndex(tmp_path).steps(one.kin) == [0]
    with WorkerFiles(tmp_path, resolved(), "b") as other:
        other.read(one.id, place)
        assert not other.unwritten


def test_only_the_longest_budget_of_a_training_leaves_its_lane(tmp_path):
    budgets = resolved(steps=(20, 40), seed=(0,))
    short, long = budgets.cells
    assert short.kin == long.kin
    with WorkerFiles(tmp_path, budgets, "a") as files:
        assert files.keeps_final
        files.keep_final(short.id, lane(2, offset=0))
        assert not files.unwritten
        files.keep_final(long.id, lane(4, offset=0))
        assert files.unwritten
        files.flush()
        place = FinalStates(tmp_path).place(long.kin, below=60)
        assert (place.step, place.file.partition("/")[0]) == (40, final_states.FOLDER)
        again = files.read(long.id, place)
    np.testing.assert_array_equal(again.records, np.full((2, 5), 4), strict=True)


def test_lanes_are_kept_as_the_grid_asks(tmp_path):
    for choice, keeps in (("none", False), ("all", True)):
        with WorkerFiles(tmp_path, resolved(final_states=choice), "a") as files:
            assert files.keeps_final is keeps


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_a_lane_that_cannot_be_read_is_an_error(files, tmp_path, content):
    one, *_ = resolved().cells
    place = files.save({one.id: lane(1)})[one.id]
    file = tmp_path / place.file
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(OSError if content is None else ValueError):
        files.read(one.id, place)
