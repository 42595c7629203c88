"""A fleet greets, hands over what it was sent, and ends once nothing is to do."""

import pytest

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.local import Fleet, LocalFleet
from jaxgrok.fleet.messages import Assignment, Progress


class Worker:
    """Answers at once, and remembers what it was assigned."""

    greeting = Progress("a", Platform("cpu", "cpu", 1))

    def __init__(self):
        self.assignments = []

    def greet(self):
        return self.greeting

    def do(self, assignment):
        self.assignments.append(assignment)
        return self.greeting._replace(group=assignment.group)


@pytest.fixture
def worker():
    return Worker()


def test_a_local_fleet_greets_answers_and_then_has_nothing_to_do(worker):
    fleet = LocalFleet(worker)
    greeting = fleet.next()
    assert (greeting, worker.assignments) == (worker.greeting, [])
    for group in (0, 1):
        fleet.send(greeting.worker, Assignment(group, n_cells=3))
        assert fleet.next().group == group
    assert fleet.next() is None
    assert worker.assignments == [Assignment(0, n_cells=3), Assignment(1, n_cells=3)]


def test_a_worker_that_was_dropped_does_nothing_more(worker):
    fleet = LocalFleet(worker)
    greeting = fleet.next()
    fleet.send(greeting.worker, Assignment(0))
    fleet.drop(greeting.worker)
    assert fleet.next() is None
    fleet.close()
    assert worker.assignments == []


def test_a_worker_trains_only_while_its_progress_is_waited_for(worker):
    fleet = LocalFleet(worker)
    fleet.send(fleet.next().worker, Assignment(0))
    assert worker.assignments == []


def test_it_has_all_that_a_fleet_has():
    names = [name for name in vars(Fleet) if not name.startswith("_")]
    assert names == ["send", "next", "drop", "close"]
    assert all(callable(getattr(LocalFleet, name)) for name in names)
