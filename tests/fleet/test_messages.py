"""Messages ask for nothing by default, and survive the way to another process."""

import pickle

import numpy as np
import pytest
from handmade import product, result

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet import wire
from jaxgrok.fleet.messages import (
    Assignment,
    Dispatch,
    Loss,
    Order,
    Progress,
    Refusal,
    Report,
)
from jaxgrok.results.files.saved_lanes import LanePlace

PLATFORM = Platform("cpu", "cpu", devices=2)


def test_an_assignment_of_a_group_alone_starts_stops_and_trains_nothing():
    assignment = Assignment(3)
    assert not any(assignment[1:])
    assert assignment.seconds is None


def test_a_greeting_is_of_no_group_and_hands_over_nothing():
    progress = Progress()
    assert progress.group is None and progress.failure == ""
    assert (progress.lanes, progress.free, progress.busy) == (0, 0, {})
    assert progress.dispatch == Dispatch(0, 0, 0, 0.0)
    greeting = Report("a", PLATFORM, {0: progress})
    assert greeting.refusal is None
    for name in ("results", "saved", "notes"):
        assert len(getattr(greeting, name)) == 0


def test_an_order_without_assignments_neither_trains_nor_saves():
    assert Order({}) == Order(assignments={}, save=False)


def test_a_message_cannot_be_changed():
    with pytest.raises(AttributeError):
        Assignment(0).group = 1
    with pytest.raises(AttributeError):
        Progress().free = 1
    with pytest.raises(AttributeError):
        Report("a", PLATFORM, {}).refusal = None


def test_they_are_numbers_text_and_arrays_that_another_process_can_read():
    cell = product().cells[0]
    place = LanePlace("resume/1-a.npz", cell.id, 23, offset=3)
    report = Report(
        "a",
        PLATFORM,
        {1: Progress(group=0, busy={cell.id: 20}, dispatch=Dispatch(10, 20, 40, 0.5))},
        results=[result(cell)],
        saved={cell.id: place},
        refusal=Refusal(28, "No space left on device"),
        notes=["a line"],
    )
    again = pickle.loads(pickle.dumps(report))
    assert again._replace(results=[]) == report._replace(results=[])
    np.testing.assert_array_equal(
        again.results[0].records, report.results[0].records, strict=True
    )
    assignment = Assignment(0, start={cell.id: place}, stop={"b": "needless"})
    for message in (Order({1: assignment}, save=True), Loss("a", "killed")):
        assert pickle.loads(pickle.dumps(message)) == message


@pytest.mark.parametrize(
    "busy", [{}, {"3f0a": 20, "b": 0}, {"a": 1.5, "b": None}, {1: 2}, {"a": (1, "x")}]
)
def test_busy_cells_travel_as_they_are(busy):
    again = wire.decode(wire.encode(Progress(0, busy=busy)))
    assert again.busy == busy
    assert list(map(type, again.busy.values())) == list(map(type, busy.values()))


def test_a_thousand_busy_cells_take_few_bytes_beyond_their_names():
    busy = {f"{number:016x}": number for number in range(1_000)}
    assert len(wire.encode(busy)) < 1_000 * (17 + 5)
