"""Fleets whose workers train in turn, in one process: they join, answer, are lost."""

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.messages import Dispatch, Loss, Progress, Report

CPU = Platform("cpu", "cpu", 1)


class Turns:
    """Every `next` is one worker's answer; the workers take turns.

    Args:
        workers: those that are there from the start.
        events: called before the n-th news, with this fleet.
    """

    outlives_workers = True
    invitation = "python -m jaxgrok.worker RUN_DIR"

    def __init__(self, *workers, events=None):
        self.workers, self.orders, self.news = {}, {}, []
        self.events, self.count = dict(events or {}), 0
        for worker in workers:
            self.join(worker)

    def join(self, worker):
        greeting = worker.greet()
        self.workers[greeting.worker] = worker
        self.news.append(greeting)

    def lose(self, name):
        del self.workers[name]
        self.orders.pop(name, None)
        self.news.append(Loss(name, "for a test"))

    def send(self, worker, order):
        assert worker not in self.orders, "it has not answered yet"
        # What goes to one that is lost already is lost too.
        if worker in self.workers:
            self.orders[worker] = order

    def next(self):
        self.count += 1
        if event := self.events.pop(self.count, None):
            event(self)
        if self.news:
            return self.news.pop(0)
        if not self.orders:
            return None
        name = next(iter(self.orders))  # the one that waits longest
        return self.workers[name].do(self.orders.pop(name))

    def drop(self, worker, cause):
        self.workers.pop(worker, None)
        self.orders.pop(worker, None)

    def close(self):
        for worker in self.workers.values():
            worker.close()


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
