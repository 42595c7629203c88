"""Last lanes of censored cells: found by training and step, dropped once over."""

import numpy as np
import pytest

from jaxgrok.engine.engine import ResumeState
from jaxgrok.host.files.packed_files import write_packed
from jaxgrok.results.files import final_states, saved_lanes
from jaxgrok.results.files.final_states import FinalStates, FinalStateWriter
from jaxgrok.results.files.saved_lanes import SavedLane


def lane(value):
    return SavedLane(ResumeState(0, [np.float32([value])]), np.full((3, 5), value))


@pytest.fixture
def writer(tmp_path):
    """Of a run whose training a spent the budgets 20 and 40; training b, 20."""
    writer = FinalStateWriter(tmp_path)
    for kin, step in (("a", 20), ("b", 20)):
        writer.add(kin, step, lane(step))
    assert writer.unwritten
    writer.flush()
    writer.add("a", 40, lane(40))
    writer.flush()
    return writer


@pytest.fixture
def states(writer, tmp_path):
    return FinalStates(tmp_path)


def test_a_longer_budget_finds_the_last_state_below_it(states, tmp_path):
    place = states.place("a", below=100)
    assert (place.step, place.offset) == (40, 0)
    assert states.place("a", below=40).step == 20
    assert states.place("a", below=20) is states.place("c", below=100) is None
    again = final_states.read(tmp_path, place)
    np.testing.assert_array_equal(again.state.leaves[0], [40])
    np.testing.assert_array_equal(again.records, lane(40).records, strict=True)


def test_nothing_new_writes_nothing(writer, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert not writer.unwritten
    writer.flush()
    assert sorted(tmp_path.rglob("*")) == before


def test_many_bytes_start_a_new_file(tmp_path, monkeypatch):
    monkeypatch.setattr(final_states, "SHARD_BYTES", 1)
    writer = FinalStateWriter(tmp_path)
    for step in (10, 20):
        writer.add("a", step, lane(step))
    assert len(list((tmp_path / "final_states").iterdir())) == 2


def test_a_file_that_nobody_needs_is_dropped(states, tmp_path):
    states.prune({("b", 20)})
    again = FinalStates(tmp_path)
    assert again.place("a", below=100).step == 20  # in the file of b
    assert len(list((tmp_path / "final_states").iterdir())) == 1


def test_a_damaged_file_is_named_with_the_way_out(states, tmp_path):
    file = sorted((tmp_path / "final_states").iterdir())[0]
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"{file.name} is damaged; remove it, and a l"):
        FinalStates(tmp_path)


def test_a_file_of_other_lanes_is_named(writer, tmp_path):
    folder = tmp_path / final_states.FOLDER
    for file in folder.iterdir():
        final_states.check_lanes(file)
    # As a save of lanes in flight has them, by their cell alone.
    other = folder / "other.npz"
    write_packed(other, *saved_lanes.encode({"a": lane(20)}))
    with pytest.raises(ValueError, match=r"other\.npz.* remove it, and a longer"):
        final_states.check_lanes(other)
