"""What a run trains next: every cell of a grid, the longest expected first.

Owns the order of cells. A search (`jaxgrok.crossover`) has another `Queue`. Trains
nothing.

    >>> queue = Everything(grid, pace)
    >>> cells = queue.take(group, free=4)
"""

import heapq
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from jaxgrok.engine.pace import Pace
from jaxgrok.grid.cells import Cell, Grid, Group


class _Family:
    """Cells that differ by the seed alone: those that wait, and how long others ran."""

    def __init__(self, place: int, size: int, lane: Mapping[str, Any]) -> None:
        self.place, self.size = place, size
        self.budget, self.weight_decay = lane["steps"], lane["weight_decay"]
        self.waiting: dict[int, Cell] = {}
        """By their index in the group, in order."""
        self.version = 0
        """Counts the changes, to tell an entry of the heap that is out of date."""
        self.ahead = 0.0
        """Steps that those waiting should need."""
        self._ran, self._count = 0, 0

    @property
    def expected(self) -> float:
        """Steps a cell should need: its siblings' mean, or its budget."""
        return self._ran / self._count if self._count else self.budget

    @property
    def urgency(self) -> tuple[float, float, int]:
        """Least first. Equal expectations: a weak decay usually takes longer."""
        return -self.expected, self.weight_decay, next(iter(self.waiting))

    def learn(self, row: Mapping[str, Any]) -> None:
        if row["status"] != "failed":
            self._ran += row["steps"]
            self._count += 1


class Everything:
    """A sweep's queue: all cells, the longest expected first, none given up.

    A cell is expected to take as many steps as its siblings, those with other seeds,
    took on average; its budget where none has ended. What a cell costs here does not
    grow with their number.
    """

    def __init__(self, grid: Grid, pace: Pace) -> None:
        self.total: int | None = len(grid.cells)
        self._pace = pace
        self._family: dict[str, tuple[_Family, int]] = {}
        self._open = [len(group.cells) for group in grid.groups]
        self._place = {group.setup: i for i, group in enumerate(grid.groups)}
        # Of each group, a heap of families by urgency; out-of-date entries are skipped.
        self._heaps: list[list[tuple[Any, ...]]] = [[] for _ in grid.groups]
        self._entries = itertools.count()
        self._ahead: dict[int, float] = {}
        """Steps that waiting cells should need, by train size."""
        families: dict[Any, _Family] = {}
        for place, group in enumerate(grid.groups):
            for index, cell in enumerate(group.cells):
                settings = sorted(
                    item for item in cell.lane.items() if item[0] != "seed"
                )
                key = place, tuple(settings)
                if key not in families:
                    families[key] = _Family(place, group.setup.train_size, cell.lane)
                families[key].waiting[index] = cell
                self._family[cell.id] = families[key], index
        for family in families.values():
            self._changed(family)

    def known(self, rows: Iterable[Mapping[str, Any]]) -> set[str]:
        """All but those that a search stopped, which are trained in full here."""
        done = {row["id"]: row for row in rows if row["status"] != "stopped"}
        for name, row in done.items():
            self._ended(name, row)
        return set(done)

    def most(self, group: Group) -> int:
        return self._open[self._place[group.setup]]

    def take(self, group: Group, free: int) -> list[Cell]:
        heap = self._heaps[self._place[group.setup]]
        taken: list[Cell] = []
        while heap and len(taken) < free:
            *_, version, family = heap[0]
            if version != family.version:
                heapq.heappop(heap)
                continue
            taken.append(family.waiting.pop(next(iter(family.waiting))))
            self._changed(family)
        return taken

    def resumed(self, cell: Cell) -> None:
        self._start(cell.id)

    def ended(self, cell: Cell, row: Mapping[str, Any]) -> None:
        self._ended(cell.id, row)

    def needless(self, steps: Mapping[str, int]) -> dict[str, str]:
        return {}

    def left(self, made: Mapping[str, int]) -> float:
        """Seconds to go; a cell that outlives its siblings gets a tenth more."""
        ahead = dict(self._ahead)
        for name, steps in made.items():
            family, _ = self._family[name]
            whole = min(max(family.expected, 1.1 * steps), family.budget)
            ahead[family.size] += max(whole - steps, 0)
        return sum(n * self._pace.seconds(size) for size, n in ahead.items())

    def _start(self, name: str) -> _Family:
        """A cell waits no longer."""
        family, index = self._family[name]
        if family.waiting.pop(index, None):
            self._changed(family)
        return family

    def _ended(self, name: str, row: Mapping[str, Any]) -> None:
        family = self._start(name)
        family.learn(row)
        self._open[family.place] -= 1
        self._changed(family)

    def _changed(self, family: _Family) -> None:
        """Put a family where it now belongs."""
        ahead = family.expected * len(family.waiting)
        before = self._ahead.get(family.size, 0.0)
        self._ahead[family.size] = before + ahead - family.ahead
        family.ahead = ahead
        family.version += 1
        if family.waiting:
            # A number of its own in each entry: families have no order themselves.
            entry = (*family.urgency, next(self._entries), family.version, family)
            heapq.heappush(self._heaps[family.place], entry)
