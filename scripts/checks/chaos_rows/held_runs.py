"""Command lines, each in a fork of a process that has imported what they need.

    python held_runs.py LOG

Reads a line of JSON a command from its input. Says "pid" and the number of its process,
"at" where that is held, and "code" once it has ended; what it prints is added to LOG. A
command that is held sleeps at the place that was asked for until a signal ends it.
"""

import importlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = map(str, (ROOT, ROOT / "tests", ROOT / "scripts" / "checks"))

from chaos_rows import places  # noqa: E402

MODULES = (
    "jaxgrok.sweep.__main__",
    "jaxgrok.sweep.run",
    "jaxgrok.analyse.survey",
    "jaxgrok.analyse.induction_heads",
    "jaxgrok.crossover.find",
    "jaxgrok.report.page",
    "jaxgrok.plots.run_figures",
    "jaxgrok.host.files.trees",
    "matplotlib.backends.backend_agg",
)
"""What most commands import; no thread of JAX runs before a fork."""


def main() -> None:
    from jaxgrok.host import machine

    machine.prepare()
    for name in MODULES:
        importlib.import_module(name)
    from orbax.checkpoint import v1  # noqa: F401

    # A shell may have started this process in its background, where it ignores them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _say("ready", 0)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _begin(json.loads(line))
            return
        _say("pid", child)
        _, status = os.waitpid(child, 0)
        _say("code", os.waitstatus_to_exitcode(status))


def _say(word: str, value: object) -> None:
    """Write a line; one of a child and one of its parent do not mix."""
    os.write(_OUT, (json.dumps([word, value]) + "\n").encode())


def _begin(order: dict[str, Any]) -> None:
    """Be the command; what Python does at the end of a process comes behind."""
    log = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    places.watch(Holder(order), random.Random(order["seed"]))
    _hurry(order)
    from jaxgrok.host import background

    command = importlib.import_module(order["module"])
    background.end_with(command.main(["command", *order["words"]]))


class Holder:
    """Says when a place is reached for the n-th time, and stays there if asked to."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._place, self._left = order["place"], order["skip"]
        self._seconds = order["hold"]
        self._lock = threading.Lock()

    def __call__(self, place: str, last: Callable[[], object] | None = None) -> None:
        """Take note of a place."""
        if place != self._place:
            return
        with self._lock:
            self._left -= 1
            if self._left != -1:
                return
        if last is not None and self._seconds:
            last()
        _say("at", place)
        time.sleep(self._seconds)


def _hurry(order: dict[str, Any]) -> None:
    """Write at once, and each time, what a run writes now and then."""
    from jaxgrok.fleet import chores
    from jaxgrok.sweep import coordinator

    if order["hurry"]:
        always = chores.Period(0.0, spacing=0)
        for name in ("save", "flush", "tables", "manifest"):
            chores.PERIODS[name] = always
        coordinator.ANSWER_SECONDS = 0.0


if __name__ == "__main__":
    _OUT = os.dup(1)
    main()
