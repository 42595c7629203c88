"""Programs that are still to be compiled are part of the time left."""

import time

import pytest

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.messages import Assignment, Progress
from jaxgrok.sweep.openings import Openings

GREETING = Progress("a", Platform("cpu", "cpu", 1))


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
        openings.begin(GREETING, Assignment(group))
        clock[0] += moment
        openings.end(GREETING)
    assert openings.seconds_ahead([0, 1, 2, 3]) == 2 * 10.0
    assert openings.seconds_ahead([1]) == 0


def test_training_on_in_a_group_opens_nothing(clock):
    openings = Openings()
    openings.begin(GREETING._replace(group=0), Assignment(0))
    clock[0] = 5.0
    openings.end(GREETING)
    assert openings.seconds_ahead([1]) == 0
