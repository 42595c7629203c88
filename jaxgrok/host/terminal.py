"""Progress of a sweep: a bar on a terminal or in a notebook, elsewhere a line per cell.

>>> with Console(total=72) as console:
...     console.finished(row, left=80)
"""

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, TextColumn

from jaxgrok.host.streams import lenient

NOTEBOOK_SECONDS = 0.2
"""Least time between two pictures of a bar in a notebook: each is a message."""


def duration(seconds: float) -> str:
    """Write a time span in its two largest units: 42 s, 7 min 5 s, 3 h 20 min."""
    remainder = round(seconds)
    words: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, remainder = divmod(remainder, length)
        # Zeros are left out in front, and kept behind: 1 h 0 min.
        if count or words:
            words.append(f"{count} {unit}")
    return " ".join(words[:2]) or "0 s"


def number(count: int, noun: str) -> str:
    """Write a count with its noun: 1 cell, 2,000 cells."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def size(n_bytes: float) -> str:
    """Write a number of bytes in kB, MB or GB, with three digits."""
    for unit in ("kB", "MB", "GB"):
        n_bytes /= 1000
        # From 999.5 on, three digits would round to 1e+03.
        if n_bytes < 999.5:
            return f"{n_bytes:.3g} {unit}"
    return f"{n_bytes:,.0f} GB"


class Console:
    """Show the progress of a sweep, as a context manager.

    Args:
        total: cells of the sweep; None if the number is not known in advance.
        done: cells that earlier runs finished.
        stream: where to write; by default the cell of a notebook, or stderr.
        quiet: write nothing.
    """

    def __init__(
        self,
        total: int | None,
        *,
        done: int = 0,
        stream: TextIO | None = None,
        quiet: bool = False,
    ) -> None:
        self._stream = lenient(stream or sys.stderr)
        self._total = "" if total is None else f"/{total}"
        self._done, self._quiet = done, quiet
        console = RichConsole(file=self._stream)
        self._in_notebook = console.is_jupyter and stream is None and not quiet
        is_terminal = self._stream.isatty() and not quiet
        self._has_bar = is_terminal or self._in_notebook
        self._bar = Progress(
            TextColumn(f"{{task.completed}}{self._total} cells"),
            BarColumn(bar_width=None),
            TextColumn("{task.description}"),
            console=console,
            disable=not is_terminal,
        )
        self._task = self._bar.add_task("starting", total=total, completed=done)
        self._picture: Any = None
        """IPython's handle of the bar in a notebook."""
        self._pictured = 0.0

    def __enter__(self) -> "Console":
        self._bar.start()
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        self._draw()

    def say(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self._has_bar:
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        elif not self._quiet:
            print(text, file=self._stream, flush=True)

    def moved(self, *, busy: int, lanes: int, rate: float, left: float | None) -> None:
        """Update the bar's description.

        Args:
            busy: lanes that train a cell.
            lanes: all lanes.
            rate: lane-steps per second.
            left: estimated seconds to the end; None if unknown.
        """
        self._bar.update(
            self._task,
            description=(
                f"{busy}/{lanes} lanes busy · {rate:,.0f} lane-steps/s{_left(left)}"
            ),
        )
        self._draw(at_most_every=NOTEBOOK_SECONDS)

    def finished(self, row: Mapping[str, Any], *, left: float | None) -> None:
        """Count a finished cell; where there is no bar, print its line.

        Args:
            row: the cell's row of cells.csv, with its `axes` as a mapping.
            left: estimated seconds to the end; None if unknown.
        """
        self._done += 1
        self._bar.update(self._task, completed=self._done)
        self._draw(at_most_every=NOTEBOOK_SECONDS)
        if not self._has_bar:
            self.say(f"{self._done}{self._total} {_line(row)}{_left(left)}")

    def _draw(self, at_most_every: float = 0.0) -> None:
        """Draw the bar in a notebook's cell, in place of its last picture."""
        seconds = time.monotonic()
        if not self._in_notebook or seconds < self._pictured + at_most_every:
            return
        self._pictured = seconds
        # Rich's own live display needs ipywidgets, and a front end that has them.
        from IPython.display import display

        if self._picture is None:
            self._picture = display(self._bar, display_id=True)
        else:
            self._picture.update(self._bar)


def _left(seconds: float | None) -> str:
    """Write the remaining time, or nothing if it is unknown."""
    return "" if seconds is None else f" · {duration(seconds)} left"


def _line(row: Mapping[str, Any]) -> str:
    """Write a finished cell in one line: axes, phase, cause, steps."""
    words = [f"{name}={value}" for name, value in row["axes"].items()]
    words.append(f"· {row['phase'] or row['status']}")
    if row["cause"]:
        words.append(f"({row['cause']})")
    for name in ("memorise_step", "grok_step"):
        if row[name] is not None:
            words.append(f"· {name.replace('_', ' ')} {row[name]}")
    return " ".join(words)
