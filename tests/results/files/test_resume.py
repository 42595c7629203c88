"""The resume state: bitwise, rolling, and whole or named as damaged."""

import numpy as np
import pytest

from jaxgrok.engine.engine import ResumeState
from jaxgrok.host import atomic_files
from jaxgrok.results.files import resume
from jaxgrok.results.files.resume import Resumable, SavedLane

HERE = {"jaxlib": "0.10.2", "cpu_threads": 2}


def lane(step, size=3):
    leaves = [np.int32(step), np.arange(size, dtype=np.float32) * step, np.ones((2, 2))]
    records = np.full((step, 4), step, np.float32)
    return SavedLane(ResumeState(step % 10, leaves), records, (HERE,))


def state(step):
    vectors = {0: np.float32([1, 2]), step: np.float32([3, 4 + step])}
    # Lanes of two groups: their leaves differ in shape.
    lanes = {"a": lane(step), "b": lane(step + 1), "c": lane(step, size=5)}
    return Resumable(lanes, {"kin": vectors}, {"w": (2,)})


def assert_same(one, two):
    assert (one.lanes.keys(), one.shapes) == (two.lanes.keys(), two.shapes)
    for name, saved in one.lanes.items():
        other = two.lanes[name]
        assert saved.state.offset == other.state.offset
        assert saved.computed_with == other.computed_with
        np.testing.assert_array_equal(saved.records, other.records, strict=True)
        pairs = zip(saved.state.leaves, other.state.leaves, strict=True)
        for leaf, other_leaf in pairs:
            np.testing.assert_array_equal(leaf, np.asarray(other_leaf), strict=True)
    for kin, vectors in one.snapshots.items():
        for step, vector in vectors.items():
            np.testing.assert_array_equal(vector, two.snapshots[kin][step], strict=True)


def test_the_state_is_bitwise_and_rolling(tmp_path):
    folder = tmp_path / "resume"
    assert resume.load(folder) is None
    for step in (1, 2):
        resume.save(folder, state(step))
        assert_same(resume.load(folder), state(step))
        assert [path.name for path in folder.iterdir()] == ["lanes.npz"]
    resume.drop(folder)
    assert resume.load(folder) is None
    resume.drop(folder)


def test_a_save_that_is_cut_off_leaves_the_state_before(tmp_path, monkeypatch):
    resume.save(tmp_path, state(1))

    def cut(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", cut)
    with pytest.raises(OSError, match="No space left"):
        resume.save(tmp_path, state(2))
    assert_same(resume.load(tmp_path), state(1))


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_state_that_is_cut_is_named_with_what_it_costs_and_the_way_out(
    tmp_path, share
):
    resume.save(tmp_path, state(2))
    file = tmp_path / "lanes.npz"
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    words = r"lanes.npz is damaged; remove it, and .* starts the cells in flight anew"
    with pytest.raises(ValueError, match=words):
        resume.load(tmp_path)


def test_a_changed_byte_is_never_read(tmp_path):
    resume.save(tmp_path, state(2))
    file = tmp_path / "lanes.npz"
    content = file.read_bytes()
    for position in range(0, len(content), 97):
        changed = bytearray(content)
        changed[position] ^= 255
        file.write_bytes(bytes(changed))
        try:
            found = resume.load(tmp_path)
        except ValueError:
            continue
        assert_same(found, state(2))  # a byte that says nothing, such as a date
