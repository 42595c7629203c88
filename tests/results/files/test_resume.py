"""Saved cells: bitwise, each from its furthest save, whole or named as damaged."""

import numpy as np
import pytest

from jaxgrok.engine.engine import ResumeState
from jaxgrok.host.files import atomic_files
from jaxgrok.results.files import resume
from jaxgrok.results.files.resume import Resumable, Saves
from jaxgrok.results.files.saved_lanes import SavedLane

HERE = {"jaxlib": "0.10.2", "cpu_threads": 2}
EVERY = 10


def lane(step, size=3):
    leaves = [np.int32(step), np.arange(size, dtype=np.float32) * step, np.ones((2, 2))]
    records = np.full((1 + step // EVERY, 4), step, np.float32)
    return SavedLane(ResumeState(step % EVERY, leaves), records, (HERE,))


def state(step):
    vectors = {0: np.float32([1, 2]), step: np.float32([3, 4 + step])}
    # Lanes of two groups: their leaves differ in shape.
    lanes = {"a": lane(step), "b": lane(step + 1), "c": lane(step, size=5)}
    return Resumable(lanes, {"a": vectors}, {"w": (2,)})


def save(run_dir, resumable, worker="local"):
    return resume.save(run_dir, worker, resumable, EVERY)


def assert_same_lanes(saved, other):
    assert saved.state.offset == other.state.offset
    assert saved.computed_with == other.computed_with
    np.testing.assert_array_equal(saved.records, other.records, strict=True)
    for leaf, other_leaf in zip(saved.state.leaves, other.state.leaves, strict=True):
        np.testing.assert_array_equal(leaf, np.asarray(other_leaf), strict=True)


def assert_holds(run_dir, places, resumable):
    assert places.keys() == resumable.lanes.keys()
    for cell_id, place in places.items():
        saved, snapshots, shapes = resume.read(run_dir, place, kin=cell_id)
        assert_same_lanes(saved, resumable.lanes[cell_id])
        assert (place.step, place.offset) == (saved.step(EVERY), saved.state.offset)
        assert shapes == resumable.shapes
        vectors = resumable.snapshots.get(cell_id, {})
        assert snapshots.keys() == vectors.keys()
        for step, vector in vectors.items():
            np.testing.assert_array_equal(snapshots[step], vector, strict=True)


def files(run_dir):
    return sorted(path.name for path in (run_dir / "resume").iterdir())


def test_what_was_saved_is_read_bitwise_from_its_place(tmp_path):
    assert Saves(tmp_path, EVERY).places == {}
    places = save(tmp_path, state(12))
    assert_holds(tmp_path, places, state(12))
    saves = Saves(tmp_path, EVERY)
    assert saves.places == places
    assert saves.snapshots == {"a": {0, 12}}
    resume.drop(tmp_path)
    assert Saves(tmp_path, EVERY).places == {}
    resume.drop(tmp_path)


def test_a_cell_goes_on_from_its_furthest_save_and_the_older_file_goes(tmp_path):
    saves = Saves(tmp_path, EVERY)
    for step in (12, 25):
        places = save(tmp_path, state(step))
        saves.note(places)
        assert saves.places == places
        assert len(files(tmp_path)) == 1
    # A frozen worker wakes: what it says is old, and its file goes at once.
    saves.note(save(tmp_path, state(3), worker="late"))
    assert saves.places == places
    assert len(files(tmp_path)) == 1
    assert Saves(tmp_path, EVERY).places == places


def test_a_file_stays_as_long_as_one_of_its_cells_needs_it(tmp_path):
    saves = Saves(tmp_path, EVERY)
    saves.note(save(tmp_path, state(12), worker="one"))
    other = save(tmp_path, Resumable({"a": lane(30), "b": lane(30)}, {}, {}), "two")
    saves.note(other)
    assert len(files(tmp_path)) == 2
    saves.forget("c")
    saves.tidy()
    assert files(tmp_path) == [other["a"].file.removeprefix("resume/")]
    for cell_id in "ab":
        saves.forget(cell_id)
    saves.tidy()
    assert files(tmp_path) == []


def test_places_may_go_to_other_cells(tmp_path):
    save(tmp_path, state(12))
    saves = Saves(tmp_path, EVERY)
    heirs = {"longer": saves.places["a"], "longest": saves.places["a"]}
    saves.replace(heirs)
    assert saves.places == heirs
    assert len(files(tmp_path)) == 1
    saves.replace({})
    assert files(tmp_path) == []
    assert saves.exist()


def test_saves_that_somebody_removed_do_not_exist(tmp_path):
    save(tmp_path, state(12))
    saves = Saves(tmp_path, EVERY)
    assert saves.exist()
    resume.drop(tmp_path)
    assert not saves.exist()


def test_a_save_that_is_cut_off_leaves_the_state_before(tmp_path, monkeypatch):
    places = save(tmp_path, state(12))

    def cut(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", cut)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path, state(25))
    saves = Saves(tmp_path, EVERY)
    assert saves.places == places
    assert_holds(tmp_path, saves.places, state(12))


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_state_that_is_cut_is_named_with_what_it_costs_and_the_way_out(
    tmp_path, share
):
    save(tmp_path, state(12))
    [file] = (tmp_path / "resume").iterdir()
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    words = (
        rf"{file.name} is damaged; remove it, and .* starts the cells in flight anew"
    )
    with pytest.raises(ValueError, match=words):
        Saves(tmp_path, EVERY)


def test_a_changed_byte_is_never_read(tmp_path):
    save(tmp_path, state(12))
    [file] = (tmp_path / "resume").iterdir()
    content = file.read_bytes()
    for position in range(0, len(content), 97):
        changed = bytearray(content)
        changed[position] ^= 255
        file.write_bytes(bytes(changed))
        try:
            saves = Saves(tmp_path, EVERY)
        except ValueError:
            continue
        # A byte that says nothing, such as a date.
        assert_holds(tmp_path, saves.places, state(12))
