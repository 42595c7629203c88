"""What a running sweep says of itself, for those who look from elsewhere: status.json.

It lies in the run directory while cells train, and goes when they have ended or were
interrupted in order. Where it is and no such process, the sweep was killed.

>>> write(run_dir, Live(process=os.getpid(), counts={"grokking": 8}))
>>> read(run_dir).counts
{'grokking': 8}
"""

import dataclasses
import json
import os
import platform

from jaxgrok.host.clock import utc_now
from jaxgrok.host.files import sealed
from jaxgrok.host.files.atomic_files import write_atomically
from jaxgrok.host.files.paths import AnyPath, content_of
from jaxgrok.host.files.typed import record
from jaxgrok.host.processes import is_alive

FILE = "status.json"


@dataclasses.dataclass(frozen=True)
class WorkerStatus:
    """What one worker does.

    Attributes:
        name: of the worker.
        device: what it computes on, and how many of it.
        busy: lanes that train a cell.
        lanes: all its lanes.
        group: the group it is at, counted from 0; None for none.
        pace: lane-steps that it makes a second.
    """

    name: str
    device: str
    busy: int
    lanes: int
    group: int | None
    pace: float = 0.0


@dataclasses.dataclass(frozen=True)
class Live:
    """A running sweep at one moment.

    Attributes:
        counts: finished cells, by how they ended.
        busy: lanes that train a cell.
        lanes: all lanes.
        pace: lane-steps a second; None before the first.
        elapsed: seconds since this process began.
        left: seconds to go at least, and at most; None where nobody knows.
        last_failure: why cells failed last, "" if none did.
        memory: what is computed at a time, where memory is short, in words.
        workers: those that answered.
        losses: workers that are gone.
        process: its number on the machine `host`.
        host: name of that machine.
        updated: when this was written.
    """

    counts: dict[str, int]
    busy: int = 0
    lanes: int = 0
    pace: float | None = None
    elapsed: float = 0.0
    left: tuple[float, float] | None = None
    last_failure: str = ""
    memory: str = ""
    workers: tuple[WorkerStatus, ...] = ()
    losses: int = 0
    process: int = dataclasses.field(default_factory=os.getpid)
    host: str = dataclasses.field(default_factory=platform.node)
    updated: str = dataclasses.field(default_factory=utc_now)

    @property
    def is_alive(self) -> bool:
        """Whether the process is there; True for one on another machine."""
        return self.host != platform.node() or is_alive(self.process)


def write(path: AnyPath, live: Live) -> None:
    """Replace the status of a run directory."""
    text = json.dumps(dataclasses.asdict(live), ensure_ascii=False)
    write_atomically(path / FILE, sealed.sealed(text))


def exists(path: AnyPath) -> bool:
    """Tell whether a run is trained now, or was killed."""
    return (path / FILE).exists()


def remove(path: AnyPath) -> None:
    """Remove the status of a run directory, if there is one."""
    (path / FILE).unlink(missing_ok=True)


def read(path: AnyPath) -> Live | None:
    """Return the status of a run directory; None without one, or if it is damaged."""
    try:
        return record(Live, sealed.unsealed(content_of(path / FILE)))
    except (OSError, ValueError):
        return None
