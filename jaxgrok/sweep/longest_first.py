"""The queue of a plain sweep: every cell of a grid, the longest expected first.

A family is the cells that differ by the seed alone. One cell of each comes before the
second of any with the same budget: it tells how long its siblings may take.

>>> queue = Everything(grid, pace)
>>> cells = queue.take(group, free=4)
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from jaxgrok.engine.pace import Pace
from jaxgrok.grid.cells import Cell, Grid, Group
from jaxgrok.host.durations import TimeLeft
from jaxgrok.sweep.survival import Survival

DOUBT = 0.5
"""By which an estimate from one cell, or one group, may be wrong."""


class _Family:
    """Cells that differ by the seed alone: those that wait, and how long others ran.

    Attributes:
        group: index of their group.
        budget: steps at most.
        weight_decay: of all of them.
        waiting: cells that wait, by their index in the group, in order.
        size: cells in all.
        version: counts the changes.
        ahead: of those waiting, as last counted: steps that siblings say they need,
            budgets as far as siblings say nothing, and whole budgets.
    """

    def __init__(self, group: int, lane: Mapping[str, Any]) -> None:
        self.group = group
        self.budget, self.weight_decay = lane["steps"], lane["weight_decay"]
        self.waiting: dict[int, Cell] = {}
        self.size = self.version = 0
        self.ahead = np.zeros(3)
        self._steps, self._count, self._longest = 0, 0, 0

    def add(self, position: int, cell: Cell) -> None:
        """Let a cell wait that is new."""
        self.waiting[position] = cell
        self.size += 1

    @property
    def mean(self) -> float:
        """Steps that its cells took on average; 0 where none has ended."""
        return self._steps / self._count if self._count else 0.0

    @property
    def trust(self) -> float:
        """How much the mean says of the others, from 0 to 1."""
        return self._count / (self._count + 1)

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

    def learn(self, steps: int) -> None:
        """Learn from a cell that ended after so many steps."""
        self._steps += steps
        self._count += 1
        self._longest = max(self._longest, steps)


_Entry = tuple[float, bool, float, int, int, int, _Family]
"""In a heap: a family's urgency, a number of the entry, the version, the family."""


class Everything:
    """All cells, the longest expected first, none given up.

    For the time left, a cell is expected to take as many steps as its siblings, those
    with other seeds, took on average, and as long as all cells did that ended: the more
    siblings have ended, the less the others count. What a cell costs here does not grow
    with their number.
    """

    stops_cells = False

    def __init__(self, grid: Grid, pace: Pace) -> None:
        self.total: int | None = len(grid.cells)
        self._pace = pace
        # By cell id: its family, and its index in the group.
        self._families: dict[str, tuple[_Family, int]] = {}
        self._open = [len(group.cells) for group in grid.groups]
        self._index = {group: i for i, group in enumerate(grid.groups)}
        # Of each group, its families by urgency. A heap cannot reorder an entry, so
        # a family that changes gets a new one, and the version marks the old ones.
        self._heaps: list[list[_Entry]] = [[] for _ in grid.groups]
        self._entries = itertools.count()
        # By group: the sums of `ahead` over families.
        self._ahead = np.zeros((len(grid.groups), 3))
        self._n_waiting = [0 for _ in grid.groups]
        self._n_over = self._n_ends = 0
        """Cells that are over, and those among them that did not fail."""
        self._groups_seen: set[int] = set()
        """Groups that have any of the latter."""
        self._sizes = [group.setup.train_size for group in grid.groups]
        self._survival = Survival()
        self._ends_early = grid.config["stop"] == "grokked"
        families: dict[tuple[int, tuple[Any, ...]], _Family] = {}
        for index, group in enumerate(grid.groups):
            for position, cell in enumerate(group.cells):
                lane = {k: v for k, v in cell.lane.items() if k != "seed"}
                key = index, tuple(sorted(lane.items()))
                if key not in families:
                    families[key] = _Family(index, lane)
                families[key].add(position, cell)
                self._n_waiting[index] += 1
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
        return self._most_urgent(self._index[group]) is not None

    def work(self, group: Group) -> float:
        """Return the steps that waiting cells may still make, times their examples."""
        index = self._index[group]
        siblings, room, _ = self._ahead[index].tolist()
        return float((siblings + room) * self._sizes[index])

    def backlog(self, group: Group) -> int:
        """Return how many cells of a group wait."""
        return self._n_waiting[self._index[group]]

    def most(self, group: Group) -> int:
        """Return how many cells of a group have not ended."""
        return self._open[self._index[group]]

    def take(self, group: Group, free: int) -> list[Cell]:
        """Hand out the most urgent cells, each once."""
        cells: list[Cell] = []
        index = self._index[group]
        while len(cells) < free and (family := self._most_urgent(index)):
            cells.append(family.waiting.pop(next(iter(family.waiting))))
            self._n_waiting[index] -= 1
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

    def left(self, steps: Mapping[str, int]) -> TimeLeft:
        """Return the seconds to go: what siblings took, and all that ended so far."""
        self._survival.running(self._shares(steps))
        low = high = 0.0
        # Once a group: a large fleet has a hundred thousand busy cells.
        paces = [self._pace.spread(size) for size in self._sizes]
        for group, sums in enumerate(self._ahead):
            fast, slow = paces[group]
            steps_left = self._span(group, 0.0, *sums.tolist())
            low += steps_left[0] * fast
            high += steps_left[1] * slow
        for cell_id, done in steps.items():
            family, position = self._families[cell_id]
            fast, slow = paces[family.group]
            least, most = self._steps_left(family, done)
            if position in family.waiting:
                # It goes on from a shorter budget, and has been counted as a whole.
                whole = self._steps_left(family, 0)
                least, most = least - whole[0], most - whole[1]
            low += least * fast
            high += most * slow
        return TimeLeft(max(low, 0.0), max(high, 0.0))

    def _shares(self, steps: Mapping[str, int]) -> Iterator[float]:
        """Yield what each busy cell has spent of its budget."""
        for cell_id, done in steps.items():
            family, position = self._families[cell_id]
            if position not in family.waiting:
                yield done / family.budget

    def _steps_left(self, family: _Family, done: int) -> tuple[float, float]:
        """Return the steps that a cell has still to make: low, high."""
        sibling_steps = max(family.mean - done, 0.0) * family.trust
        # A cell that outlives its siblings is not like them.
        room = family.budget * (1 - family.trust if done <= family.mean else 1.0)
        share = done / family.budget
        return self._span(
            family.group, share, sibling_steps, room, family.budget - done
        )

    def _span(
        self, group: int, share: float, sibling_steps: float, room: float, most: float
    ) -> tuple[float, float]:
        """Return the steps that cells of a group have still to make: low, high.

        Args:
            group: its index.
            share: of their budgets that they have spent.
            sibling_steps: steps that their siblings say they need.
            room: budgets, as far as siblings say nothing.
            most: steps to the end of their budgets.
        """
        if not self._ends_early:
            return most, most
        # What some cells took says little of others while they are few, and those of
        # other groups, which train on more or fewer examples, may take much longer.
        is_seen = group in self._groups_seen
        n_seen = self._n_ends if is_seen else len(self._groups_seen)
        # Few cells to come are as much a matter of chance as few that were seen.
        n_open = (self.total or 0) - self._n_over
        doubt = DOUBT * (1 / max(n_seen, 1) + 1 / max(n_open, 1)) ** 0.5
        low, high = self._survival.remaining(share)
        least = (sibling_steps + low * room) * (1 - doubt)
        return least, min((sibling_steps + high * room) * (1 + doubt), most)

    def _start(self, cell_id: str) -> _Family:
        """Let a cell wait no longer."""
        family, position = self._families[cell_id]
        if family.waiting.pop(position, None):
            self._n_waiting[family.group] -= 1
            self._requeue(family)
        return family

    def _end(self, cell_id: str, row: Mapping[str, Any]) -> None:
        family = self._start(cell_id)
        if row["status"] != "failed":
            family.learn(row["steps"])
            self._survival.ended(row["steps"] / family.budget)
            self._n_ends += 1
            self._groups_seen.add(family.group)
        self._n_over += 1
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
        n_waiting = len(family.waiting)
        total = np.array(
            [
                family.mean * family.trust * n_waiting,
                family.budget * (1 - family.trust) * n_waiting,
                family.budget * n_waiting,
            ]
        )
        self._ahead[family.group] += total - family.ahead
        family.ahead = total
        family.version += 1
        if family.waiting:
            # A number of its own in each entry: families have no order themselves.
            entry = (*family.urgency, next(self._entries), family.version, family)
            heapq.heappush(self._heaps[family.group], entry)
