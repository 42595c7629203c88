"""Workers that train nothing, in fleets that watch over their cells."""

from fleets import CPU, Turns
from handmade import SCHEMA, result

from jaxgrok.fleet.messages import Dispatch, Progress, Report

THRESHOLD = 24
"""Examples from which cells grok, where a search looks for that."""


def groks(cell):
    return cell.lane["n_train"] >= THRESHOLD


def length(cell):
    """Steps after which a cell ends: the more examples, the sooner it groks."""
    return 20 + 10 * (cell.lane["seed"] % 2) if groks(cell) else cell.lane["steps"]


def ended(cell, status):
    """A result whose curves grok, if the cell has examples enough."""
    made = result(cell, evals=1 + length(cell) // 10, status=status)
    if groks(cell) and status == "done":
        for name in ("train_accuracy", "test_accuracy"):
            made.records[1:, SCHEMA.columns(name)] = 1
    return made


class Pretender:
    """A worker without engines: cells make a chunk a turn, and end by `result`.

    It refuses what no worker could do, and that two workers hold a cell.

    Args:
        name: of the worker.
        grid: what it pretends to train.
        length: the steps after which a cell is done.
        result: makes the result of a cell, from it and a status.
        holders: shared by all workers: cell → the name of who holds it.
        seats: how many it has.
        lanes: of each seat.
        saves: whether to save at this turn.
        place: makes the place of a cell that is saved, from its id and steps.
        fails: group → why it cannot train it.
    """

    def __init__(
        self,
        name,
        grid,
        length,
        result,
        holders,
        *,
        seats=1,
        lanes=2,
        saves,
        place,
        fails=(),
    ):
        self.name, self.grid, self.holders = name, grid, holders
        self.length, self.result = length, result
        self.lanes, self.saves, self.place = lanes, saves, place
        self.fails = dict(fails)
        self.cells = {cell.id: cell for cell in grid.cells}
        self.groups = [None] * seats
        self.busy = [{} for _ in range(seats)]

    def greet(self):
        return Report(
            self.name, CPU, {seat: Progress() for seat in range(len(self.busy))}
        )

    def vanish(self):
        """Hold nothing any more."""
        for cells in self.busy:
            for cell_id in cells:
                del self.holders[cell_id]

    def close(self):
        """Leave nothing to wait for."""

    def do(self, order):
        results = []
        seats = {
            seat: self._do(seat, assignment, results)
            for seat, assignment in order.assignments.items()
        }
        saved = {}
        if order.save or self.saves():
            for cells in self.busy:
                saved |= {
                    name: self.place(name, steps) for name, steps in cells.items()
                }
        return Report(self.name, CPU, seats, results, saved)

    def _do(self, seat, assignment, results):
        index, busy = assignment.group, self.busy[seat]
        if index in self.fails:
            for cell_id in busy:
                del self.holders[cell_id]
            self.busy[seat], self.groups[seat] = {}, None
            return Progress(index, failure=self.fails[index])
        if self.groups[seat] != index:
            assert not (busy or assignment.start or assignment.stop)
            self.groups[seat] = index
        for cell_id in assignment.stop:
            self._end(busy, cell_id, "stopped", results)
        for cell_id, place in assignment.start.items():
            assert self.holders.setdefault(cell_id, self.name) == self.name
            assert cell_id not in busy
            assert self.cells[cell_id] in self.grid.groups[index].cells
            busy[cell_id] = place.step if place else 0
        assert len(busy) <= self.lanes
        every = self.grid.config["eval_every"]
        if assignment.seconds is not None:
            for cell_id in list(busy):
                busy[cell_id] += every
                if busy[cell_id] >= self.length(self.cells[cell_id]):
                    self._end(busy, cell_id, "done", results)
        steps = every * len(busy)
        dispatch = Dispatch(every, steps, steps, 0.5) if busy else Dispatch()
        free = self.lanes - len(busy)
        return Progress(index, self.lanes, free, busy=dict(busy), dispatch=dispatch)

    def _end(self, busy, cell_id, status, results):
        del busy[cell_id], self.holders[cell_id]
        results.append(self.result(self.cells[cell_id], status))


class Watched(Turns):
    """Pretenders in turn, of which no cell is both held and waiting."""

    def next(self):
        assert self.count < 2_000, "it does not end"
        dealer, members = self.coordinator.dealer, self.coordinator.members
        waiting = set().union(*dealer._paused)
        held = [cell_id for member in members.values() for cell_id in member.cells]
        assert len(set(held)) == len(held)
        assert not waiting & set(held)
        return super().next()

    def lose(self, name):
        self.workers[name].vanish()
        super().lose(name)
