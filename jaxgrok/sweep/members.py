"""The workers of a coordinator, as their last reports said they were.

>>> member = Member(report)
>>> member.update(report)
"""

from collections.abc import Mapping

from jaxgrok.fleet.messages import Assignment, Progress, Report


class Member:
    """One worker.

    Attributes:
        name: of the worker.
        platform: its devices.
        seats: the last progress of each seat.
        cells: the cells that it holds, and at which seat: started, without a result.
        is_waited_for: whether it has an order that it has not answered.
        groups: those that its seats are at.
        busy: lanes that train a cell.
        lanes: lanes in all.
        pace: lane-steps that it made a second in its last dispatches.
    """

    def __init__(self, greeting: Report) -> None:
        self.name, self.platform = greeting.worker, greeting.platform
        self.seats: dict[int, Progress] = dict(greeting.seats)
        self.cells: dict[str, int] = {}
        self.is_waited_for = False
        self._count()

    def update(self, report: Report) -> None:
        """Take note of a report; results are cells that it holds no more."""
        self.is_waited_for = False
        self.seats |= report.seats
        for result in report.results:
            self.cells.pop(result.cell_id, None)
        self._count()

    def begin(self, assignments: Mapping[int, Assignment]) -> None:
        """Take note of what it is ordered to do."""
        self.is_waited_for = True
        for seat, assignment in assignments.items():
            self.cells |= dict.fromkeys(assignment.start, seat)

    def lose(self, seat: int) -> list[str]:
        """Take the cells of a seat that has lost them; return their ids."""
        lost = [cell_id for cell_id, at in self.cells.items() if at == seat]
        for cell_id in lost:
            del self.cells[cell_id]
        return lost

    def _count(self) -> None:
        """Sum up the seats, once a report: others look at all workers at every one."""
        seats = self.seats.values()
        self.groups = [seat.group for seat in seats if seat.group is not None]
        self.busy = sum(len(seat.busy) for seat in seats)
        self.lanes = sum(seat.lanes for seat in seats)
        dispatches = [seat.dispatch for seat in seats]
        self.pace = sum(d.lane_steps / d.seconds for d in dispatches if d.steps)
