"""What a coordinator and a worker tell each other: numbers, text and arrays.

A worker has seats, one for each engine that it runs. An order has an assignment for
some of them, and a report has the progress of those.

>>> report = worker.do(Order({0: Assignment(group=0, n_cells=72)}))
>>> report = worker.do(Order({0: Assignment(0, start={"3f0a": None}, seconds=1.0)}))
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxgrok.engine.platform import Platform
from jaxgrok.results.files.saved_lanes import LanePlace
from jaxgrok.results.files.shards import Result

LONGEST = 200
"""Characters of an error that the other side is told."""


class Assignment(NamedTuple):
    """What a seat is to do next.

    Cells start and stop between chunks only. An assignment that names another group
    than the one before it starts nothing: its answer tells how many lanes are free.

    Attributes:
        group: index of the group in the grid.
        n_cells: cells of the group that may still need a lane; bounds their number.
        start: cells to start, anew (None) or from a lane that was saved. Those that
            find no free lane wait at the seat for one.
        stop: cells to stop, and why.
        seconds: how long to train, about; None: not at all.
        every_evaluation: whether to answer at each evaluation, however soon.
        stays: whether to train for all of those seconds, though lanes become free.
    """

    group: int
    n_cells: int = 0
    # All assignments share these defaults, so nobody may change a mapping in place.
    start: Mapping[str, LanePlace | None] = {}
    stop: Mapping[str, str] = {}
    seconds: float | None = None
    every_evaluation: bool = False
    stays: bool = False


class Order(NamedTuple):
    """What a worker is to do next.

    Attributes:
        assignments: by seat.
        save: whether to write all that is in memory alone, whether it is due or not.
    """

    assignments: Mapping[int, Assignment]
    save: bool = False


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

    def and_then(self, other: "Dispatch") -> "Dispatch":
        """Return both in one."""
        return Dispatch(
            self.steps + other.steps,
            self.lane_steps + other.lane_steps,
            self.executed + other.executed,
            self.seconds + other.seconds,
        )


class Progress(NamedTuple):
    """A seat's answer.

    Attributes:
        group: index of the group it is at; None for none yet.
        lanes: its lanes in all.
        free: those that can take a cell in the next assignment, less the cells that
            wait for one already.
        between_chunks: whether cells can start and stop in the next assignment.
        busy: steps that each busy cell has made.
        dispatch: what was computed.
        failure: why the group cannot be trained; its busy cells are lost.
        is_opening: whether the program of the group is still being compiled.
        canary: as the group was opened, a hash of what its first cells computed; ""
            where nobody asked for it.
        retreats: whether it has left its group, as memory ran out; its busy cells go on
            from where they were saved, and less of them at a time.
        short: what is computed at a time, where memory is short, in words.
    """

    group: int | None = None
    lanes: int = 0
    free: int = 0
    between_chunks: bool = True
    busy: Mapping[str, int] = {}
    dispatch: Dispatch = Dispatch()
    failure: str = ""
    is_opening: bool = False
    canary: str = ""
    retreats: bool = False
    short: str = ""


class Refusal(NamedTuple):
    """What the system said as it refused to write: a number of `errno`, and words."""

    number: int
    words: str


class Report(NamedTuple):
    """A worker's answer; its first one is its greeting.

    Attributes:
        worker: its name.
        platform: its devices.
        seats: progress of each seat that the order had an assignment for; of all in the
            greeting.
        results: of cells that ended, in that order; their snapshots are on disk.
        saved: where the busy lanes are saved, where they were saved just now.
        refusal: why something could not be written. The snapshots of `results` may be
            lost then.
        notes: lines that the user should read.
        is_leaving: whether it leaves: what it holds goes on elsewhere.
    """

    worker: str
    platform: Platform
    seats: Mapping[int, Progress]
    results: Sequence[Result] = ()
    saved: Mapping[str, LanePlace] = {}
    refusal: Refusal | None = None
    notes: Sequence[str] = ()
    is_leaving: bool = False


class Job(NamedTuple):
    """What a worker elsewhere is told before it is ordered anything.

    Attributes:
        config: of the grid, as plain values.
        grid_file: text of the file that registers what the config names; "" for none.
        grid_path: where the coordinator has that file, and its neighbours.
        cells: hash of the cells that the grid has, as the coordinator resolved it.
        worker: what the worker is called from now on.
        nonce: of the coordinator.
    """

    config: Mapping[str, Any]
    grid_file: str
    grid_path: str
    cells: str
    worker: str
    nonce: str


class Farewell(NamedTuple):
    """The last word to a worker.

    Attributes:
        cause: why it is not wanted; "" where all is done.
    """

    cause: str = ""


class Loss(NamedTuple):
    """A worker is gone, with all that it has not reported.

    Attributes:
        worker: its name.
        cause: why, in a few words.
        is_crash: whether what it was ordered has raised an error there.
    """

    worker: str
    cause: str
    is_crash: bool = False


def words_of(error: Exception) -> str:
    """Return an error as one line, for a `Farewell` or a `Loss`."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:LONGEST]}"
