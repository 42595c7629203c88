"""Last lanes of censored cells: found by training and step, dropped once over."""

import numpy as np
import pytest

from jaxgrok.engine.engine import ResumeState
from jaxgrok.results.files import final_states
from jaxgrok.results.files.final_states import FinalStates
from jaxgrok.results.files.resume import SavedLane


def lane(value):
    return SavedLane(ResumeState(0, [np.float32([value])]), np.full((3, 5), value))


@pytest.fixture
def states(tmp_path):
    """Training a spent the budgets 20 and 40; training b, 20."""
    states = FinalStates(tmp_path)
    for kin, step in (("a", 20), ("b", 20)):
        states.add(kin, step, lane(step))
    states.flush()
    states.add("a", 40, lane(40))
    states.flush()
    return states


def test_a_longer_budget_finds_the_last_state_below_it(states, tmp_path):
    for found in (states, FinalStates(tmp_path)):
        assert found.step("a", below=100) == 40
        assert found.step("a", below=40) == 20
        assert found.step("a", below=20) is found.step("c", below=100) is None
        again = found.lane("a", 40)
        np.testing.assert_array_equal(again.state.leaves[0], [40])
        np.testing.assert_array_equal(again.records, lane(40).records, strict=True)


def test_nothing_new_writes_nothing(states, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    states.flush()
    assert sorted(tmp_path.rglob("*")) == before


def test_many_bytes_start_a_new_file(tmp_path, monkeypatch):
    monkeypatch.setattr(final_states, "SHARD_BYTES", 1)
    states = FinalStates(tmp_path)
    for step in (10, 20):
        states.add("a", step, lane(step))
    assert len(list((tmp_path / "final_states").iterdir())) == 2


def test_a_file_that_nobody_needs_is_dropped(states, tmp_path):
    states.prune({("b", 20)})
    again = FinalStates(tmp_path)
    assert again.step("a", below=100) == 20  # in the file of b
    assert len(list((tmp_path / "final_states").iterdir())) == 1


def test_a_damaged_file_is_named_with_the_way_out(states, tmp_path):
    file = sorted((tmp_path / "final_states").iterdir())[0]
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"{file.name} is damaged; remove it, and a l"):
        FinalStates(tmp_path)
