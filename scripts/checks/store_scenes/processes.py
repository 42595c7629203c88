"""Commands of jaxgrok in processes of their own."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAM = """
import importlib, sys
from jaxgrok.fleet import chores
often = chores.Period(1.0, 1.0)
chores.PERIODS |= dict.fromkeys(("flush", "save", "fleet_save"), often)
module = importlib.import_module(f"jaxgrok.{sys.argv[1]}.__main__")
sys.exit(module.main(sys.argv[1:]))
"""
"""A command that saves lanes every second or two, in place of every few minutes."""
ENDS = 600
"""Seconds that any step may take."""


def start(command: str, *words: str, **options: object) -> subprocess.Popen[str]:
    """Start a command of jaxgrok."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, command, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def sweep(
    grid: Path, out: str | Path, *more: str, **options: object
) -> subprocess.Popen[str]:
    """Start a sweep."""
    return start("sweep", f"--grid={grid}", f"--out={out}", *more, **options)


def trained(grid: Path, out: str | Path) -> None:
    """Train a whole sweep."""
    process = sweep(grid, out)
    _, words = process.communicate(timeout=ENDS)
    assert process.returncode == 0, words


def wait(is_so: Callable[[], bool], words: str, process: subprocess.Popen[Any]) -> None:
    """Wait until something is so that a process brings about."""
    end = time.monotonic() + ENDS
    while not is_so():
        assert process.poll() is None, f"the process has ended, before: {words}"
        assert time.monotonic() < end, f"not within {ENDS} s: {words}"
        time.sleep(0.2)


def say(words: str) -> None:
    """Print a line at once."""
    print(f"ok: {' '.join(words.split())}", flush=True)
