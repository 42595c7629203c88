"""A fleet of workers that train nothing, in virtual time: for scale.py.

>>> clock = Clock()
>>> crowd = Crowd(clock, grid, lengths, Machines(workers=8, seats=8, lanes=128))
"""

import heapq
import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crowd_seat import Clock, Machines, Seat, Totals
from jaxgrok.engine.engine import ResumeState
from jaxgrok.engine.platform import Platform
from jaxgrok.fleet import wire
from jaxgrok.fleet.messages import Assignment, Dispatch, Loss, Order, Progress, Report
from jaxgrok.grid.cells import Grid
from jaxgrok.results.files import resume
from jaxgrok.results.files.resume import Resumable
from jaxgrok.results.files.saved_lanes import LanePlace, SavedLane
from jaxgrok.results.files.shards import Result
from jaxgrok.training.records import PLAIN, Curve, Schema

COMPILE_SECONDS, LOAD_SECONDS = 20.0, 2.0
"""To open a group: for the first seat of all, and for any other."""
OPEN_SECONDS = 1.0
"""After so long a seat says that it is still opening a group."""
SAVE_SECONDS = 300.0
ROUND_TRIP_SECONDS = 0.002
REBOOT_SECONDS = 120.0
"""From the loss of a worker until it is back."""
SCHEMA = Schema(
    (*PLAIN, Curve("sum_of_squares", "matrix", ("W_E", "W_U")))
).with_steps()
KINDS = Platform("gpu", "pretended", 8)


class Pretender:
    """A worker: what it answers, and when."""

    def __init__(self, name: str, crowd: "Crowd") -> None:
        self.name, self._crowd = name, crowd
        machines = crowd.machines
        self.seats = [Seat(machines, crowd.every) for _ in range(machines.seats)]
        self.saved = crowd.clock.now
        self.held: list[Result] = []

    def greet(self) -> Report:
        """Return the first message."""
        seats = {seat: Progress() for seat in range(len(self.seats))}
        return Report(self.name, KINDS, seats)

    def do(self, order: Order, now: float) -> tuple[Report, float]:
        """Return an answer, and the seconds after which it comes."""
        results: list[Result] = []
        seats, seconds = {}, ROUND_TRIP_SECONDS
        for index, assignment in order.assignments.items():
            seats[index], taken = self._seat(index, assignment, now, results)
            seconds = max(seconds, taken + ROUND_TRIP_SECONDS)
        saved: dict[str, LanePlace] = {}
        is_busy = any(seat.starts for seat in self.seats)
        if is_busy and (order.save or now > self.saved + SAVE_SECONDS):
            saved, self.saved = self._save(order.save), now
        return Report(self.name, KINDS, seats, results, saved), seconds

    def _seat(
        self, index: int, assignment: Assignment, now: float, results: list[Result]
    ) -> tuple[Progress, float]:
        seat, crowd = self.seats[index], self._crowd
        if seat.group != assignment.group:
            seat.lose()
            seat.group = assignment.group
            seat.opens = now + crowd.opening(assignment.group, now)
            seat.lanes = min(crowd.machines.lanes, assignment.n_cells)
        if seat.opens > now + OPEN_SECONDS:
            return Progress(seat.group, is_opening=True), OPEN_SECONDS
        if seat.opens > now:
            return Progress(seat.group, seat.lanes, seat.lanes), seat.opens - now
        for cell_id, place in assignment.start.items():
            seat.waiting[cell_id] = place.step if place else 0
        before = seat.step
        ended, lane_steps = seat.train(assignment, crowd.lengths)
        results += map(crowd.result, ended)
        steps = seat.step - before
        seconds = steps * crowd.machines.step_seconds
        crowd.totals.seats += seconds
        crowd.totals.lanes += lane_steps * crowd.machines.step_seconds
        free = seat.lanes - len(seat.ends) - len(seat.waiting)
        dispatch = Dispatch(steps, lane_steps, steps * seat.lanes, seconds)
        busy = seat.steps()
        return Progress(seat.group, seat.lanes, free, True, busy, dispatch), seconds

    def _save(self, is_last: bool) -> dict[str, LanePlace]:
        """Say where the busy lanes are saved; write them where anybody will look."""
        steps = {k: n for seat in self.seats for k, n in seat.steps().items()}
        if not is_last:
            file = f"{resume.FOLDER}/{next(self._crowd.numbers)}-{self.name}.npz"
            return {name: LanePlace(file, name, n) for name, n in steps.items()}
        state = ResumeState(0, [np.zeros(1, np.float32)])
        every, records = self._crowd.every, self._crowd.records
        lanes = {
            name: SavedLane(state, records[: n // every + 1])
            for name, n in steps.items()
        }
        return resume.save(
            self._crowd.run_dir, self.name, Resumable(lanes, {}, {}), every
        )

    def vanish(self) -> None:
        """Count what was trained in vain since the last save."""
        since = max(self._crowd.clock.now - self.saved, 0.0)
        busy = sum(len(seat.ends) for seat in self.seats)
        self._crowd.totals.lost += since * busy


class Crowd:
    """Any number of pretenders behind the protocol of a fleet.

    Args:
        clock: tells the time.
        grid: what is trained.
        lengths: steps after which each cell ends.
        machines: that train.
        run_dir: where lanes are saved.
    """

    outlives_workers = True
    invitation = "a worker that is lost comes back"

    def __init__(
        self,
        clock: Clock,
        grid: Grid,
        lengths: Mapping[str, int],
        machines: Machines,
        run_dir: Path,
    ) -> None:
        self.clock, self.lengths, self.machines = clock, lengths, machines
        self.run_dir, self.every = run_dir, int(grid.config["eval_every"])
        self.totals = Totals()
        self.numbers = itertools.count()
        self.ended = self.reports = self.losses = 0
        self.watch: Any = None
        """Called with every report before the coordinator sees it."""
        self.records = _records(max(lengths.values()) // self.every + 1, self.every)
        self._width = grid.groups[0].block_width
        self._rng = np.random.default_rng(0)
        self._opened: dict[int, float] = {}
        self._news: list[tuple[float, int, Any]] = []
        self._workers: dict[str, Pretender] = {}
        self._names = itertools.count()
        self.rejoin()

    def rejoin(self) -> None:
        """Let all workers come anew, as they do when the coordinator is another one."""
        self._news, self._workers = [], {}
        for _ in range(self.machines.workers):
            self._put(self.clock.now, "join", None)

    def opening(self, group: int, now: float) -> float:
        """Return the seconds that it takes to open a group from now on."""
        ready = self._opened.setdefault(group, now + COMPILE_SECONDS)
        return max(ready - now, LOAD_SECONDS)

    def result(self, cell_id: str) -> Result:
        """Return the result of a cell."""
        evals = self.lengths[cell_id] // self.every + 1
        return Result(cell_id, "done", SCHEMA, self._curves(evals), self._width)

    def send(self, worker: str, order: Order) -> None:
        """Put its answer where `next` finds it when its time has come."""
        content = wire.encode(order)
        self.clock.suspend()
        if pretender := self._workers.get(worker):
            report, seconds = pretender.do(wire.decode(content), self.clock.now)
            self._put(self.clock.now + seconds, "report", (worker, wire.encode(report)))
        self.clock.resume()

    def next(self) -> Report | Loss | None:
        """Go to the next news, at most a second ahead."""
        self.clock.suspend()
        news = self._next()
        if self.watch:
            self.watch()
        self.clock.resume()
        return wire.decode(news) if isinstance(news, bytes) else news

    def drop(self, worker: str, cause: str) -> None:
        """Expect nothing more of a worker."""
        self._workers.pop(worker, None)

    def close(self) -> None:
        """There is nothing to close."""

    def _next(self) -> bytes | Report | Loss | None:
        until = self.clock.now + 1.0
        while self._news and self._news[0][0] <= until:
            moment, _, (kind, payload) = heapq.heappop(self._news)
            self.clock.now = max(self.clock.now, moment)
            if kind == "join":
                return self._join()
            if kind == "lose" and payload in self._workers:
                self._workers.pop(payload).vanish()
                self.losses += 1
                self._put(self.clock.now + REBOOT_SECONDS, "join", None)
                return Loss(payload, "it does not answer any more")
            if kind == "report" and payload[0] in self._workers:
                self.reports += 1
                return bytes(payload[1])
        self.clock.now = max(self.clock.now, until)
        return None

    def _join(self) -> Report:
        name = f"worker-{next(self._names)}"
        self._workers[name] = Pretender(name, self)
        if math.isfinite(self.machines.lifetime):
            life = self._rng.exponential(self.machines.lifetime)
            self._put(self.clock.now + life, "lose", name)
        return self._workers[name].greet()

    def _put(self, moment: float, kind: str, payload: Any) -> None:
        heapq.heappush(self._news, (moment, next(self.numbers), (kind, payload)))

    def _curves(self, evals: int) -> np.ndarray:
        """Return curves that end with a grokked network."""
        records = self.records[:evals].copy()
        records[-min(evals, 20) :, 4] = 1.0
        return records


def _records(evals: int, every: int) -> np.ndarray:
    """Return curves [evals, columns] of a network that has memorised."""
    rng = np.random.default_rng(1)
    records = np.exp(0.1 * rng.normal(size=(evals, SCHEMA.width))).astype(np.float32)
    records[:, 0] = np.arange(evals) * every
    records[:, 2] = np.minimum(1.0, np.arange(evals) / 20)  # accuracy of training
    records[:, 4] = 0.1 * np.minimum(records[:, 4], 1.0)
    return records
