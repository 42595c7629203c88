"""The queue protocol: which cells to train, in which order, and which to stop.

>>> queue: Queue = Everything(grid, pace)
>>> cells = queue.take(group, free=4)
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from jaxgrok.grid.cells import Cell, Group
from jaxgrok.host.durations import TimeLeft


class Queue(Protocol):
    """Which cells to train, in which order, and which to stop.

    Attributes:
        total: how many results there will be in all, None where that is not known.
        stops_cells: whether busy cells may become needless; it is asked at every
            evaluation then.
    """

    total: int | None
    stops_cells: bool

    def known(self, rows: Iterable[Mapping[str, Any]]) -> set[str]:
        """Take note of results, rows of cells.csv; return the ids of those to keep."""
        ...

    def waiting(self, group: Group) -> bool:
        """Whether `take` would hand out a cell of a group now."""
        ...

    def work(self, group: Group) -> float:
        """Return how long the waiting cells of a group may take, in any unit."""
        ...

    def backlog(self, group: Group) -> int:
        """How many cells of a group wait; 0 where what it wants may change."""
        ...

    def most(self, group: Group) -> int:
        """How many cells of a group may still need a lane, busy ones included."""
        ...

    def take(self, group: Group, free: int) -> list[Cell]:
        """Hand out cells to start in so many free lanes, each cell once."""
        ...

    def resumed(self, cell: Cell) -> None:
        """Take note that a cell goes on that was started before a pause."""
        ...

    def ended(self, cell: Cell, row: Mapping[str, Any]) -> None:
        """Take note that a cell has ended; `row` is its line in cells.csv."""
        ...

    def needless(self, steps: Mapping[str, int]) -> dict[str, str]:
        """Return which busy cells to stop, and why, from the steps that each made."""
        ...

    def left(self, steps: Mapping[str, int]) -> TimeLeft | None:
        """Return the time to go, from the steps that busy cells made; or None."""
        ...
