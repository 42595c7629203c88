"""Decides what is trained next, and keeps the results.

The only caller of the queue and of the archive.

    >>> coordinator = Coordinator(grid, Archive(grid, directory), fleet, Everything)
    >>> finished = coordinator.train(threading.Event())
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from jaxgrok.engine.pace import Pace
from jaxgrok.fleet.chores import Chores
from jaxgrok.fleet.messages import Assignment, Loss, Order, Progress, Report
from jaxgrok.fleet.protocol import Fleet
from jaxgrok.grid.cells import Cell, Grid, Group
from jaxgrok.host.durations import TimeLeft
from jaxgrok.host.terminal import number
from jaxgrok.results.files.shards import Result
from jaxgrok.results.finished_cell import FinishedCell, OnCell, hand_over
from jaxgrok.results.rows import CellRow
from jaxgrok.sweep import failures
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.canaries import Canaries
from jaxgrok.sweep.dealer import MOST_FAILURES, Dealer
from jaxgrok.sweep.display import Display
from jaxgrok.sweep.members import Member
from jaxgrok.sweep.openings import Openings
from jaxgrok.sweep.queue import Queue

ANSWER_SECONDS = 1.0
"""Target seconds per dispatch; bounds how long Ctrl-C takes to be noticed."""
ANSWERS_A_SECOND = 25
"""Answers of a large fleet that the coordinator takes in a second."""
PAUSE_SECONDS = 60.0
"""How long a coordinator that stops waits for its workers to save their cells."""


class WorkersFailed(Exception):
    """What cells are to compute raises an error on one worker after the other."""


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
        self.chores = Chores()
        self.members: dict[str, Member] = {}
        self.crashes = 0
        self.steps: dict[str, int] = {}
        """Steps made by each cell that was started and has not ended."""
        self.continued: dict[str, int] = {}
        """Steps from which cells go on that wait; they had a shorter budget."""
        self.openings = Openings()
        self.canaries = Canaries(mixed_bits=archive.mixed_bits)

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
        with self.display:
            for line in (*self.archive.notes, *self.grid.warnings()):
                self.display.say(line)
            self.display.write_status()
            while not self._is_over():
                news = self.fleet.next()
                try:
                    self._take_in(news)
                    if stop.is_set():
                        self._pause()
                        return False
                    self._run_chores()
                    self._send(news)
                except Exception:
                    # A full disk has room for results; or the user's callback failed.
                    self.on_cell = None
                    self._pause()
                    raise
            # Workers still have last lanes in memory, for longer budgets.
            self._save_all()
            self.archive.flush()
            self.archive.end()
        return True

    def _is_over(self) -> bool:
        """Tell whether nothing is trained, and nothing waits to be."""
        if any(member.is_waited_for for member in self.members.values()):
            return False
        return not self.dealer.waiting()

    def _take_in(self, news: Report | Loss | None) -> None:
        """Learn from what a worker says, and keep what it hands over."""
        if isinstance(news, Loss):
            self._lose(news)
        elif news is not None:
            # The pace first: `_collect` shows the time left, which needs it.
            self._learn(news)
            self._collect(news)
        self._give_up()

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

    def _collect(self, report: Report) -> None:
        """Keep what a worker hands over."""
        rows = self._add(report.results)
        self.archive.note_saves(report.saved)
        for note in report.notes:
            self.display.say(note)
        for seat, progress in report.seats.items():
            for cell_id, steps in progress.busy.items():
                self.steps[cell_id] = steps
                # A cell that was stopped may be wanted again: its old result is void.
                self.ledger.reopen(cell_id)
            if progress.failure:
                self._fail_at(report.worker, seat, progress)
        self._part_with(report)
        # Last: what it raises must not cost what the worker handed over.
        for row, result in zip(rows, report.results, strict=True):
            self._call_back(row, result)

    def _part_with(self, report: Report) -> None:
        """Let a worker go that leaves, cannot write, or computes other bits.

        Raises:
            OSError: it cannot write, and nobody else could take over.
        """
        if report.refusal and not self.fleet.outlives_workers:
            raise OSError(*report.refusal)
        cause = self.canaries.fault(report)
        if report.refusal:
            cause = f"it cannot write to the run directory: {report.refusal.words}"
        if cause:
            self.fleet.drop(report.worker, cause)
        if cause or report.is_leaving:
            self._lose(Loss(report.worker, cause or "it was asked to stop"))

    def _call_back(self, row: CellRow, result: Result) -> None:
        """Hand a cell that has ended to the user's callback."""
        if self.on_cell is not None:
            cell = FinishedCell(row, result, len(self.ledger), self.queue.total)
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
        # Once an answer, not once a row: it looks at every busy cell.
        left = self._left() if rows else None
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
        self.crashes += loss.is_crash
        if self.crashes >= MOST_FAILURES:
            raise WorkersFailed(
                f"{number(self.crashes, 'worker')} failed: {loss.cause}"
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
        # A search that learns of failed cells may ask for others of the same group.
        while causes := self.dealer.hopeless(self.members):
            for index, cause in causes.items():
                self._fail(self.grid.groups[index], cause)

    def _fail(self, group: Group, cause: str) -> None:
        """Give up on a group's open cells; a later run tries again."""
        cells = self._unfinished(group)
        for cell in cells:
            self.steps.pop(cell.id, None)
            self.dealer.ended(cell.id)
            result = failures.failed(cell, group, cause)
            row = self.archive.add(result)
            self.queue.ended(cell, row)
            self._call_back(row, result)
        self.display.failed(cause, len(cells))

    def _unfinished(self, group: Group) -> list[Cell]:
        """Return the cells of a group that fail with it."""
        held = set().union(*(member.cells for member in self.members.values()))
        cells = [cell for cell in group.cells if cell.id not in held]
        if not self.queue.stops_cells:
            return [cell for cell in cells if cell.id not in self.ledger]
        # A search may never come to most of a group's cells: those in flight fail or,
        # if the engine could not even be built, those that would have been the first.
        busy = [cell for cell in cells if cell.id in self.steps]
        return busy or self.queue.take(group, group.block_width)

    def _send(self, news: Report | Loss | None) -> None:
        """Order something from the workers that wait for it."""
        idle = [m for m in self.members.values() if not m.is_waited_for]
        # One that has just answered goes on; others wait for something new to do.
        for member in idle:
            is_new = isinstance(news, Report) and news.worker == member.name
            if is_new or self.dealer.waiting():
                self._assign(member)

    def _assign(self, member: Member) -> None:
        """Send an order to a worker, if there is anything for it to do."""
        if self.queue.stops_cells and any(
            progress.between_chunks for progress in member.seats.values()
        ):
            self.dealer.stop_needless(self._busy_steps())
        assignments, seats = {}, self._seats()
        for seat, progress in member.seats.items():
            if assignment := self._assigned(member, progress, seats):
                assignments[seat] = assignment
                key = member.name, seat
                self.openings.begin(key, progress.group, assignment.group)
        self.steps |= self.dealer.take_started()
        # With nothing to train, it still holds results whose snapshots are in memory.
        if assignments or member.cells:
            member.begin(assignments)
            self.fleet.send(member.name, Order(assignments, save=not assignments))

    def _assigned(
        self, member: Member, progress: Progress, seats: Counter[int]
    ) -> Assignment | None:
        """Let a seat go on with its group, or open another; None if there is none."""
        if progress.is_opening:
            return self.dealer.opening(progress)
        if progress.group is not None and not progress.failure:
            n_seats = seats[progress.group] if self.fleet.outlives_workers else 0
            if assignment := self.dealer.go_on(
                progress, self._seconds(), seats=n_seats
            ):
                return assignment
            # The group is over; what it cost is written once, not at every dispatch.
            self.archive.write_manifest()
        return self.dealer.open(member.name, seats, self.openings.groups)

    def _seats(self) -> Counter[int]:
        """Count the seats at each group."""
        return Counter(
            progress.group
            for member in self.members.values()
            for progress in member.seats.values()
            if progress.group is not None
        )

    def _seconds(self) -> float:
        """Return how long workers train before they answer: the longer, the more."""
        return max(ANSWER_SECONDS, len(self.members) / ANSWERS_A_SECOND)

    def _busy_steps(self) -> dict[str, int]:
        """Return the steps that every busy cell has made, as far as is known."""
        steps: dict[str, int] = {}
        for member in self.members.values():
            for progress in member.seats.values():
                steps |= progress.busy
        return steps

    def _pause(self) -> None:
        """Have the workers save what is in their memory alone, then do the same."""
        try:
            self._save_all()
        finally:
            self.archive.leave()

    def _save_all(self) -> None:
        """Have each worker write what is in its memory alone, as soon as it answers."""
        begun = set(self.members)
        waited = {name for name in begun if self.members[name].is_waited_for}
        for name in begun - waited:
            self.fleet.send(name, Order({}, save=True))
        saving = begun - waited
        refusals: list[OSError] = []
        deadline = time.monotonic() + PAUSE_SECONDS
        while (waited or saving) and time.monotonic() < deadline:
            news = self.fleet.next()
            if news is None:
                continue
            try:
                self._take_in(news)
            except OSError as error:  # what others have to save may still fit
                refusals.append(error)
            saving.discard(news.worker)
            if news.worker in waited:
                waited.discard(news.worker)
                # One that cannot write was dropped just now.
                if news.worker in self.members:
                    self.fleet.send(news.worker, Order({}, save=True))
                    saving.add(news.worker)
        if refusals:
            raise refusals[0]

    def _run_chores(self) -> None:
        """Show progress; flush and redraw when their time has come."""
        self.display.moved(self.members.values(), self._left())
        self.chores.run_if_due("status", self.display.write_status)
        if self.ledger.unwritten:
            self.chores.run_if_due("flush", self.archive.flush)
        if len(self.ledger):
            self.chores.run_if_due("redraw", self.archive.redraw)

    def _resume(self) -> None:
        """Take over the cells that were in flight when the run was last left."""
        for cell_id, place in self.archive.resume().items():
            self.dealer.pause(cell_id, place)
            self.steps[cell_id] = place.step
            self.queue.resumed(self.cells[cell_id])
        self.continued = self.archive.starting_steps()

    def _left(self) -> TimeLeft | None:
        """Return the time to go, None if it is not known."""
        left = self.queue.left(self.continued | self.steps)
        if left is None or not self.pace.known:
            return None
        return left.later(self.openings.seconds_ahead(self.dealer.waiting()))
