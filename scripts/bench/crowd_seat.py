"""A seat that trains nothing, the clock, and what is counted: for crowd.py.

>>> seat = Seat(Machines(workers=8, seats=8, lanes=128), every=100)
>>> ended, lane_steps = seat.train(assignment, lengths)
"""

import heapq
import math
import time
from collections.abc import Mapping
from typing import NamedTuple

from jaxgrok.fleet.messages import Assignment


class Machines(NamedTuple):
    """What trains.

    Attributes:
        workers: how many.
        seats: of each.
        lanes: of each seat.
        step_seconds: that a step of a seat takes, however many lanes are busy.
        lifetime: seconds after which a worker is lost, on average.
    """

    workers: int
    seats: int = 8
    lanes: int = 128
    step_seconds: float = 0.0138
    lifetime: float = math.inf


class Clock:
    """Virtual time: what workers take, and the CPU time that this thread takes."""

    def __init__(self) -> None:
        self.now = self.cpu = 0.0
        self._since: float | None = None

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self.now + self._running()

    def resume(self) -> None:
        """Let the coordinator run."""
        self._since = time.thread_time()

    def suspend(self) -> None:
        """Count what it has taken since."""
        taken = self._running()
        self.cpu += taken
        self.now += taken
        self._since = None

    def _running(self) -> float:
        return 0.0 if self._since is None else time.thread_time() - self._since


class Totals:
    """Seconds summed over lanes and seats.

    Attributes:
        lanes: that lanes were busy.
        seats: that seats were.
        lost: that lanes had been busy in vain, when their worker was lost.
    """

    def __init__(self) -> None:
        self.lanes = self.seats = self.lost = 0.0


class Seat:
    """Lanes that end when the lengths of their cells say so."""

    def __init__(self, machines: Machines, every: int) -> None:
        self._machines, self._every = machines, every
        self.lose()

    def lose(self) -> None:
        """Forget everything."""
        self.group: int | None = None
        self.lanes = self.step = 0
        self.opens = math.inf
        self.ends: list[tuple[int, str]] = []
        self.waiting: dict[str, int] = {}
        self.starts: dict[str, int] = {}
        """Cell → the step of the seat at which it would have been at step 0."""

    def steps(self) -> dict[str, int]:
        """Return the steps that each busy cell has made."""
        return {cell_id: self.step - start for cell_id, start in self.starts.items()}

    def start(self, lengths: Mapping[str, int]) -> None:
        """Start waiting cells in free lanes."""
        while self.waiting and len(self.ends) < self.lanes:
            cell_id = next(iter(self.waiting))
            done = self.waiting.pop(cell_id)
            self.starts[cell_id] = self.step - done
            heapq.heappush(self.ends, (self.step + lengths[cell_id] - done, cell_id))

    def train(
        self, assignment: Assignment, lengths: Mapping[str, int]
    ) -> tuple[list[str], int]:
        """Train; return the cells that have ended, and the lane-steps made."""
        chunk = self._machines.step_seconds * self._every
        chunks = max(int((assignment.seconds or 0.0) / chunk), 1)
        until, ended, lane_steps = self.step + chunks * self._every, [], 0
        self.start(lengths)
        while self.ends and self.step < until:
            to = min(until, self.ends[0][0])
            lane_steps += (to - self.step) * len(self.ends)
            self.step = to
            while self.ends and self.ends[0][0] == to:
                _, cell_id = heapq.heappop(self.ends)
                del self.starts[cell_id]
                ended.append(cell_id)
            if ended and not assignment.stays:
                break
            self.start(lengths)
        return ended, lane_steps
