"""What workers report, entered: results, steps, losses and failures.

The only caller of the archive's ledger, and the one that tells the queue what ended.

>>> intake = Intake(grid, archive, fleet, Everything)
>>> intake.take_in(fleet.next())
"""

from collections.abc import Callable, Iterable

from jaxgrok.engine.pace import Pace
from jaxgrok.fleet.chores import Chores
from jaxgrok.fleet.messages import Loss, Progress, Report
from jaxgrok.fleet.protocol import Fleet
from jaxgrok.grid.cells import Cell, Grid, Group
from jaxgrok.host.durations import TimeLeft
from jaxgrok.host.terminal import number
from jaxgrok.results.files.shards import Result
from jaxgrok.results.finished_cell import (
    CallbackFailed,
    FinishedCell,
    OnCell,
    hand_over,
)
from jaxgrok.results.rows import CellRow
from jaxgrok.sweep import failures
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.canaries import Canaries
from jaxgrok.sweep.dealer import MOST_FAILURES, Dealer
from jaxgrok.sweep.display import Display
from jaxgrok.sweep.members import Member
from jaxgrok.sweep.openings import Openings
from jaxgrok.sweep.queue import Queue


class WorkersFailed(Exception):
    """What cells are to compute raises an error on one worker after the other."""


class Intake:
    """What is known of a run while it trains.

    Args:
        grid: what is trained.
        archive: where results go.
        fleet: the workers.
        queue: makes the queue of cells.
        quiet: print nothing.
        on_cell: called with every cell that ends.

    Attributes:
        members: the workers that take part, by name.
        dealer: what waits.
        steps: made by each cell that was started and has not ended.
        continued: steps from which cells go on that wait; they had a shorter budget.
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
        self.is_leaving = False
        """Whether what a callback raises is passed over: an error ends the run."""
        self.ledger = archive.ledger
        self.cells = {cell.id: cell for cell in grid.cells}
        self.pace = Pace()
        self.queue = queue(grid, self.pace)
        self.dealer = Dealer(grid, self.queue, archive.place_of)
        # Whether a stopped cell is trained on depends on the queue.
        self.ledger.stand(self.queue.known(archive.standing_rows()))
        rows = [row for row in self.ledger.rows() if row["id"] in self.ledger]
        self.display = Display(
            grid,
            self.queue.total,
            rows,
            archive.path,
            quiet=quiet,
            is_fleet=fleet.outlives_workers,
        )
        self.openings = Openings()
        self.canaries = Canaries(mixed_bits=archive.mixed_bits)
        self.members: dict[str, Member] = {}
        self.steps: dict[str, int] = {}
        self.continued: dict[str, int] = {}
        self._crashes = 0
        """Workers that failed since the last result."""
        self._chores = Chores()
        self._left: TimeLeft | None = None

    def resume(self) -> None:
        """Take over the cells that were in flight when the run was last left."""
        for cell_id, place in self.archive.resume().items():
            self.dealer.pause(cell_id, place)
            self.steps[cell_id] = place.step
            self.queue.resumed(self.cells[cell_id])
        self.continued = self.archive.starting_steps()

    def take_in(self, news: Report | Loss | None) -> None:
        """Learn from what a worker says, and keep what it hands over."""
        if isinstance(news, Loss):
            self._lose(news)
        elif news is not None:
            if news.refusal and self.fleet.invitation:
                news = news._replace(results=self._whole(news.results))
            # The pace first: `_collect` shows the time left, which needs it.
            self._learn(news)
            self._collect(news)
        self._give_up()

    def _whole(self, results: Iterable[Result]) -> list[Result]:
        """Leave out results whose snapshots may be lost: others train those cells."""
        kept = self.grid.kept
        return [r for r in results if self.cells[r.cell_id].kin not in kept]

    def _learn(self, report: Report) -> None:
        """Learn where a worker is, and from its dispatches how long things take."""
        member = self.members.setdefault(report.worker, Member(report))
        member.update(report)
        for seat, progress in report.seats.items():
            if not progress.is_opening:
                self.openings.end((report.worker, seat))
            dispatch = progress.dispatch
            if progress.group is not None and dispatch.steps:
                self.pace.learn(
                    self.grid.groups[progress.group].setup.train_size,
                    steps=dispatch.steps,
                    lane_steps=dispatch.lane_steps,
                    seconds=dispatch.seconds,
                )
                self.archive.count(dispatch)
                # What a group cost is written once, not at every dispatch.
                if not progress.busy:
                    self.archive.usage_changed = True

    def _collect(self, report: Report) -> None:
        """Keep what a worker hands over."""
        done = len(self.ledger)
        rows = self._add(report.results)
        if rows:
            self._crashes = 0
        self.archive.note_saves(report.saved)
        for note in report.notes:
            self.display.say(note)
        for seat, progress in report.seats.items():
            self.steps |= progress.busy
            # A cell that was stopped may be wanted again: its old result is void.
            self.ledger.reopen(progress.busy)
            if progress.failure:
                self._fail_at(report.worker, seat, progress)
            if progress.retreats:
                self._let_wait(self.members[report.worker].lose(seat))
            self.display.short_of_memory(progress)
            self.archive.note_shortage(progress)
        self._part_with(report)
        # Last: what it raises must not cost what the worker handed over.
        self._call_back_each(rows, report.results, done)

    def _part_with(self, report: Report) -> None:
        """Let a worker go that leaves, cannot write, or computes other bits.

        Raises:
            OSError: it cannot write, and nobody else could take over.
        """
        # Workers that nobody else can join share one machine, and its disk.
        if report.refusal and not self.fleet.invitation:
            raise OSError(*report.refusal)
        cause = self.canaries.fault(report)
        if report.refusal:
            cause = f"it cannot write to the run directory: {report.refusal.words}"
        if cause:
            self.fleet.drop(report.worker, cause)
        if cause or report.is_leaving:
            self._lose(Loss(report.worker, cause or "it was asked to stop"))
        if report.refusal and not self.members:
            raise OSError(*report.refusal)

    def _call_back_each(
        self, rows: Iterable[CellRow], results: Iterable[Result], done: int
    ) -> None:
        """Hand cells that ended together to the user's callback, one after another.

        One that it fails at keeps it from no other: nobody would hand those over again.
        """
        failure: CallbackFailed | None = None
        for count, (row, result) in enumerate(zip(rows, results, strict=True), 1):
            try:
                self._call_back(row, result, done + count)
            except CallbackFailed as error:
                failure = failure or error
        if failure and not self.is_leaving:
            raise failure

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
            self.dealer.ended(result.cell_id)
            if result.status != "stopped":
                self.queue.ended(self.cells[result.cell_id], rows[-1])
        left = self.left() if rows else None
        for row in rows:
            self.display.ended(row, left)
        return rows

    def _lose(self, loss: Loss) -> None:
        """Let the cells of a lost worker go on elsewhere, from where it saved them."""
        self.display.lost(loss)
        if member := self.members.pop(loss.worker, None):
            for seat in member.seats:
                self.openings.forget((loss.worker, seat))
            self._let_wait(member.cells)
            if not self.members and self.fleet.invitation and self.dealer.waiting():
                words = f"no worker is left; waiting: {self.fleet.invitation}"
                self.display.say(words)
        self._crashes += loss.is_crash
        if self._crashes >= MOST_FAILURES:
            raise WorkersFailed(
                f"{number(self._crashes, 'worker')} failed: {loss.cause}"
            )

    def _let_wait(self, cell_ids: Iterable[str]) -> None:
        """Let cells wait that were started, and that nobody holds any more."""
        for cell_id in cell_ids:
            place = self.archive.place_of(cell_id)
            self.dealer.pause(cell_id, place)
            self.steps[cell_id] = place.step if place else 0

    def _fail_at(self, worker: str, seat: int, progress: Progress) -> None:
        """Let others train what a seat cannot."""
        assert progress.group is not None
        self._let_wait(self.members[worker].lose(seat))
        self.dealer.fail(progress.group, worker, progress.failure)

    def _give_up(self) -> None:
        """Give up on the groups that nobody is left to train."""
        for index, cause in self.dealer.hopeless(self.members).items():
            self._fail(self.grid.groups[index], cause)
            # A search that learns of failed cells would ask for others of the group.
            self.dealer.give_up(index)

    def _fail(self, group: Group, cause: str) -> None:
        """Give up on a group's open cells; a later run tries again."""
        cells, done = self._unfinished(group), len(self.ledger)
        rows, results = [], []
        for cell in cells:
            self.steps.pop(cell.id, None)
            self.dealer.ended(cell.id)
            results.append(failures.failed(cell, group, cause))
            rows.append(self.archive.add(results[-1]))
            self.queue.ended(cell, rows[-1])
        self.display.failed(cause, len(cells))
        self._call_back_each(rows, results, done)

    def _unfinished(self, group: Group) -> list[Cell]:
        """Return the cells of a group that fail with it."""
        held = set().union(*(member.cells for member in self.members.values()))
        cells = [cell for cell in group.cells if cell.id not in held]
        if not self.queue.stops_cells:
            return [cell for cell in cells if cell.id not in self.ledger]
        # A search may never come to most of a group's cells: those in flight fail or,
        # if the engine could not even be built, those that would have been the first.
        if busy := [cell for cell in cells if cell.id in self.steps]:
            return busy
        # Among them may be one that is to be stopped, and that a worker still holds.
        first = self.queue.take(group, group.block_width)
        return [cell for cell in first if self.dealer.is_new(cell.id)]

    def left(self) -> TimeLeft | None:
        """Return the time to go, None if it is not known."""
        self._chores.run_if_due("estimate", self._estimate)
        return self._left

    def _estimate(self) -> None:
        """Estimate the time to go, from every busy cell."""
        left = self.queue.left(self.continued | self.steps)
        if left is not None and self.pace.known:
            ahead = self.openings.seconds_ahead(self.dealer.waiting())
            self._left = left.later(ahead)
