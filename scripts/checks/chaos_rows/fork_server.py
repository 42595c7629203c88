"""Commands, each in a fork of a process that has imported what they need.

    python fork_server.py

Reads a line of JSON a command from its input. Every answer is a line too: a word, the
process that it is about, and a value. "pid" is a command's first, "code" its last one,
with its exit code. What is done before it, or it itself, can say more.
"""

import gc
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = map(str, (ROOT, ROOT / "tests", ROOT / "scripts" / "checks"))

from chaos_rows import leash  # noqa: E402

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

    leash.end_with_parent()
    machine.prepare()
    for name in MODULES:
        importlib.import_module(name)
    import xarray as xr
    from orbax.checkpoint import v1  # noqa: F401

    # The first dataset imports dask, where it is installed.
    xr.Dataset({"a": ("b", [0])})
    # A fork that looks for garbage would copy all of the memory.
    gc.freeze()
    # A shell may have started this process in its background, where it ignores them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, _tell_ends)
    for line in sys.stdin:
        if not os.fork():
            leash.end_with_parent()
            _begin(json.loads(line))
            return


def say(word: str, value: object, process: int | None = None) -> None:
    """Write a line about a process, this one by default."""
    line = json.dumps([word, process or os.getpid(), value])
    # At once: lines of several processes do not mix.
    os.write(_OUT, f"{line}\n".encode())


def _tell_ends(*_: object) -> None:
    """Say how those ended that have."""
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not process:
            return
        say("code", os.waitstatus_to_exitcode(status), process)


def _begin(order: dict[str, Any]) -> None:
    """Be the command; what Python does at the end of a process comes behind."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    say("pid", 0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    log = os.open(order["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        os.dup2(log, number)
        stream.reconfigure(line_buffering=True)  # type: ignore[attr-defined]
    for name, options in order["first"]:
        _function(name)(say, **options)
    function = _function(order["function"])
    if order["tells"]:
        say("value", function(*order["words"]))
        os._exit(0)
    from jaxgrok.host import background

    background.end_with(function(["command", *order["words"]]))


def _function(name: str) -> Any:
    """Return a function by its name, MODULE:FUNCTION."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


if __name__ == "__main__":
    _OUT = os.dup(1)
    main()
