"""Decides who trains what next, as long as there is anything to train.

>>> coordinator = Coordinator(Intake(grid, archive, fleet, Everything))
>>> with asked_to_stop() as stop:
...     finished = coordinator.train(stop)
"""

import contextlib
import functools
import itertools
import time
from collections import Counter
from collections.abc import Callable

from jaxgrok.fleet.chores import Chores
from jaxgrok.fleet.messages import Assignment, Loss, Order, Progress, Report
from jaxgrok.host.signals import AskedToStop, Stop
from jaxgrok.sweep.intake import Intake
from jaxgrok.sweep.members import Member

ANSWER_SECONDS = 1.0
"""Target seconds per dispatch; bounds how long Ctrl-C takes to be noticed."""
ANSWERS_A_SECOND = 25
"""Answers of a large fleet that the coordinator takes in a second."""
PAUSE_SECONDS = 60.0
"""How long a coordinator that stops waits for its workers to save their cells."""


class Coordinator:
    """One run: who trains what next, and its periodic jobs.

    Args:
        intake: what is known of the run, which goes on where its archive was.
    """

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.grid, self.archive, self.fleet = intake.grid, intake.archive, intake.fleet
        self.queue, self.dealer = intake.queue, intake.dealer
        self.display, self.openings = intake.display, intake.openings
        self.members = intake.members
        self.chores = Chores()

    def train(self, stop: Stop) -> bool:
        """Train until every cell has its result, or `stop` is set; all is saved then.

        Returns:
            Whether every cell has its result.

        Raises:
            OSError: the run directory cannot be written; what fits is saved.
        """
        # Before the first shard: results without a manifest could not be read.
        self.archive.begin()
        self.intake.resume()
        with self.display:
            for line in (*self.archive.notes, *self.grid.warnings()):
                self.display.say(line)
            self.display.write_status()
            while not self._saved(self._is_complete):
                if self._saved(functools.partial(self._go_on, stop)):
                    return False
            self.archive.flush()
            self.archive.end()
        return True

    def _go_on(self, stop: Stop) -> bool:
        """Take in news and send orders; save all, and tell so, if `stop` is set."""
        news = self.fleet.next()
        self.intake.take_in(news)
        if stop.is_set():
            self._pause()
            return True
        self._run_chores(stop)
        self._send(news)
        return False

    def _saved(self, act: Callable[[], bool]) -> bool:
        """Do something; what is in memory alone is saved before its error is raised."""
        try:
            return act()
        except Exception:
            # A full disk has room for results; or the user's callback failed.
            self.intake.is_leaving = True
            self._pause()
            raise

    def _is_complete(self) -> bool:
        """Tell whether all is trained, and on disk."""
        if not self._is_over():
            return False
        # Workers still have last lanes in memory, for longer budgets. One that is lost
        # meanwhile leaves more to train.
        self._save_all()
        return self._is_over()

    def _is_over(self) -> bool:
        """Tell whether nothing is trained, and nothing waits to be."""
        if any(member.is_waited_for for member in self.members.values()):
            return False
        return not self.dealer.waiting()

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
                seats[assignment.group] += assignment.group != progress.group
                key = member.name, seat
                self.openings.begin(key, progress.group, assignment.group)
        self.intake.steps |= self.dealer.take_started()
        # With nothing to train, it still holds results whose snapshots are in memory.
        if assignments or member.cells:
            member.begin(assignments)
            self.fleet.send(member.name, Order(assignments, save=not assignments))

    def _assigned(
        self, member: Member, progress: Progress, seats: Counter[int]
    ) -> Assignment | None:
        """Let a seat go on with its group, or open another; None if there is none."""
        if progress.is_opening:
            return self.dealer.opening(progress, self._seconds())
        if progress.group is not None and not progress.failure:
            n_seats = seats[progress.group] if self.fleet.outlives_workers else 0
            if assignment := self.dealer.go_on(
                progress, self._seconds(), seats=n_seats
            ):
                return assignment
        return self.dealer.open(member.name, seats, self.openings.groups)

    def _seats(self) -> Counter[int]:
        """Count the seats at each group."""
        groups = (member.groups for member in self.members.values())
        return Counter(itertools.chain.from_iterable(groups))

    def _seconds(self) -> float:
        """Return how long workers train before they answer: the longer, the more."""
        return ANSWER_SECONDS * max(1.0, len(self.members) / ANSWERS_A_SECOND)

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
                self.intake.take_in(news)
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

    def _run_chores(self, stop: Stop) -> None:
        """Show progress; flush and redraw when their time has come."""
        self.display.moved(self.members.values(), self.intake.left())
        self.chores.run_if_due("status", self.display.write_status)
        if self.archive.ledger.unwritten:
            self.chores.run_if_due("flush", self.archive.write_results)
        if self.archive.ledger.untold:
            self.chores.run_if_due("tables", self.archive.ledger.write_tables)
        if self.archive.usage_changed:
            self.chores.run_if_due("manifest", self.archive.write_manifest)
        if len(self.archive.ledger):
            # Pictures are drawn again: what trains is saved before they are ready.
            with contextlib.suppress(AskedToStop):
                redraw = functools.partial(stop.broken_off, self.archive.redraw)
                self.chores.run_if_due("redraw", redraw)
