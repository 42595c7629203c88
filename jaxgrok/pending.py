"""What a run trains next: every cell of a grid, the longest expected first.

Owns the order of cells. A search (`jaxgrok.crossover`) has another `Queue`. Trains
nothing.

    >>> queue = Everything(grid, pace)
    >>> cells = queue.take(group, free=4)
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from jaxgrok.grid import Cell, Grid, Group
from jaxgrok.plan import Pace


class Queue(Protocol):
    """Which cells to train, in which order, and which to give up.

    `total` is how many results there will be in all, None where that is not known.
    """

    total: int | None

    def known(self, rows: Iterable[Mapping[str, Any]]) -> set[str]:
        """Take note of what there is, rows of cells.csv; the ids of what stands."""
        ...

    def most(self, group: Group) -> int:
        """How many cells of a group may still be asked for."""
        ...

    def take(self, group: Group, free: int) -> list[Cell]:
        """Cells to start in so many free lanes, each cell once."""
        ...

    def resumed(self, cell: Cell) -> None:
        """A cell is busy that was not taken here, but before a pause."""
        ...

    def ended(self, cell: Cell, row: Mapping[str, Any]) -> None:
        """A cell has ended; `row` is its line in cells.csv."""
        ...

    def needless(self, steps: Mapping[str, int]) -> dict[str, str]:
        """Of the busy cells and the steps they made: which to stop, and why."""
        ...

    def left(self, made: Mapping[str, int]) -> float | None:
        """Seconds to go, given the steps that busy cells have made; None: unknown."""
        ...


class Everything:
    """A sweep's queue: all cells, the longest expected first, none given up."""

    def __init__(self, grid: Grid, pace: Pace) -> None:
        self.total: int | None = len(grid.cells)
        self._pace = pace
        self._open = {cell.id: cell for cell in grid.cells}
        self._waiting = dict(self._open)

    def known(self, rows: Iterable[Mapping[str, Any]]) -> set[str]:
        """All but those that a search stopped, which are trained in full here."""
        done = {row["id"] for row in rows if row["status"] != "stopped"}
        for name in done:
            del self._open[name], self._waiting[name]
        return done

    def most(self, group: Group) -> int:
        return sum(cell.id in self._open for cell in group.cells)

    def take(self, group: Group, free: int) -> list[Cell]:
        waiting = [cell for cell in group.cells if cell.id in self._waiting]
        # Equal expectations: the weaker the decay, the longer it usually takes.
        waiting.sort(
            key=lambda c: (-self._pace.expected(c), c.lane["weight_decay"]),
        )
        for cell in waiting[:free]:
            del self._waiting[cell.id]
        return waiting[:free]

    def resumed(self, cell: Cell) -> None:
        del self._waiting[cell.id]

    def ended(self, cell: Cell, row: Mapping[str, Any]) -> None:
        del self._open[cell.id]
        self._waiting.pop(cell.id, None)

    def needless(self, steps: Mapping[str, int]) -> dict[str, str]:
        return {}

    def left(self, made: Mapping[str, int]) -> float:
        return self._pace.left(self._open.values(), made)
