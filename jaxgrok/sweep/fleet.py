"""How a coordinator reaches its workers; on one machine, the one in this process.

>>> fleet = LocalFleet(Worker(grid, engines))
>>> while progress := fleet.next(): fleet.send(progress.worker, Assignment(0))
"""

from typing import Protocol

from jaxgrok.sweep.messages import Assignment, Progress
from jaxgrok.sweep.worker import Worker


class Fleet(Protocol):
    """Workers, wherever they are."""

    def send(self, worker: str, assignment: Assignment) -> None:
        """Assign something to an idle worker."""
        ...

    def next(self) -> Progress | None:
        """Wait for a worker's progress; None once no worker has anything to do."""
        ...

    def drop(self, worker: str) -> None:
        """Expect nothing more of a worker."""
        ...

    def close(self) -> None:
        """Let all workers go."""
        ...


class LocalFleet:
    """One worker in this process: it trains while the coordinator waits."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._greeted = False
        self._assignment: Assignment | None = None

    def send(self, worker: str, assignment: Assignment) -> None:
        """Keep the assignment for `next`."""
        self._assignment = assignment

    def next(self) -> Progress | None:
        """Do what was sent, and answer; greet first."""
        if not self._greeted:
            self._greeted = True
            return self._worker.greet()
        assignment, self._assignment = self._assignment, None
        return None if assignment is None else self._worker.do(assignment)

    def drop(self, worker: str) -> None:
        """Forget what was sent."""
        self._assignment = None

    def close(self) -> None:
        """There is nothing to let go."""
