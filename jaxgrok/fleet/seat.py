"""One engine of a worker, and the group of cells that it trains.

>>> seat = Seat(grid, engines, bits, keeps_final=True)
>>> progress = seat.do(Assignment(0, start={"3f0a": None}, seconds=1.0), {"3f0a": None})
"""

import functools
import hashlib
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import NamedTuple

from jaxgrok.engine import device_errors, sizing
from jaxgrok.engine.at_once import AtOnce
from jaxgrok.engine.engine import Engine
from jaxgrok.engine.pace import Pace
from jaxgrok.fleet.busy_cells import BusyCells
from jaxgrok.fleet.messages import Assignment, Dispatch, Progress
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.host import background, memory
from jaxgrok.results.files.saved_lanes import SavedLane
from jaxgrok.results.files.shards import Bits
from jaxgrok.training.setup import lane_of

Engines = Callable[[Group, int, AtOnce | None], Engine]
"""Builds the engine of a group for a number of cells, with no more at a time."""


OPEN_SECONDS = 1.0
"""How long a seat whose program is being compiled waits before it says so."""
LOOK_SECONDS = 0.1
"""Between two looks whether it is to answer sooner."""


class Open(NamedTuple):
    """The group that a seat is at."""

    group: int
    engine: Engine
    cells: BusyCells


class Seat:
    """Trains what is assigned, one group at a time.

    Args:
        grid: what assignments index.
        engines: builds the engine of a group.
        bits: what decides the last bits of results here.
        keeps_final: whether the last lanes of cells are kept.
        sings: whether it shows, as it opens a group, what it computes there.
        hurries: set where it is to answer soon, as its process is asked to end.

    Attributes:
        open: the group it is at, with all that is to be fetched from its cells.
    """

    def __init__(
        self,
        grid: Grid,
        engines: Engines,
        bits: Bits,
        *,
        keeps_final: bool,
        sings: bool = False,
        hurries: threading.Event | None = None,
    ) -> None:
        self._grid, self._engines, self._bits = grid, engines, bits
        self._keeps_final, self._sings = keeps_final, sings
        self._hurries = hurries or threading.Event()
        self._pace = Pace()
        self._opening: tuple[int, Future[Open]] | None = None
        self._at_most: dict[int, AtOnce] = {}
        """Of the groups that ran out of memory, what to compute at a time."""
        self._waiting: dict[str, SavedLane | None] = {}
        """Cells that were assigned, and have no lane yet."""
        self.open: Open | None = None

    def do(
        self, assignment: Assignment, lanes: Mapping[str, SavedLane | None]
    ) -> Progress:
        """Stop, start and train as assigned; tell what came of it.

        An error of the device ends the group, not the seat. Where memory runs out, the
        seat leaves the group, and computes less of it at a time the next time.

        Args:
            assignment: what to do.
            lanes: of the cells to start, those that were saved; None for anew.
        """
        try:
            return self._do(assignment, lanes)
        except device_errors.REFUSALS as error:
            if not device_errors.is_refusal(error):
                raise
            less = None
            if self.open and memory.ran_out(error):
                less = sizing.less(self.open.engine)
            self.open = None
            self._waiting = {}
            # The lanes are freed now: the frames of an error hold them.
            traceback.clear_frames(error.__traceback__)
            if less:
                self._at_most[assignment.group] = less
                return Progress(retreats=True)
            width = self._grid.groups[assignment.group].block_width
            failure = device_errors.cause(error, width)
            return Progress(assignment.group, failure=failure)

    @property
    def is_busy(self) -> bool:
        """Whether any lane trains a cell."""
        return bool(self.open and self.open.engine.cells)

    def save(self) -> dict[str, SavedLane]:
        """Copy all busy cells, to go on with them later or elsewhere."""
        return self.open.cells.save() if self.open else {}

    def _do(
        self, assignment: Assignment, lanes: Mapping[str, SavedLane | None]
    ) -> Progress:
        is_new = self.open is None or self.open.group != assignment.group
        work = self._work(assignment)
        if work is None:
            return Progress(assignment.group, is_opening=True)
        song = self._song(work) if is_new and self._sings else ""
        for cell_id, cause in assignment.stop.items():
            work.cells.stop(cell_id, cause)
        n_stopped = len(work.cells.results)
        self._waiting |= lanes
        self._start(work)
        dispatch = Dispatch()
        # A lane that ended at step 0 is free again: answer at once.
        if work.engine.cells and len(work.cells.results) == n_stopped:
            dispatch = self._train(work, assignment.seconds, assignment)
        if assignment.stays:
            dispatch = self._train_on(work, dispatch, assignment)
        return self._progress(work, dispatch)._replace(canary=song)

    def _train_on(
        self, work: Open, dispatch: Dispatch, assignment: Assignment
    ) -> Dispatch:
        """Make dispatches until the time is over, with waiting cells in free lanes."""
        seconds = assignment.seconds or 0.0
        while dispatch.seconds < seconds and not self._hurries.is_set():
            self._start(work)
            if not work.engine.cells:
                break
            more = self._train(work, seconds - dispatch.seconds, assignment)
            dispatch = dispatch.and_then(more)
        return dispatch

    def _work(self, assignment: Assignment) -> Open | None:
        """Return the engine at the assignment's group, None while it is being built."""
        if self.open is None or self.open.group != assignment.group:
            self.open = None  # Frees the lanes before others take their place.
            self.open = self._opened(assignment)
        return self.open

    def _built(self, assignment: Assignment) -> Open:
        """Build the engine of a group."""
        group = self._grid.groups[assignment.group]
        at_most = self._at_most.get(assignment.group)
        engine = self._engines(group, assignment.n_cells, at_most)
        cells = BusyCells(self._grid, engine, self._bits, keeps_final=self._keeps_final)
        return Open(assignment.group, engine, cells)

    def _opened(self, assignment: Assignment) -> Open | None:
        """Wait a while for the engine that another thread builds.

        Other seats train meanwhile, and who asks this one to stop is heard.
        """
        if self._opening is None or self._opening[0] != assignment.group:
            job = background.start(functools.partial(self._built, assignment))
            self._opening = assignment.group, job
        _, job = self._opening
        deadline = time.monotonic() + max(OPEN_SECONDS, assignment.seconds or 0.0)
        while not (job.done() or self._hurries.is_set()):
            if time.monotonic() >= deadline:
                break
            wait([job], LOOK_SECONDS)
        if not job.done():
            return None
        self._opening = None
        return job.result()

    def _song(self, work: Open) -> str:
        """Train the first cells of a group for a chunk; return a hash of what came out.

        Equal hashes mean equal programs, as far as a chunk can tell: two devices of one
        kind may still have compiled other ones.
        """
        engine, group = work.engine, self._grid.groups[work.group]
        cells = group.cells[: engine.width]
        lanes = {cell.id: lane_of(engine.setup, **cell.lane) for cell in cells}
        evaluations = [engine.admit(lanes), *engine.advance(engine.setup.eval_every)]
        vectors = engine.vectors([*lanes])
        digest = hashlib.sha256()
        for cell_id, vector in zip(lanes, vectors, strict=True):
            digest.update(vector.tobytes())
            for records in evaluations:
                digest.update(records[cell_id].tobytes())
            engine.release(cell_id)
        return digest.hexdigest()

    def _start(self, work: Open) -> None:
        """Start waiting cells in free lanes."""
        saved, anew = {}, []
        # Inside a chunk only an engine that is idle takes lanes of its own offset.
        if work.engine.offset and work.engine.cells:
            return
        for cell_id in list(self._waiting)[: work.engine.free]:
            lane = self._waiting.pop(cell_id)
            if lane is None:
                anew.append(cell_id)
            else:
                saved[cell_id] = lane
        work.cells.adopt(saved)
        work.cells.start(anew)
        # Cells end in any block. Moved into fewer blocks, they leave the others idle,
        # and idle blocks cost nothing.
        if not work.engine.offset and work.engine.free:
            work.engine.compact()

    def _train(
        self, work: Open, seconds: float | None, assignment: Assignment
    ) -> Dispatch:
        """Make one dispatch of about so many seconds."""
        if seconds is None:
            return Dispatch()
        engine, cells = work.engine, work.cells
        every, train_size = engine.setup.eval_every, engine.setup.train_size
        n_steps = self._pace.steps(train_size, seconds)
        # Parameters can be copied between dispatches only.
        n_steps = cells.steps_to_snapshot(n_steps)
        chunks = 1
        # Several chunks in flight keep the devices busy between evaluations, as far as
        # no lane can end inside them: it would compute steps that nobody wants.
        if not (assignment.every_evaluation or engine.offset) and n_steps >= every:
            chunks = min(n_steps // every, cells.evals_until_end())
        n_steps = min(n_steps, every - engine.offset)  # One chunk is never overrun.
        busy, executed = engine.busy, engine.executed
        started = time.perf_counter()
        evaluations = engine.advance(n_steps, chunks=chunks)
        dispatch = Dispatch(
            steps=n_steps * chunks,
            lane_steps=engine.busy - busy,
            executed=engine.executed - executed,
            seconds=time.perf_counter() - started,
        )
        self._pace.learn(
            train_size,
            steps=dispatch.steps,
            lane_steps=dispatch.lane_steps,
            seconds=dispatch.seconds,
        )
        for records in evaluations:
            cells.note(records)
        # After `note`: the records that it adds are what steps are counted by.
        cells.keep_due(engine.cells)
        return dispatch

    def _progress(self, work: Open, dispatch: Dispatch) -> Progress:
        engine = work.engine
        return Progress(
            group=work.group,
            lanes=engine.lanes,
            free=0 if engine.offset else engine.free - len(self._waiting),
            between_chunks=not engine.offset,
            busy=work.cells.steps,
            dispatch=dispatch,
            short=engine.short,
        )
