"""What a coordinator and a worker tell each other: numbers, text and arrays.

>>> progress = worker.do(Assignment(group=0, n_cells=72))
>>> progress = worker.do(Assignment(0, start={"3f0a": None}, seconds=1.0))
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxgrok.engine.platform import Platform
from jaxgrok.results.files.resume import SavedLane
from jaxgrok.results.files.shards import Result


class Assignment(NamedTuple):
    """What a worker is to do next.

    Cells start and stop between chunks only. An assignment that names another group
    than the one before it starts nothing: its answer tells how many lanes are free.

    Attributes:
        group: index of the group in the grid.
        n_cells: cells of the group that may still need a lane; bounds their number.
        start: cells to start, anew (None) or from a saved lane.
        stop: cells to stop, and why.
        seconds: how long to train, about; None: not at all.
        every_evaluation: whether to answer at each evaluation, however soon.
        save: whether to answer with the busy lanes as they are at the end.
        keep_final: whether to answer with the lanes of cells that spend their budget.
    """

    group: int
    n_cells: int = 0
    # All assignments share these defaults, so nobody may change a mapping in place.
    start: Mapping[str, SavedLane | None] = {}
    stop: Mapping[str, str] = {}
    seconds: float | None = None
    every_evaluation: bool = False
    save: bool = False
    keep_final: bool = False


class Snapshot(NamedTuple):
    """Parameters of a cell at a step, as one vector."""

    cell_id: str
    step: int
    vector: np.ndarray


class Dispatch(NamedTuple):
    """What was computed in one go, for the pace to learn from.

    Attributes:
        steps: steps made by each busy lane.
        lane_steps: the same, summed over busy lanes.
        executed: the same, idle lanes of active blocks included.
        seconds: wall time.
    """

    steps: int = 0
    lane_steps: int = 0
    executed: int = 0
    seconds: float = 0.0


class Progress(NamedTuple):
    """A worker's answer; with no group, its greeting.

    Attributes:
        worker: name of the worker.
        platform: its devices.
        group: index of the group it is at; None for none yet.
        lanes: its lanes in all.
        free: those that can take a cell in the next assignment.
        between_chunks: whether cells can start and stop in the next assignment.
        busy: steps that each busy cell has made.
        results: of cells that ended, in that order.
        snapshots: parameters that were due.
        shapes: shape of each parameter of the snapshots.
        saved: busy lanes, where the assignment asked for them.
        final: likewise, lanes of cells that spent their budget.
        dispatch: what was computed.
        failure: why the group cannot be trained; its busy cells are lost.
    """

    worker: str
    platform: Platform
    group: int | None = None
    lanes: int = 0
    free: int = 0
    between_chunks: bool = True
    busy: Mapping[str, int] = {}
    results: Sequence[Result] = ()
    snapshots: Sequence[Snapshot] = ()
    shapes: Mapping[str, tuple[int, ...]] = {}
    saved: Mapping[str, SavedLane] = {}
    final: Mapping[str, SavedLane] = {}
    dispatch: Dispatch = Dispatch()
    failure: str = ""
