"""How a coordinator reaches its workers, wherever they are.

>>> fleet: Fleet = LocalFleet(worker)
>>> while report := fleet.next(): fleet.send(report.worker, Order(assignments))
"""

from typing import Protocol

from jaxgrok.fleet.messages import Loss, Order, Report


class Fleet(Protocol):
    """Workers, in this process or elsewhere.

    Attributes:
        outlives_workers: whether others may take over from a worker that is lost, or
            that cannot write.
        invitation: the command with which workers join; "" where nobody can.
    """

    outlives_workers: bool
    invitation: str

    def send(self, worker: str, order: Order) -> None:
        """Order something from an idle worker."""
        ...

    def next(self) -> Report | Loss | None:
        """Wait for news, about a second; None where there is none."""
        ...

    def drop(self, worker: str, cause: str) -> None:
        """Expect nothing more of a worker, and tell it why."""
        ...

    def close(self) -> None:
        """Let all workers go."""
        ...
