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
from pathlib import Path

from jaxgrok.host.clock import utc_now
from jaxgrok.host.files import sealed
from jaxgrok.host.files.atomic_files import write_atomically
from jaxgrok.host.files.paths import AnyPath, content_of
from jaxgrok.host.files.typed import record

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
    workers: tuple[WorkerStatus, ...] = ()
    losses: int = 0
    process: int = dataclasses.field(default_factory=os.getpid)
    host: str = dataclasses.field(default_factory=platform.node)
    updated: str = dataclasses.field(default_factory=utc_now)

    @property
    def is_alive(self) -> bool:
        """Whether the process is there; True for one on another machine."""
        if self.host != platform.node():
            return True
        try:
            # Signal 0 reaches nobody; Windows would end the process with it.
            if os.name != "nt":
                os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):
            pass  # somebody else's process
        return not _is_zombie(self.process)


def _is_zombie(process: int) -> bool:
    """Tell whether a process has ended, and nobody has asked how; False if unknown."""
    try:
        # After the name, which is in parentheses and may hold any character.
        state = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2]
    except OSError:
        return False
    return state.split()[:1] == [b"Z"]


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
