"""Commands in forks of one process, which a row may end where it wants.

>>> with Forks(log) as forks:
...     run = forks.begin(SWEEP, words, partial(hooks.hold, place="chunk", skip=3))
...     if run.reaches_place(): run.kill()
...     differing = forks.call("chaos_rows.sameness:differences", str(out), str(whole))
"""

import contextlib
import functools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos_rows import leash

PATIENCE = 600.0
"""Seconds after which a command that says nothing counts as hanging."""
PROGRAM = Path(__file__).with_name("fork_server.py")
SWEEP = "jaxgrok.sweep.__main__:main"
SEARCH = "jaxgrok.crossover.__main__:main"
Hook = functools.partial[object]
"""A function of modules that the fork can import; its first argument says a word and a
value to who began the fork. Its options are given by their names."""


class Fork:
    """A command that was begun, with the methods of `subprocess.Popen` that rows use.

    Attributes:
        pid: of its process.
        returncode: None while it runs; a signal's is negative.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.lines: queue.Queue[tuple[str, Any]] = queue.Queue()

    def reaches_place(self) -> bool:
        """Wait until it is where it is to be held; False where it ended."""
        return self._next()[0] == "at"

    def poll(self) -> int | None:
        """Return its exit code, None if it runs."""
        while self.returncode is None and not self.lines.empty():
            self._next()
        return self.returncode

    def wait(self) -> int:
        """Wait for its end; its exit code."""
        while self.returncode is None:
            self._next()
        return self.returncode

    def value(self) -> Any:
        """Wait for what it has to tell.

        Raises:
            ChildProcessError: it ended before.
        """
        word, value = self._next()
        if word != "value":
            raise ChildProcessError(f"ended with code {value}; log.txt says more")
        self.wait()
        return value

    def send_signal(self, number: int) -> None:
        """Send it a signal.

        Raises:
            ProcessLookupError: it has ended.
        """
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once, if it runs."""
        with contextlib.suppress(ProcessLookupError):
            if self.poll() is None:
                self.send_signal(signal.SIGKILL)

    def _next(self) -> tuple[str, Any]:
        try:
            word, value = self.lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise TimeoutError(f"process {self.pid} hangs") from None
        if word == "code":
            self.returncode = value
        return word, value


class Forks:
    """Begins commands.

    Args:
        log: file that what they print is added to.
        environment: variables on top of those of this process.
        first: what is done before each command.
    """

    def __init__(
        self, log: Path, environment: dict[str, str] | None = None, *first: Hook
    ) -> None:
        self._log, self._first = log, first
        own = {"JAX_PLATFORMS": "cpu", "MPLBACKEND": "agg"}
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | own | (environment or {}),
            preexec_fn=leash.end_with_parent,
        )
        self._forks: dict[int, Fork] = {}
        self._begun: queue.Queue[Fork | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> "Forks":
        return self

    def __exit__(self, *_: object) -> None:
        # It takes its forks with it.
        self._process.kill()
        self._process.wait()

    def begin(self, function: str, words: list[str], *first: Hook) -> Fork:
        """Start a command.

        Args:
            function: the main that is the command, as MODULE:FUNCTION.
            words: its arguments.
            first: what is done before, behind what is done before each.
        """
        return self._begin(function, words, first, tells=False)

    def whole(self, function: str, words: list[str], *first: Hook) -> int:
        """Run a command to its end; its exit code."""
        return self.begin(function, words, *first).wait()

    def call(self, function: str, *arguments: str | int) -> Any:
        """Return what a function returns that is given as MODULE:FUNCTION."""
        return self._begin(function, [*arguments], (), tells=True).value()

    def _begin(
        self, function: str, words: list[Any], first: Sequence[Hook], *, tells: bool
    ) -> Fork:
        order = {"function": function, "words": words, "tells": tells}
        order |= {"log": str(self._log), "first": []}
        for hook in (*self._first, *first):
            name = f"{hook.func.__module__}:{hook.func.__name__}"  # type: ignore[attr-defined]
            order["first"].append((name, hook.keywords))
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        fork = self._begun.get(timeout=PATIENCE)
        if fork is None:
            raise ChildProcessError("the process that forks has ended")
        return fork

    def _read(self) -> None:
        """Hand every line to whom it is about."""
        assert self._process.stdout
        for line in self._process.stdout:
            word, pid, value = json.loads(line)
            if word == "pid":
                self._forks[pid] = Fork(pid)
                self._begun.put(self._forks[pid])
            elif fork := self._forks.get(pid):
                fork.lines.put((word, value))
        code = self._process.wait()
        self._begun.put(None)
        for fork in self._forks.values():
            fork.lines.put(("code", code))
