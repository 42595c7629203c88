"""The fleet of a single machine: the worker in this process.

>>> fleet = LocalFleet(Worker(grid, [engines], run_dir))
>>> while report := fleet.next(): fleet.send(report.worker, Order(assignments))
"""

from jaxgrok.fleet.messages import Order, Report
from jaxgrok.fleet.worker import Worker


class LocalFleet:
    """One worker in this process: it trains while the coordinator waits."""

    outlives_workers = False
    invitation = ""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._greeted = False
        self._order: Order | None = None
        self._failure: Exception | None = None

    def send(self, worker: str, order: Order) -> None:
        """Keep the order for `next`."""
        self._order = order

    def next(self) -> Report | None:
        """Do what was sent, and answer; greet first.

        A worker that failed answers no more, as nobody knows what is in its memory:
        its error is raised again.
        """
        if self._failure:
            raise self._failure
        if not self._greeted:
            self._greeted = True
            return self._worker.greet()
        order, self._order = self._order, None
        try:
            return None if order is None else self._worker.do(order)
        except Exception as error:
            self._failure = error
            raise

    def drop(self, worker: str, cause: str) -> None:
        """Forget what was sent."""
        self._order = None

    def close(self) -> None:
        """Wait for what the worker writes."""
        self._worker.close()
