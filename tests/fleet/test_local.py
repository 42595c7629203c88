"""A fleet greets, hands over what it was sent, and ends once nothing is to do."""

import pytest

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.local import LocalFleet
from jaxgrok.fleet.messages import Assignment, Order, Progress, Report


class Worker:
    """Answers at once, and remembers what it was ordered."""

    greeting = Report("a", Platform("cpu", "cpu", 1), {0: Progress()})

    def __init__(self):
        self.orders, self.is_closed = [], False

    def greet(self):
        return self.greeting

    def do(self, order):
        self.orders.append(order)
        return self.greeting._replace(seats={0: Progress(len(self.orders))})

    def close(self):
        self.is_closed = True


@pytest.fixture
def worker():
    return Worker()


def test_a_local_fleet_greets_answers_and_then_has_nothing_to_do(worker):
    fleet = LocalFleet(worker)
    greeting = fleet.next()
    assert (greeting, worker.orders) == (worker.greeting, [])
    orders = [Order({0: Assignment(group, n_cells=3)}) for group in (0, 1)]
    for count, order in enumerate(orders, 1):
        fleet.send(greeting.worker, order)
        assert fleet.next().seats == {0: Progress(count)}
    assert fleet.next() is None
    assert worker.orders == orders


def test_a_worker_that_was_dropped_does_nothing_more(worker):
    fleet = LocalFleet(worker)
    greeting = fleet.next()
    fleet.send(greeting.worker, Order({0: Assignment(0)}))
    fleet.drop(greeting.worker, "for a test")
    assert fleet.next() is None
    fleet.close()
    assert worker.orders == []


def test_a_worker_trains_only_while_its_progress_is_waited_for(worker):
    fleet = LocalFleet(worker)
    fleet.send(fleet.next().worker, Order({0: Assignment(0)}))
    assert worker.orders == []


def test_it_waits_for_what_its_worker_writes(worker):
    fleet = LocalFleet(worker)
    assert not (worker.is_closed or fleet.outlives_workers)
    fleet.close()
    assert worker.is_closed


def test_a_worker_that_failed_does_nothing_more(worker, monkeypatch):
    def fails(order):
        worker.orders.append(order)
        raise MemoryError("no more")

    fleet = LocalFleet(worker)
    name = fleet.next().worker
    monkeypatch.setattr(worker, "do", fails)
    for _ in range(2):
        fleet.send(name, Order({}, save=True))
        with pytest.raises(MemoryError, match="no more"):
            fleet.next()
    assert len(worker.orders) == 1
