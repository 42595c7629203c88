"""Every queue answers what a coordinator asks, in the protocol's own words."""

import inspect

import pytest

from jaxgrok.crossover.queue import CrossoverQueue
from jaxgrok.sweep.longest_first import Everything
from jaxgrok.sweep.queue import Queue

METHODS = [name for name in vars(Queue) if callable(getattr(Queue, name))]
METHODS = [name for name in METHODS if not name.startswith("_")]
KINDS = pytest.mark.parametrize("kind", [Everything, CrossoverQueue])


def test_the_protocol_is_what_a_coordinator_needs():
    assert METHODS == [
        "known",
        "waiting",
        "most",
        "take",
        "resumed",
        "ended",
        "needless",
        "left",
    ]


@KINDS
@pytest.mark.parametrize("name", METHODS)
def test_a_queue_takes_what_the_protocol_says(kind, name):
    wanted = inspect.signature(getattr(Queue, name)).parameters
    actual = inspect.signature(getattr(kind, name)).parameters
    assert list(actual) == list(wanted)
    defaults = [parameter.default for parameter in actual.values()]
    assert set(defaults) == {inspect.Parameter.empty}
