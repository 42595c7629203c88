"""Every fleet takes what a coordinator asks, in the protocol's own words."""

import inspect

import fleets
import pytest

from jaxgrok.fleet.local import LocalFleet
from jaxgrok.fleet.protocol import Fleet

METHODS = ("send", "next", "drop", "close")
KINDS = pytest.mark.parametrize("kind", [LocalFleet, fleets.Turns])


def test_these_are_all_that_a_fleet_has():
    names = [name for name in vars(Fleet) if not name.startswith("_")]
    assert tuple(names) == METHODS
    assert set(Fleet.__annotations__) == {"outlives_workers", "invitation"}


@KINDS
@pytest.mark.parametrize("name", METHODS)
def test_a_fleet_takes_what_the_protocol_says(kind, name):
    wanted = inspect.signature(getattr(Fleet, name)).parameters
    actual = inspect.signature(getattr(kind, name)).parameters
    assert list(actual) == list(wanted)


@KINDS
def test_a_fleet_says_whether_others_take_over(kind):
    assert isinstance(kind.outlives_workers, bool)
