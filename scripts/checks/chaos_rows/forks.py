"""Runs in forks of one process, which a row may end where it wants.

>>> with Forks(log) as forks:
...     forks.begin("jaxgrok.sweep.__main__", words, place="chunk", skip=3)
...     if forks.reaches_place(): forks.end(signal.SIGKILL)
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

PATIENCE = 600.0
"""Seconds after which a run that says nothing counts as hanging."""
PROGRAM = Path(__file__).with_name("held_runs.py")
HELD = 3600.0
"""How long a run is held: until it is ended."""


class Forks:
    """Runs of commands, one at a time.

    Args:
        log: file that what they print is added to.
        environment: variables on top of those of this process.
    """

    def __init__(self, log: Path, environment: dict[str, str] | None = None) -> None:
        own = {"JAX_PLATFORMS": "cpu", "MPLBACKEND": "agg"}
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | own | (environment or {}),
        )
        self._lines: queue.Queue[tuple[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.pid = 0
        self.code: int | None = None
        """Of the command that was begun last; None while it runs."""
        self._expect("ready")

    def __enter__(self) -> "Forks":
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid and self.code is None:
            os.kill(self.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def begin(
        self,
        module: str,
        words: list[str],
        *,
        place: str = "",
        skip: int = 0,
        hold: float = HELD,
        hurry: bool = True,
        seed: int = 0,
    ) -> None:
        """Start a command; it is held where it comes to a place once more than `skip`.

        Args:
            module: whose main is the command.
            words: its arguments.
            place: one of `places.PLACES`.
            skip: times that it passes the place before.
            hold: seconds that it stays there.
            hurry: whether it writes at once what runs write now and then.
            seed: of what chance decides there.
        """
        order = {"module": module, "words": words, "place": place, "skip": skip}
        order |= {"hold": hold, "hurry": hurry, "seed": seed}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self.code = None
        self.pid = self._expect("pid")

    def reaches_place(self) -> bool:
        """Wait until the command is where it is to be held; False where it ended."""
        word, value = self._lines.get(timeout=PATIENCE)
        if word == "code":
            self.code = value
        return word == "at"

    def send(self, number: int) -> None:
        """Send a signal to the command."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for the end of the command; its exit code, a signal's negative."""
        while self.code is None:
            self.reaches_place()
        return self.code

    def whole(self, module: str, words: list[str], **options: Any) -> int:
        """Run a command to its end; its exit code."""
        self.begin(module, words, **options)
        return self.wait()

    def _expect(self, word: str) -> Any:
        said, value = self._lines.get(timeout=PATIENCE)
        assert said == word, (said, value)
        return value

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(tuple(json.loads(line)))
        self._lines.put(("code", self._process.wait()))
