"""Messages ask for nothing by default, and survive the way to another process."""

import pickle

import numpy as np
import pytest
from handmade import product, result

from jaxgrok.engine.engine import ResumeState
from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.messages import Assignment, Dispatch, Progress, Snapshot
from jaxgrok.results.files.resume import SavedLane

PLATFORM = Platform("cpu", "cpu", devices=2)


def test_an_assignment_of_a_group_alone_starts_stops_and_trains_nothing():
    assignment = Assignment(3)
    assert not any(assignment[1:])
    assert assignment.seconds is None


def test_a_greeting_is_of_no_group_and_hands_over_nothing():
    greeting = Progress("a", PLATFORM)
    assert greeting.group is None and greeting.failure == ""
    assert (greeting.lanes, greeting.free) == (0, 0)
    assert greeting.dispatch == Dispatch(0, 0, 0, 0.0)
    for name in ("busy", "results", "snapshots", "shapes", "saved"):
        assert len(getattr(greeting, name)) == 0


def test_a_message_cannot_be_changed():
    with pytest.raises(AttributeError):
        Assignment(0).group = 1
    with pytest.raises(AttributeError):
        Progress("a", PLATFORM).free = 1


def test_they_are_numbers_text_and_arrays_that_another_process_can_read():
    cell = product().cells[0]
    lane = SavedLane(ResumeState(3, [np.arange(4.0)]), np.ones((2, 5)))
    progress = Progress(
        "a",
        PLATFORM,
        group=0,
        busy={cell.id: 20},
        results=[result(cell)],
        snapshots=[Snapshot(cell.id, 20, np.arange(3.0))],
        shapes={"W": (3,)},
        saved={cell.id: lane},
        dispatch=Dispatch(10, 20, 40, 0.5),
    )
    again = pickle.loads(pickle.dumps(progress))
    assert again._replace(results=[], snapshots=[], saved={}) == progress._replace(
        results=[], snapshots=[], saved={}
    )
    np.testing.assert_array_equal(
        again.results[0].records, progress.results[0].records, strict=True
    )
    np.testing.assert_array_equal(again.snapshots[0].vector, np.arange(3.0))
    state, records, _ = again.saved[cell.id]
    assert state.offset == 3
    np.testing.assert_array_equal(state.leaves[0], np.arange(4.0))
    np.testing.assert_array_equal(records, np.ones((2, 5)))
    assignment = Assignment(0, start={cell.id: None}, stop={"b": "needless"})
    assert pickle.loads(pickle.dumps(assignment)) == assignment
