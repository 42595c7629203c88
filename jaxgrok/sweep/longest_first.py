"""The queue of a plain sweep: every cell of a grid, the longest expected first.

A family is the cells that differ by the seed alone. One cell of each comes before the
second of any with the same budget: it tells how long its siblings may take.

>>> queue = Everything(grid, pace)
>>> cells = queue.take(group, free=4)
"""

import heapq
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from jaxgrok.engine.pace import Pace
from jaxgrok.grid.cells import Cell, Grid, Group

OVERRUN = 1.1
"""A cell that outlives its siblings is expected to take this multiple of its steps."""


class _Family:
    """Cells that differ by the seed alone: those that wait, and how long others ran.

    Attributes:
        group: index of their group.
        train_size: padded size of their training sets.
        budget: steps at most.
        weight_decay: of all of them.
        waiting: cells that wait, by their index in the group, in order.
        size: cells in all.
        version: counts the changes.
        steps_ahead: steps that those waiting should need, as last counted.
    """

    def __init__(self, group: int, train_size: int, lane: Mapping[str, Any]) -> None:
        self.group, self.train_size = group, train_size
        self.budget, self.weight_decay = lane["steps"], lane["weight_decay"]
        self.waiting: dict[int, Cell] = {}
        self.size = self.version = 0
        self.steps_ahead = 0.0
        self._steps, self._count, self._longest = 0, 0, 0

    def add(self, position: int, cell: Cell) -> None:
        """Let a cell wait that is new."""
        self.waiting[position] = cell
        self.size += 1

    @property
    def expected(self) -> float:
        """Steps a cell should need: its siblings' mean, or its budget."""
        return self._steps / self._count if self._count else self.budget

    @property
    def urgency(self) -> tuple[float, bool, float, int]:
        """Least first: by the longest sibling, or by the budget where none has ended.

        A cell that starts last and is long leaves the other lanes idle; so the longest
        sibling counts, not the mean. Of equals, families that none was taken of come
        first, then those with a weak decay, which usually take longer.
        """
        longest = self._longest if self._count else self.budget
        is_begun = len(self.waiting) < self.size
        return -longest, is_begun, self.weight_decay, next(iter(self.waiting))

    def learn(self, row: Mapping[str, Any]) -> None:
        """Learn from a cell that ended."""
        if row["status"] != "failed":
            self._steps += row["steps"]
            self._count += 1
            self._longest = max(self._longest, row["steps"])


_Entry = tuple[float, bool, float, int, int, int, _Family]
"""In a heap: a family's urgency, a number of the entry, the version, the family."""


class Everything:
    """All cells, the longest expected first, none given up.

    For the time left, a cell is expected to take as many steps as its siblings, those
    with other seeds, took on average; its budget where none has ended. What a cell
    costs here does not grow with their number.
    """

    stops_cells = False

    def __init__(self, grid: Grid, pace: Pace) -> None:
        self.total: int | None = len(grid.cells)
        self._pace = pace
        # By cell id: its family, and its index in the group.
        self._families: dict[str, tuple[_Family, int]] = {}
        self._open = [len(group.cells) for group in grid.groups]
        self._index = {group.setup: i for i, group in enumerate(grid.groups)}
        # Of each group, its families by urgency. A heap cannot reorder an entry, so
        # a family that changes gets a new one, and the version marks the old ones.
        self._heaps: list[list[_Entry]] = [[] for _ in grid.groups]
        self._entries = itertools.count()
        self._steps_ahead: dict[int, float] = {}
        """Steps that waiting cells should need, by train size."""
        families: dict[tuple[int, tuple[Any, ...]], _Family] = {}
        for index, group in enumerate(grid.groups):
            for position, cell in enumerate(group.cells):
                lane = {k: v for k, v in cell.lane.items() if k != "seed"}
                key = index, tuple(sorted(lane.items()))
                if key not in families:
                    families[key] = _Family(index, group.setup.train_size, lane)
                families[key].add(position, cell)
                self._families[cell.id] = families[key], position
        for family in families.values():
            self._requeue(family)

    def known(self, rows: Iterable[Mapping[str, Any]]) -> set[str]:
        """Keep all but those that a search stopped, which are trained in full here."""
        ids = set()
        for row in rows:
            if row["status"] != "stopped":
                self._end(row["id"], row)
                ids.add(row["id"])
        return ids

    def waiting(self, group: Group) -> bool:
        """Whether any cell of a group waits."""
        return self._most_urgent(self._index[group.setup]) is not None

    def most(self, group: Group) -> int:
        """Return how many cells of a group have not ended."""
        return self._open[self._index[group.setup]]

    def take(self, group: Group, free: int) -> list[Cell]:
        """Hand out the most urgent cells, each once."""
        cells: list[Cell] = []
        index = self._index[group.setup]
        while len(cells) < free and (family := self._most_urgent(index)):
            cells.append(family.waiting.pop(next(iter(family.waiting))))
            self._requeue(family)
        return cells

    def resumed(self, cell: Cell) -> None:
        """Let a cell wait no longer."""
        self._start(cell.id)

    def ended(self, cell: Cell, row: Mapping[str, Any]) -> None:
        """Expect of the siblings what it took."""
        self._end(cell.id, row)

    def needless(self, steps: Mapping[str, int]) -> dict[str, str]:
        """Return no cell: all are trained to their end."""
        return {}

    def left(self, steps: Mapping[str, int]) -> float:
        """Return the seconds to go."""
        totals = dict(self._steps_ahead)
        for cell_id, done in steps.items():
            family, position = self._families[cell_id]
            if position in family.waiting:
                # It goes on from a shorter budget, and has been counted as a whole.
                totals[family.train_size] -= min(done, family.expected)
                continue
            # A cell past its siblings' mean has shown that it takes longer.
            total = min(max(family.expected, OVERRUN * done), family.budget)
            # Every family was queued once, so its train size has an entry.
            totals[family.train_size] += max(total - done, 0)
        return sum(n * self._pace.seconds(size) for size, n in totals.items())

    def _start(self, cell_id: str) -> _Family:
        """Let a cell wait no longer."""
        family, position = self._families[cell_id]
        if family.waiting.pop(position, None):
            self._requeue(family)
        return family

    def _end(self, cell_id: str, row: Mapping[str, Any]) -> None:
        family = self._start(cell_id)
        family.learn(row)
        self._open[family.group] -= 1
        # Its siblings are expected to take as long, so the whole family moves.
        self._requeue(family)

    def _most_urgent(self, index: int) -> _Family | None:
        """Return the first family of a group that waits, dropping stale entries."""
        heap = self._heaps[index]
        while heap:
            *_, version, family = heap[0]
            if version == family.version:
                return family
            heapq.heappop(heap)
        return None

    def _requeue(self, family: _Family) -> None:
        """Put a family that changed where it now belongs."""
        total = family.expected * len(family.waiting)
        before = self._steps_ahead.get(family.train_size, 0.0)
        self._steps_ahead[family.train_size] = before + total - family.steps_ahead
        family.steps_ahead = total
        family.version += 1
        if family.waiting:
            # A number of its own in each entry: families have no order themselves.
            entry = (*family.urgency, next(self._entries), family.version, family)
            heapq.heappush(self._heaps[family.group], entry)
