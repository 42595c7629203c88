"""Programs that are still to be compiled are part of the time left."""

import time

import pytest

from jaxgrok.sweep.openings import Openings

SEAT, OTHER = ("a", 0), ("b", 0)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    moments = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: moments[0])
    return moments


def test_other_groups_take_as_long_as_those_that_were_opened(clock):
    openings = Openings()
    assert openings.seconds_ahead([0, 1, 2]) == 0
    for group, moment in ((0, 8.0), (1, 12.0)):
        openings.begin(SEAT, None, group)
        clock[0] += moment
        openings.end(SEAT)
    assert openings.seconds_ahead([0, 1, 2, 3]) == 2 * 10.0
    assert openings.seconds_ahead([1]) == 0


def test_training_on_in_a_group_opens_nothing(clock):
    openings = Openings()
    openings.begin(SEAT, 0, 0)
    clock[0] = 5.0
    openings.end(SEAT)
    assert openings.seconds_ahead([1]) == 0
    assert openings.groups == set()


def test_a_group_is_compiled_by_the_seat_that_comes_first(clock):
    openings = Openings()
    openings.begin(SEAT, None, 3)
    assert openings.groups == {3}
    openings.end(SEAT)
    assert openings.groups == set()
    openings.begin(OTHER, 0, 3)  # It loads the program.
    assert openings.groups == set()


def test_what_a_lost_seat_was_opening_is_still_to_be_opened(clock):
    openings = Openings()
    openings.begin(SEAT, None, 0)
    clock[0] = 8.0
    openings.end(SEAT)
    openings.begin(OTHER, None, 3)
    assert (openings.groups, openings.seconds_ahead([3])) == ({3}, 0)
    openings.forget(OTHER)
    assert (openings.groups, openings.seconds_ahead([3])) == (set(), 8.0)
    clock[0] = 1000.0
    openings.end(OTHER)  # Its next greeting opens nothing.
    assert openings.seconds_ahead([3]) == 8.0
