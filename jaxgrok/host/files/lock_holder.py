"""Who holds the lock of a folder, as the one whom it keeps out reads it.

>>> str(Holder.present())
'process 7 on a, since 2026-11-28T07:15:27Z: jaxgrok sweep --grid wd_vs_frac'
"""

import dataclasses
import json
import os
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

from jaxgrok.host.clock import utc_now
from jaxgrok.host.files.sealed import parsed
from jaxgrok.host.files.typed import record
from jaxgrok.host.processes import is_alive

LONGEST = 200
"""Characters of a command that are kept."""


@dataclasses.dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Attributes:
        process: its number on the machine `host`.
        host: name of that machine.
        since: when it took the lock, in UTC.
        command: its command line.
    """

    process: int
    host: str
    since: str
    command: str

    def __str__(self) -> str:
        return (
            f"process {self.process} on {self.host}, since {self.since}: {self.command}"
        )

    @classmethod
    def present(cls) -> "Holder":
        """Return this process, which takes a lock now."""
        return cls(os.getpid(), platform.node(), utc_now(), _command())

    @classmethod
    def from_bytes(cls, content: bytes) -> "Holder | None":
        """Read a holder that was written; None for anything else."""
        try:
            holder = record(cls, parsed(content))
        except ValueError:
            return None
        words = holder.host, holder.since, holder.command
        return holder if all(len(word) <= LONGEST + 1 for word in words) else None

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @property
    def is_gone(self) -> bool:
        """Whether it surely runs no more; False for one on another machine."""
        return self.host == platform.node() and not is_alive(self.process)


def _command() -> str:
    """Return the command line of this process, as one may type it."""
    module: Any = getattr(sys.modules.get("__main__"), "__spec__", None)
    if module is None:
        start = [Path(sys.argv[0]).name]
    else:
        # Of `python -m`, which has put the path of a file in the place of its name.
        start = ["python", "-m", module.name.removesuffix(".__main__")]
    text = shlex.join([*start, *sys.argv[1:]])
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
