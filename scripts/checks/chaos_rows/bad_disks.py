"""Commands whose disk refuses what it is chosen to refuse.

>>> with BadDisk(folder, environment) as disk:
...     calls = disk.run("jaxgrok.sweep.__main__", words, watched=out).calls
"""

import errno
import json
import os
import select
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
STRUCK = "struck"
SHORT = 0
"""In place of a number of `errno`: a write that writes half of what it is given."""
PATIENCE = 600.0
"""Seconds after which a command that says nothing counts as hanging."""


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
        said: its standard error.
        calls: how often it came to each place, in the order of the first times.
        is_struck: whether the fault was reached.
    """

    code: int
    said: str
    calls: Counter[str]
    is_struck: bool


class BadDisk:
    """Runs commands in forks of one process that has imported what they need.

    Args:
        folder: for the library, and for what commands print.
        environment: variables on top of those of this process.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        library = folder / "bad_disk.so"
        source = FOLDER / "bad_disk.c"
        compiler = ["cc", "-shared", "-fPIC", "-O1", "-o", library, source]
        subprocess.run([*compiler, "-ldl", "-lpthread"], check=True)
        own = {"JAX_PLATFORMS": "cpu", "MPLBACKEND": "agg", "LD_PRELOAD": str(library)}
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, str(FOLDER / "forked_commands.py"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | own | environment,
        )
        assert self._answer() == "ready"

    def __enter__(self) -> "BadDisk":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def run(
        self,
        module: str,
        words: list[str],
        watched: Path,
        fault: Fault | None = None,
        *,
        draws: bool = True,
    ) -> Ended:
        """Run a command to its end.

        Args:
            module: whose main is the command.
            words: its arguments.
            watched: the folder whose files the fault is about.
            fault: what fails; nothing by default.
            draws: whether figures are drawn, and not left empty.
        """
        order: dict[str, Any] = {"module": module, "words": words, "draws": draws}
        order["watched"] = str(watched)
        if fault:
            order["fault"] = tuple(fault)
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = self._answer()
        lines = (self._folder / "calls.txt").read_text().splitlines()
        calls = [line.split("\t") for line in lines]
        is_struck = any(verdict == STRUCK for verdict, _ in calls)
        said = (self._folder / "err.txt").read_text()
        return Ended(code, said, Counter(place for _, place in calls), is_struck)

    def _answer(self) -> Any:
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            raise TimeoutError(f"a command hangs; {self._folder} says more")
        return json.loads(self._process.stdout.readline())
