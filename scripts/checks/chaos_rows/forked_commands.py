"""Runs of command lines, each in a fork of a process that has imported what they need.

    LD_PRELOAD=bad_disk.so python forked_commands.py FOLDER

Reads a line of JSON a command from its input, and answers with its exit code. What the
command prints is in FOLDER/out.txt and FOLDER/err.txt, and what it asked of the files
of its run in FOLDER/calls.txt.
"""

import ctypes
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = map(str, (ROOT, ROOT / "tests", ROOT / "scripts" / "checks"))
MODULES = (
    "jaxgrok.sweep.__main__",
    "jaxgrok.sweep.run",
    "jaxgrok.analyse.survey",
    "jaxgrok.report.page",
    "jaxgrok.plots.run_figures",
    "orbax.checkpoint",
    "matplotlib.backends.backend_agg",
)
"""What most commands import; JAX is not in use before a fork."""
CRASHED = 99
"""Exit code of a command that ended by an error."""


def main() -> None:
    folder = Path(sys.argv[1])
    for name in MODULES:
        importlib.import_module(name)
    from orbax.checkpoint import v1  # noqa: F401

    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(run(json.loads(line), folder))
        _, status = os.waitpid(child, 0)
        print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)


def run(order: dict[str, Any], folder: Path) -> int:
    """Run a command on a disk as it is ordered; its exit code."""
    for number, name in ((1, "out.txt"), (2, "err.txt")):
        os.dup2(os.open(folder / name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
    try:
        _hurry()
        if not order["draws"]:
            Figure.savefig = _touch
        _prepare(order, folder)
        module = importlib.import_module(order["module"])
        code = int(module.main(["command", *order["words"]]))
    except BaseException:
        traceback.print_exc()
        code = CRASHED
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _touch(figure: Figure, path: Path, **how: Any) -> None:
    path.touch()


def _hurry() -> None:
    """Do at once, and each time, what a run does now and then."""
    from jaxgrok.engine.pace import Pace
    from jaxgrok.fleet import chores
    from jaxgrok.results import snapshots

    for name in chores.PERIODS:
        chores.PERIODS[name] = chores.Period(0.0, spacing=0)
    chores.PERIODS["redraw"] = chores.Period(3600.0, spacing=0)
    Pace.steps = lambda *_: 10
    snapshots.SHARD_BYTES = 4_000


def _prepare(order: dict[str, Any], folder: Path) -> None:
    """Watch the files of a run, and choose the call that is to fail."""
    if "watched" not in order:
        return
    disk = ctypes.CDLL(None)
    calls = os.open(folder / "calls.txt", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    if fault := order.get("fault"):
        place, call, number, stays = fault
        disk.bad_disk_fault(place.encode(), ctypes.c_long(call), number, stays)
    disk.bad_disk_begin(order["watched"].encode(), calls)


if __name__ == "__main__":
    main()
