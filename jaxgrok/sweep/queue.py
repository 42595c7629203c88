"""The queue protocol: which cells to train, in which order, and which to stop."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from jaxgrok.grid.cells import Cell, Group


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
