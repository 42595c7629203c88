"""Commands whose disk refuses what it is chosen to refuse.

>>> with BadDisk(folder, environment) as disk:
...     calls = disk.run(SWEEP, words, watched=out).calls
"""

import ctypes
import errno
import os
import subprocess
from functools import partial
from pathlib import Path
from typing import NamedTuple

from chaos_rows import hooks
from chaos_rows.forks import Forks, Hook

SOURCE = Path(__file__).with_name("bad_disk.c")
STRUCK = "struck"
SHORT = 0
"""In place of a number of `errno`: a write that writes half of what it is given."""
STEPS = 10
"""Of a dispatch: it is over before a cell is."""
SHARD_BYTES = 4_000
"""Bytes of snapshots that start a new shard."""


class Fault(NamedTuple):
    """A call that fails.

    Attributes:
        place: an operation, and a path without its digits and hashes.
        call: which one of that place, from 1.
        number: of `errno`, or SHORT.
        stays: whether all later calls fail as well.
    """

    place: str
    call: int
    number: int
    stays: bool

    def __str__(self) -> str:
        """Say what fails, and how."""
        name = errno.errorcode.get(self.number, "a short write")
        when = "from then on" if self.stays else "once"
        return f"{name} {when}, {self.place}, call {self.call}"


class Ended(NamedTuple):
    """What a command did.

    Attributes:
        code: its exit code.
        said: what it printed.
        calls: the place of each, in their order.
        is_struck: whether the fault was reached.
    """

    code: int
    said: str
    calls: list[str]
    is_struck: bool


class BadDisk:
    """Runs commands in forks of one process that has imported what they need.

    Args:
        folder: for the library, and for what commands print.
        environment: variables on top of those of this process.
        first: what is done before each command.
    """

    def __init__(self, folder: Path, environment: dict[str, str], *first: Hook) -> None:
        library = folder / "bad_disk.so"
        compiler = ["cc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE]
        subprocess.run([*compiler, "-ldl", "-lpthread"], check=True)
        self._log, self._calls = folder / "log.txt", folder / "calls.txt"
        first += (partial(hooks.hurry), partial(divide))
        preloaded = environment | {"LD_PRELOAD": str(library)}
        self.forks = Forks(self._log, preloaded, *first)

    def __enter__(self) -> "BadDisk":
        return self

    def __exit__(self, *error: object) -> None:
        self.forks.__exit__(*error)

    def run(
        self,
        function: str,
        words: list[str],
        watched: Path,
        fault: Fault | None = None,
    ) -> Ended:
        """Run a command to its end.

        Args:
            function: its main, as MODULE:FUNCTION.
            words: its arguments.
            watched: the folder whose files the fault is about.
            fault: what fails; nothing by default.
        """
        for file in (self._log, self._calls):
            file.unlink(missing_ok=True)
        paths = {"watched": str(watched), "calls": str(self._calls)}
        code = self.forks.whole(function, words, partial(refuse, **paths, fault=fault))
        calls = [line.split("\t") for line in self._calls.read_text().splitlines()]
        is_struck = any(verdict == STRUCK for verdict, _ in calls)
        said = self._log.read_text()
        return Ended(code, said, [place for _, place in calls], is_struck)


def divide(say: hooks.Say) -> None:
    """Let a small run come to the calls of a large one: in a fork."""
    from jaxgrok.engine.pace import Pace
    from jaxgrok.results import snapshots

    Pace.steps = lambda *_: STEPS  # type: ignore[method-assign]
    snapshots.SHARD_BYTES = SHARD_BYTES


def refuse(
    say: hooks.Say,
    watched: str,
    calls: str,
    fault: tuple[str, int, int, bool] | None = None,
) -> None:
    """Watch the files of a run, and choose the call that is to fail: in a fork.

    Args:
        say: not needed.
        watched: folder of the files.
        calls: file for a line a call.
        fault: as a `Fault`.
    """
    disk = ctypes.CDLL(None)
    log = os.open(calls, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    if fault:
        place, call, number, stays = fault
        disk.bad_disk_fault(place.encode(), ctypes.c_long(call), number, stays)
    disk.bad_disk_begin(watched.encode(), log)
