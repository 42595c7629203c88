"""Decides what is trained next, and keeps the results.

The only caller of the queue and of the archive.

    >>> coordinator = Coordinator(grid, Archive(grid, directory), fleet, Everything)
    >>> finished = coordinator.train(threading.Event())
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from jaxgrok.engine.pace import Pace
from jaxgrok.grid.cells import Cell, Grid, Group
from jaxgrok.host.durations import TimeLeft
from jaxgrok.results.files.resume import SavedLane
from jaxgrok.results.files.shards import Result
from jaxgrok.results.finished_cell import FinishedCell, OnCell, hand_over
from jaxgrok.results.rows import CellRow
from jaxgrok.sweep import failures
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.chores import Chores
from jaxgrok.sweep.display import Display
from jaxgrok.sweep.fleet import Fleet
from jaxgrok.sweep.messages import Assignment, Progress
from jaxgrok.sweep.openings import Openings
from jaxgrok.sweep.queue import Queue

ANSWER_SECONDS = 1.0
"""Target seconds per dispatch; bounds how long Ctrl-C takes to be noticed."""


class Coordinator:
    """One run: its queue, its results so far, and its periodic jobs.

    Args:
        grid: what to train.
        archive: where results go, or are from: it goes on where it was.
        fleet: the workers.
        queue: makes the queue of cells.
        quiet: print nothing.
        on_cell: called with every cell that ends.
    """

    def __init__(
        self,
        grid: Grid,
        archive: Archive,
        fleet: Fleet,
        queue: Callable[[Grid, Pace], Queue],
        *,
        quiet: bool = False,
        on_cell: OnCell | None = None,
    ) -> None:
        self.grid, self.archive, self.fleet = grid, archive, fleet
        self.on_cell = on_cell
        self.ledger = archive.ledger
        self.cells = {cell.id: cell for cell in grid.cells}
        self.pace = Pace()
        self.queue = queue(grid, self.pace)
        # Whether a stopped cell is trained on depends on the queue.
        self.ledger.stand(self.queue.known(archive.standing_rows()))
        rows = [row for row in self.ledger.rows() if row["id"] in self.ledger]
        self.display = Display(grid, self.queue.total, rows, archive.path, quiet=quiet)
        self.chores = Chores()
        self.steps: dict[str, int] = {}
        """Steps made by each cell that was started and has not ended."""
        self.paused: dict[str, SavedLane] = {}
        """Those of them that no worker holds: saved when the run was last left."""
        self.continued: dict[str, int] = {}
        """Steps from which cells go on that wait; they had a shorter budget."""
        self.groups: Iterator[int] = iter(())
        """Groups that no worker has begun."""
        self.openings = Openings()

    def train(self, stop: threading.Event) -> bool:
        """Train until every cell has its result, or `stop` is set; all is saved then.

        Returns:
            Whether every cell has its result.

        Raises:
            OSError: the run directory cannot be written; what fits is saved.
        """
        # Before the first shard: results without a manifest could not be read.
        self.archive.write_manifest()
        self._resume()
        self.groups = iter(self._order())
        with self.display, self.archive:
            for line in (*self.archive.notes, *self.grid.warnings()):
                self.display.say(line)
            self.display.write_status()
            while progress := self.fleet.next():
                self.openings.end(progress)
                try:
                    self._take_in(progress)
                    if stop.is_set():
                        self._pause(progress)
                        return False
                    self._run_chores(progress)
                    assignment = self._assign(progress)
                except Exception:
                    # A full disk has room for results; or the user's callback failed.
                    self._pause(progress)
                    raise
                if assignment:
                    self.openings.begin(progress, assignment)
                    self.fleet.send(progress.worker, assignment)
            self.archive.flush()
            self.archive.end()
        return True

    def _order(self) -> list[int]:
        """Return the groups that were cut off, then the others, in the grid's order."""
        groups = self.grid.groups
        # False sorts before True, and `sorted` keeps the order of equals.
        return sorted(range(len(groups)), key=lambda i: not self._paused_in(groups[i]))

    def _assign(self, progress: Progress) -> Assignment | None:
        """Go on with a worker's group, or open another; None if there is none."""
        if progress.group is not None and not progress.failure:
            if assignment := self._go_on(progress.group, progress):
                return assignment
            # The group is over; what it cost is written once, not at every dispatch.
            self.archive.write_manifest()
        for index in self.groups:
            group = self.grid.groups[index]
            if self.queue.waiting(group) or self._paused_in(group):
                return Assignment(index, n_cells=self.queue.most(group))
        return None

    def _go_on(self, index: int, progress: Progress) -> Assignment | None:
        """Stop what is needless, fill free lanes and train; None at a group's end."""
        start: dict[str, SavedLane | None] = {}
        stop: Mapping[str, str] = {}
        if progress.between_chunks:
            group = self.grid.groups[index]
            stop = self.queue.needless(progress.busy)
            # Lanes of the cells to stop are free for others in the same assignment.
            idle = len(stop) == len(progress.busy)
            start = self._starts(group, progress.free + len(stop), idle=idle)
        if not start and not progress.busy:
            return None
        return Assignment(
            index,
            start=start,
            stop=stop,
            seconds=ANSWER_SECONDS,
            every_evaluation=self.queue.stops_cells,
            save=self.chores.is_due("save"),
            keep_final=self.archive.keeps_final,
        )

    def _starts(
        self, group: Group, free: int, *, idle: bool
    ) -> dict[str, SavedLane | None]:
        """Choose cells for free lanes: paused ones, then what the queue hands out."""
        start: dict[str, SavedLane | None] = {}
        paused = self._paused_in(group)
        # A lane that was saved inside a chunk fits beside others of its offset alone.
        offset = self.paused[paused[0]].state.offset if paused and idle else 0
        for cell_id in paused:
            if len(start) < free and self.paused[cell_id].state.offset == offset:
                start[cell_id] = self.paused.pop(cell_id)
        if not offset:
            for cell in self.queue.take(group, free - len(start)):
                start[cell.id] = lane = self.archive.starting_lane(cell.id)
                every = self.grid.config["eval_every"]
                self.steps[cell.id] = lane.step(every) if lane else 0
        return start

    def _paused_in(self, group: Group) -> list[str]:
        """Return the paused cells of a group."""
        if not self.paused:
            return []
        return [cell.id for cell in group.cells if cell.id in self.paused]

    def _learn(self, progress: Progress) -> None:
        """Learn from a dispatch how long things take."""
        dispatch = progress.dispatch
        if progress.group is None or not dispatch.steps:
            return
        size = self.grid.groups[progress.group].setup.train_size
        self.pace.learn(
            size,
            steps=dispatch.steps,
            lane_steps=dispatch.lane_steps,
            seconds=dispatch.seconds,
        )
        self.archive.count(dispatch)

    def _take_in(self, progress: Progress) -> None:
        """Learn from a worker's progress, and keep what it hands over."""
        # The pace first: `_collect` shows the time left, which needs it.
        self._learn(progress)
        self._collect(progress)

    def _collect(self, progress: Progress) -> None:
        """Keep what a worker hands over."""
        # Results first: a full disk can refuse a snapshot.
        done = len(self.ledger)
        rows = self._add(progress.results)
        for snapshot in progress.snapshots:
            self.archive.keep(snapshot, progress.shapes)
        for cell_id, lane in progress.final.items():
            self.archive.keep_final(cell_id, lane)
        for cell_id, steps in progress.busy.items():
            self.steps[cell_id] = steps
            # A cell that was stopped may be wanted again: its old result is void.
            self.ledger.reopen(cell_id)
        if progress.failure and progress.group is not None:
            self._fail(self.grid.groups[progress.group], progress.failure)
        # Last: what it raises must not cost what the worker handed over.
        for row, result in zip(rows, progress.results, strict=True):
            done += 1  # those that end together are counted one after another
            self._call_back(row, result, done)

    def _call_back(self, row: CellRow, result: Result, done: int) -> None:
        """Hand a cell that has ended to the user's callback."""
        if self.on_cell is not None:
            cell = FinishedCell(row, result, done, self.queue.total)
            hand_over(cell, self.on_cell)

    def _add(self, results: Iterable[Result]) -> list[CellRow]:
        """Enter results and show them; tell the queue of those it did not ask for."""
        rows = []
        for result in results:
            for steps in (self.steps, self.continued):
                steps.pop(result.cell_id, None)
            rows.append(self.archive.add(result))
            if result.status != "stopped":
                self.queue.ended(self.cells[result.cell_id], rows[-1])
        # Once an answer, not once a row: it looks at every busy cell.
        left = self._left() if rows else None
        for row in rows:
            self.display.ended(row, left)
        return rows

    def _fail(self, group: Group, cause: str) -> None:
        """Give up on a group's open cells; a later run tries again."""
        cells = self._unfinished(group)
        for cell in cells:
            self.steps.pop(cell.id, None)
            self.paused.pop(cell.id, None)
            result = failures.failed(cell, group, cause)
            row = self.archive.add(result)
            self.queue.ended(cell, row)
            self._call_back(row, result, len(self.ledger))
        self.display.failed(cause, len(cells))

    def _unfinished(self, group: Group) -> list[Cell]:
        """Return the cells of a group that fail with it."""
        if not self.queue.stops_cells:
            return [c for c in group.cells if c.id not in self.ledger]
        # A search may never come to most of a group's cells: those in flight fail or,
        # if the engine could not even be built, those that would have been the first.
        busy = [cell for cell in group.cells if cell.id in self.steps]
        return busy or self.queue.take(group, group.block_width)

    def _pause(self, progress: Progress) -> None:
        """Write all that is in memory alone."""
        # No training: a long chunk is saved as far as it has come.
        if progress.busy:
            assert progress.group is not None
            self.fleet.send(progress.worker, Assignment(progress.group, save=True))
            progress = self.fleet.next() or progress
        self.archive.leave(self.paused | dict(progress.saved))

    def _run_chores(self, progress: Progress) -> None:
        """Show progress; flush, save and redraw when their time has come."""
        self.display.moved(progress, self._left())
        self.chores.run_if_due("status", self.display.write_status)
        if self.ledger.unwritten:
            self.chores.run_if_due("flush", self.archive.flush)
        if progress.saved:
            # `_go_on` asked for the lanes when the save was due. It replaces the one
            # before, so paused cells go in again.
            lanes = self.paused | dict(progress.saved)
            self.chores.run("save", lambda: self.archive.save(lanes))
        if len(self.ledger):
            self.chores.run_if_due("redraw", self.archive.redraw)

    def _resume(self) -> None:
        """Take over the cells that were in flight when the run was last left."""
        self.paused = self.archive.resume()
        every = self.grid.config["eval_every"]
        for cell_id, lane in self.paused.items():
            self.steps[cell_id] = lane.step(every)
            self.queue.resumed(self.cells[cell_id])
        self.continued = self.archive.starting_steps()

    def _left(self) -> TimeLeft | None:
        """Return the time to go, None if it is not known."""
        left = self.queue.left(self.continued | self.steps)
        if left is None or not self.pace.known:
            return None
        groups = enumerate(self.grid.groups)
        waiting = [i for i, group in groups if self.queue.waiting(group)]
        return left.later(self.openings.seconds_ahead(waiting))
