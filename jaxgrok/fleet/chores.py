"""Periodic jobs of a coordinator, each kept to a small share of the time.

>>> chores = Chores()
>>> chores.run_if_due("flush", ledger.flush)
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from jaxgrok.host.durations import setting


class Period(NamedTuple):
    """How often a job runs.

    Attributes:
        seconds: minimum between two runs.
        spacing: after a job, wait at least this multiple of its own duration, so that
            it costs at most 1/spacing of the time.
        most: seconds from the start of a run to the end of the next, however long they
            take; what is lost to a kill.
    """

    seconds: float
    spacing: float
    most: float = math.inf

    def wait(self, took: float) -> float:
        """Return how long to wait after a run that took so many seconds."""
        room = max(self.most - 2 * took, took)
        return max(self.seconds, min(self.spacing * took, room))


PERIODS = {
    "status": Period(seconds=2.0, spacing=50),
    "flush": Period(seconds=10.0, spacing=10),
    # These take the longer, the more cells there are: minutes apart at 100,000.
    "tables": Period(seconds=10.0, spacing=400),
    "manifest": Period(seconds=0.0, spacing=500),
    "estimate": Period(seconds=0.0, spacing=500),
    # With the dispatch in hand, a kill costs at most a minute.
    "save": Period(seconds=25.0, spacing=30, most=55.0),
    # Of workers elsewhere, hundreds of which may share a disk; at most 5 minutes.
    "fleet_save": Period(setting("JAXGROK_SAVE", 200.0), spacing=10, most=250.0),
    "trim": Period(seconds=10.0, spacing=100),
    "redraw": Period(seconds=60.0, spacing=100),
}


class Chores:
    """Remember when each job of PERIODS is due."""

    def __init__(self) -> None:
        start = time.monotonic()
        self._due = {name: start + p.seconds for name, p in PERIODS.items()}

    def is_due(self, name: str) -> bool:
        """Tell whether the time of a job has come."""
        return time.monotonic() >= self._due[name]

    def run_if_due(self, name: str, job: Callable[[], object]) -> None:
        """Run a job whose time has come."""
        if self.is_due(name):
            self.run(name, job)

    def run(self, name: str, job: Callable[[], object]) -> None:
        """Run a job now; the longer it takes, the later it is due again."""
        start = time.monotonic()
        job()
        end = time.monotonic()
        self._due[name] = end + PERIODS[name].wait(end - start)
