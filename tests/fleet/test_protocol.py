"""Every fleet takes what a coordinator asks, in the protocol's own words."""

import contextlib
import inspect

import fleets
import nodes
import pytest

from jaxgrok.fleet.local import LocalFleet
from jaxgrok.fleet.messages import Assignment, Order, Progress, Report
from jaxgrok.fleet.protocol import Fleet

# Dask leaves sockets open that it could not bind or connect.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]
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


@pytest.fixture(params=["local", "turns", "dask"])
def made(request, tmp_path, monkeypatch):
    """A fleet of each kind with one worker, and that worker."""
    worker = nodes.Answering()
    if request.param == "dask":
        context = nodes.listening(tmp_path, monkeypatch, answering=[worker])
    else:
        kind = LocalFleet if request.param == "local" else fleets.Turns
        context = contextlib.closing(kind(worker))
    with context as fleet:
        yield fleet, worker


def order(group):
    return Order({0: Assignment(group, n_cells=3)})


def test_a_worker_greets_first_and_answers_every_order_once(made):
    fleet, worker = made
    greeting = nodes.news(fleet)
    assert greeting == Report("a", fleets.CPU, {0: Progress()})
    assert fleet.next() is None
    for count in (1, 2, 3):
        fleet.send("a", order(count))
        assert nodes.news(fleet).seats == {0: Progress(count)}
        assert fleet.next() is None
    assert worker.orders == [order(count) for count in (1, 2, 3)]


def test_nothing_more_is_heard_of_a_worker_that_was_dropped(made):
    fleet, worker = made
    assert nodes.news(fleet).worker == "a"
    fleet.drop("a", "for a test")
    if fleet.outlives_workers:  # in a process there is no other worker
        fleet.send("a", order(0))
    assert fleet.next() is None
    assert worker.orders in ([], [Order({}, save=True)])


def test_a_fleet_says_how_others_join(made):
    fleet, _ = made
    assert ("python -m jaxgrok.worker" in fleet.invitation) == fleet.outlives_workers
