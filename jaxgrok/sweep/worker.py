"""Trains the cells that a coordinator assigns, on the devices of one machine.

>>> worker = Worker(grid, engines)
>>> progress = worker.do(Assignment(group=0, n_cells=len(grid.groups[0].cells)))
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax

from jaxgrok.engine import device_errors
from jaxgrok.engine.engine import Engine
from jaxgrok.engine.pace import Pace
from jaxgrok.engine.platform import Platform
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.host import machine
from jaxgrok.sweep.busy_cells import BusyCells
from jaxgrok.sweep.messages import Assignment, Dispatch, Progress

Engines = Callable[[Group, int], Engine]
"""Builds the engine of a group, for a number of cells."""


class Worker:
    """Train what is assigned, one group at a time.

    Args:
        grid: what assignments index.
        engines: builds the engine of a group.
        name: who answers.
    """

    def __init__(self, grid: Grid, engines: Engines, name: str = "local") -> None:
        self._grid, self._engines, self._name = grid, engines, name
        self._platform = Platform.of(jax.local_devices())
        self._bits = machine.bits()
        self._pace = Pace()
        self._open: _Open | None = None

    def greet(self) -> Progress:
        """Return the first message: this worker is idle."""
        return Progress(self._name, self._platform)

    def do(self, assignment: Assignment) -> Progress:
        """Stop, start, train and save as assigned; tell what came of it.

        An error of the device ends the group, not the worker.
        """
        try:
            return self._do(assignment)
        except device_errors.REFUSALS as error:
            if not device_errors.is_refusal(error):
                raise
            self._open = None
            width = self._grid.groups[assignment.group].block_width
            failure = device_errors.cause(error, width)
            return self.greet()._replace(group=assignment.group, failure=failure)

    def _do(self, assignment: Assignment) -> Progress:
        work = self._work(assignment)
        work.cells.keeps_final = assignment.keep_final
        for cell_id, cause in assignment.stop.items():
            work.cells.stop(cell_id, cause)
        n_stopped = len(work.cells.results)
        self._start(work, assignment)
        dispatch = Dispatch()
        # A lane that ended at step 0 is free again: answer at once.
        if work.engine.cells and len(work.cells.results) == n_stopped:
            dispatch = self._train(work, assignment)
        return self._answer(work, dispatch, assignment.save)

    def _work(self, assignment: Assignment) -> "_Open":
        """Return the engine at the assignment's group; build it if need be."""
        if self._open is None or self._open.group != assignment.group:
            self._open = None  # Frees the lanes before others take their place.
            group = self._grid.groups[assignment.group]
            engine = self._engines(group, assignment.n_cells)
            cells = BusyCells(self._grid, engine, self._bits)
            self._open = _Open(assignment.group, engine, cells)
        return self._open

    def _start(self, work: "_Open", assignment: Assignment) -> None:
        saved, anew = {}, []
        for cell_id, lane in assignment.start.items():
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

    def _train(self, work: "_Open", assignment: Assignment) -> Dispatch:
        """Make one dispatch of about the assigned length."""
        if assignment.seconds is None:
            return Dispatch()
        engine, cells = work.engine, work.cells
        every, train_size = engine.setup.eval_every, engine.setup.train_size
        n_steps = self._pace.steps(train_size, assignment.seconds)
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

    def _answer(self, work: "_Open", dispatch: Dispatch, save: bool) -> Progress:
        engine, cells = work.engine, work.cells
        results, cells.results = cells.results, []
        snapshots, cells.snapshots = cells.snapshots, []
        final, cells.final = cells.final, {}
        return Progress(
            worker=self._name,
            platform=self._platform,
            group=work.group,
            lanes=engine.lanes,
            free=0 if engine.offset else engine.free,
            between_chunks=not engine.offset,
            busy=cells.steps,
            results=results,
            snapshots=snapshots,
            shapes=engine.shapes,
            saved=cells.save() if save else {},
            final=final,
            dispatch=dispatch,
        )


class _Open(NamedTuple):
    """The group a worker is at."""

    group: int
    engine: Engine
    cells: BusyCells
