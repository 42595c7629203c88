"""Deals cells to seats: which group a seat trains, and which cells it starts.

>>> dealer = Dealer(grid, queue, archive.place_of)
>>> assignment = dealer.go_on(progress, seconds=1.0)
"""

from collections import Counter
from collections.abc import Callable, Mapping

from jaxgrok.fleet.messages import Assignment, Progress
from jaxgrok.grid.cells import Grid
from jaxgrok.results.files.saved_lanes import LanePlace
from jaxgrok.sweep.members import Member
from jaxgrok.sweep.queue import Queue

SPARE_SHARE = 8
"""Of the cells that wait, one in so many is dealt before there is a lane for it."""
MOST_FAILURES = 3
"""Workers that fail to train a group before it is given up."""


class Dealer:
    """What waits, and who is to train it.

    Args:
        grid: all cells.
        queue: which of them to train.
        place_of: where a cell starts that is new, or that was lost; None for anew.
    """

    def __init__(
        self, grid: Grid, queue: Queue, place_of: Callable[[str], LanePlace | None]
    ) -> None:
        self._grid, self._queue, self._place_of = grid, queue, place_of
        self._group_of = {
            cell.id: index
            for index, group in enumerate(grid.groups)
            for cell in group.cells
        }
        # By group: cells that were started, and that nobody holds.
        self._paused: list[dict[str, LanePlace | None]] = [{} for _ in grid.groups]
        self._failures: dict[int, dict[str, str]] = {}
        """Group → the workers that could not train it, and why."""
        self._given_up: set[int] = set()
        self._stops: dict[str, str] = {}
        """Cells to stop once their seats can, and why."""
        self._stopping: dict[str, str] = {}
        """Cells whose seats were told to stop them, and why."""
        self._again: set[str] = set()
        """Those of them that the queue has asked for since."""
        self._started: dict[str, int] = {}

    def pause(self, cell_id: str, place: LanePlace | None) -> None:
        """Let a cell that was started wait for another lane, before all new ones."""
        self._paused[self._group_of[cell_id]][cell_id] = place
        # The seat that was to stop it is gone. It is stopped where it goes on.
        if cause := self._stopping.pop(cell_id, None):
            if cell_id not in self._again:
                self._stops[cell_id] = cause
            self._again.discard(cell_id)

    def ended(self, cell_id: str) -> None:
        """Take note that a cell has its result."""
        self._stops.pop(cell_id, None)
        self._stopping.pop(cell_id, None)
        paused = self._paused[self._group_of[cell_id]]
        paused.pop(cell_id, None)
        if cell_id in self._again:
            self._again.discard(cell_id)
            paused[cell_id] = self._place_of(cell_id)

    def fail(self, index: int, worker: str, cause: str) -> None:
        """Take note that a worker could not train a group."""
        self._failures.setdefault(index, {})[worker] = cause

    def hopeless(self, members: Mapping[str, Member]) -> dict[int, str]:
        """Return the groups that wait and that nobody may train, and why."""
        causes = {}
        for index, failures in self._failures.items():
            # With no member at all, others may come.
            nobody = members and members.keys() <= failures.keys()
            is_over = index in self._given_up or len(failures) >= MOST_FAILURES
            if self.waits(index) and (nobody or is_over):
                *_, causes[index] = failures.values()
        return causes

    def give_up(self, index: int) -> None:
        """Deal no cells of a group any more; what is paused there is to fail."""
        self._given_up.add(index)

    def take_started(self) -> dict[str, int]:
        """Return the cells that were dealt since the last call, with their steps."""
        started, self._started = self._started, {}
        return started

    def waits(self, index: int) -> bool:
        """Tell whether a group has a cell that nobody holds and that is wanted."""
        if self._paused[index]:
            return True
        group = self._grid.groups[index]
        return index not in self._given_up and self._queue.waiting(group)

    def waiting(self) -> list[int]:
        """Return the groups that wait."""
        return [index for index in range(len(self._grid.groups)) if self.waits(index)]

    def stop_needless(self, steps: Mapping[str, int]) -> None:
        """Ask the queue which busy cells to stop, from the steps that each made."""
        # It asks once: a cell is stopped when its seat is next between chunks.
        for cell_id, cause in self._queue.needless(steps).items():
            if cell_id in self._stopping:
                self._again.discard(cell_id)
            else:
                self._stops[cell_id] = cause

    def go_on(
        self, progress: Progress, seconds: float, *, seats: int = 0
    ) -> Assignment | None:
        """Stop what is needless, fill free lanes and train; None at a group's end.

        Args:
            progress: of the seat, which has a group.
            seconds: how long to train.
            seats: how many seats are at its group, where they are elsewhere. They get
                more cells than they have lanes, and need not ask for each.
        """
        assert progress.group is not None
        start: dict[str, LanePlace | None] = {}
        stop: dict[str, str] = {}
        if progress.between_chunks:
            for cell_id in progress.busy.keys() & self._stops.keys():
                stop[cell_id] = self._stopping[cell_id] = self._stops.pop(cell_id)
            # Lanes of the cells to stop are free for others in the same assignment.
            idle = len(stop) == len(progress.busy)
            free = progress.free + len(stop)
            spare = self._spare(progress, seats) if seats else 0
            start = self._starts(progress.group, max(free, 0), spare, idle=idle)
        if not start and not progress.busy and progress.free >= progress.lanes:
            return None
        return Assignment(
            progress.group,
            start=start,
            stop=stop,
            seconds=seconds,
            every_evaluation=self._queue.stops_cells,
            stays=bool(seats) and not self._queue.stops_cells,
        )

    def _spare(self, progress: Progress, seats: int) -> int:
        """Return how many cells a seat may have in addition to those in its lanes.

        The fewer are left, the fewer: what waits at one seat, no other can train.
        """
        assert progress.group is not None
        backlog = self._queue.backlog(self._grid.groups[progress.group])
        most = min(progress.lanes // 4, backlog // (SPARE_SHARE * seats))
        waiting = max(-progress.free, 0)
        return max(most - waiting, 0)

    def opening(self, progress: Progress, seconds: float) -> Assignment:
        """Let a seat go on with the group that it is opening, for so many seconds."""
        assert progress.group is not None
        group = self._grid.groups[progress.group]
        most = self._queue.most(group)
        return Assignment(progress.group, n_cells=most, seconds=seconds)

    def open(
        self, worker: str, seats: Counter[int], opening: set[int]
    ) -> Assignment | None:
        """Choose the next group of a seat; None where no group waits for it.

        Args:
            worker: whose seat it is.
            seats: how many seats are at each group.
            opening: groups whose program is being compiled; other seats take other
                groups meanwhile, and find it in the cache later.
        """
        groups = [
            index
            for index in self.waiting()
            if worker not in self._failures.get(index, ())
        ]
        if not groups:
            return None

        def urgency(index: int) -> tuple[bool, bool, float]:
            work = self._queue.work(self._grid.groups[index])
            paused = bool(self._paused[index])
            return index not in opening, paused, work / (1 + seats[index])

        best = max(groups, key=urgency)
        return Assignment(best, n_cells=self._queue.most(self._grid.groups[best]))

    def _starts(
        self, index: int, free: int, spare: int, *, idle: bool
    ) -> dict[str, LanePlace | None]:
        """Choose cells for free lanes: paused ones, then what the queue hands out."""
        start: dict[str, LanePlace | None] = {}
        paused, group = self._paused[index], self._grid.groups[index]
        # A lane that was saved inside a chunk fits beside others of its offset alone.
        offset = _offset(next(iter(paused.values()))) if paused and idle else 0
        for cell_id, place in list(paused.items()):
            if len(start) < free and _offset(place) == offset:
                start[cell_id] = paused.pop(cell_id)
        if not offset:
            for cell in self._queue.take(group, free + spare - len(start)):
                if self.is_new(cell.id):
                    start[cell.id] = self._place_of(cell.id)
        for cell_id, place in start.items():
            self._started[cell_id] = place.step if place else 0
        return start

    def is_new(self, cell_id: str) -> bool:
        """Tell whether nobody holds a cell that the queue hands out.

        A search may ask again for a cell that it wanted to be stopped.
        """
        if cell_id in self._stopping:
            self._again.add(cell_id)
            return False
        return self._stops.pop(cell_id, None) is None


def _offset(place: LanePlace | None) -> int:
    """Return the steps that a lane has made since its last evaluation."""
    return place.offset if place else 0
