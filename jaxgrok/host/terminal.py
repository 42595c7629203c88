"""Progress of a sweep: a bar on a terminal or in a notebook, elsewhere lines.

>>> with Console(total=72) as console:
...     console.finished(row, left=TimeLeft(60, 80))
>>> for cell in tracked(cells, "circuit"): ...
"""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO, TypeVar

from rich.console import Console as RichConsole
from rich.jupyter import JupyterMixin
from rich.live import Live

from jaxgrok.host.durations import TimeLeft, clock
from jaxgrok.host.progress_bar import ProgressBar
from jaxgrok.host.streams import lenient

NOTEBOOK_SECONDS = 0.2
"""Least time between two pictures of a bar in a notebook: each is a message."""
HEARTBEAT_SECONDS = 30.0
"""Time between two lines of a log that say how far things are."""

T = TypeVar("T")


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
        counts: cells that earlier runs finished, by how they ended.
        order: words for how cells end, in the order in which they are shown.
        noun: what is counted, where it is not cells.
        stream: where to write; by default the cell of a notebook, or stderr.
        quiet: write nothing.
    """

    def __init__(
        self,
        total: int | None,
        *,
        counts: Mapping[str, int] | None = None,
        order: Sequence[str] = (),
        noun: str = "",
        stream: TextIO | None = None,
        quiet: bool = False,
    ) -> None:
        self._stream = lenient(stream or sys.stderr)
        self._total, self._noun, self._quiet = total, noun, quiet
        self._counts = Counter(counts or {})
        self._done, self._order = self._counts.total(), tuple(order)
        self._lanes = ""
        self._left: TimeLeft | None = None
        self._start = time.monotonic()
        self._over = threading.Event()
        self._console = RichConsole(file=self._stream)
        self._in_notebook = self._console.is_jupyter and stream is None and not quiet
        is_terminal = self._stream.isatty() and not quiet
        self._has_bar = is_terminal or self._in_notebook
        self._live = (
            Live(get_renderable=self.picture, console=self._console)
            if is_terminal and not self._in_notebook
            else None
        )
        # A log gets a line also while a program compiles, which takes a minute.
        self._heart = threading.Thread(target=self._beat, daemon=True)
        self._picture: Any = None
        """IPython's handle of the bar in a notebook."""
        self._pictured = 0.0

    def __enter__(self) -> "Console":
        if self._live:
            self._live.start()
        if not (self._has_bar or self._quiet):
            self._heart.start()
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._live:
            self._live.stop()
        if self._heart.is_alive():
            self._heart.join()
        self._draw()

    def picture(self) -> ProgressBar:
        """Return what the bar shows now."""
        # A bar of one's own thread reads this while cells end.
        counts = dict(self._counts)
        ranks = {word: rank for rank, word in enumerate(self._order)}
        labels = sorted(counts, key=lambda word: ranks.get(word, len(ranks)))
        words = [f"{counts[label]:,} {label}" for label in labels if label]
        is_over = self._over.is_set()
        if not is_over:
            words.append(self._lanes or "starting")
        words.append(clock(time.monotonic() - self._start))
        if self._left and not is_over:
            words.append(f"{self._left.words(clock)} left")
        total = "" if self._total is None else f"/{self._total:,}"
        head = f"{self._done:,}{total}{self._noun and ' ' + self._noun}"
        share = None if self._total is None else self._done / max(self._total, 1)
        return ProgressBar(head, share, words)

    def say(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self._has_bar:
            self._console.print(text, highlight=False, markup=False)
        elif not self._quiet:
            print(text, file=self._stream, flush=True)

    def moved(
        self, *, busy: int, lanes: int, left: TimeLeft | None, workers: int = 0
    ) -> None:
        """Update the bar.

        Args:
            busy: lanes that train a cell.
            lanes: all lanes.
            workers: workers elsewhere; 0 where this process trains.
            left: estimated time to the end; None if unknown.
        """
        # Between two groups no lane is busy, and that is all that takes long there.
        self._lanes = f"{busy}/{lanes} lanes" if busy else "compiling"
        if workers:
            self._lanes += f" · {number(workers, 'worker')}"
        self._left = left
        self._draw(at_most_every=NOTEBOOK_SECONDS)

    def finished(self, row: Mapping[str, Any], *, left: TimeLeft | None) -> None:
        """Count a finished cell; where there is no bar, print its line.

        Args:
            row: the cell's row of cells.csv, with its `axes` as a mapping.
            left: estimated time to the end; None if unknown.
        """
        self._count(row["phase"] or row["status"], left)
        if not self._has_bar:
            total = "" if self._total is None else f"/{self._total}"
            words = "" if left is None else f" · {left.words()} left"
            self.say(f"{self._done}{total} {_line(row)}{words}")

    def passed(self) -> None:
        """Count one item that is no cell."""
        seconds = time.monotonic() - self._start
        remaining = (self._total or 0) - self._done - 1
        left = seconds / (self._done + 1) * remaining
        self._lanes = "reading"
        self._count("", TimeLeft(left, left))

    def _count(self, label: str, left: TimeLeft | None) -> None:
        """Count what has ended."""
        self._done, self._left = self._done + 1, left
        self._counts[label] += 1
        self._draw(at_most_every=NOTEBOOK_SECONDS)

    def _beat(self) -> None:
        """Print how far things are, now and then, until all is over."""
        while not self._over.wait(HEARTBEAT_SECONDS):
            self.say(str(self.picture()))

    def _draw(self, at_most_every: float = 0.0) -> None:
        """Draw the bar in a notebook's cell, in place of its last picture."""
        seconds = time.monotonic()
        if not self._in_notebook or seconds < self._pictured + at_most_every:
            return
        self._pictured = seconds
        # Rich's own live display needs ipywidgets, and a front end that has them.
        from IPython.display import display

        picture = _Drawn(self.picture())
        if self._picture is None:
            self._picture = display(picture, display_id=True)
        else:
            self._picture.update(picture)


def tracked(items: Sequence[T], noun: str, *, quiet: bool = False) -> Iterator[T]:
    """Yield items, and show how many are done and how long the others take.

    Args:
        items: what is gone through.
        noun: what they are, in the plural.
        quiet: show nothing.
    """
    with Console(len(items), noun=noun, quiet=quiet) as console:
        for item in items:
            yield item
            console.passed()


class _Drawn(JupyterMixin):
    """A bar as an output of a notebook's cell."""

    def __init__(self, bar: ProgressBar) -> None:
        self._bar = bar

    def __rich__(self) -> ProgressBar:
        return self._bar


def _line(row: Mapping[str, Any]) -> str:
    """Write a finished cell in one line: axes, phase, cause, steps."""
    # NaN, which equals nothing, stands for a field that this cell's method lacks.
    axes = {name: value for name, value in row["axes"].items() if value == value}
    words = [f"{name}={value}" for name, value in axes.items()]
    words.append(f"· {row['phase'] or row['status']}")
    if row["cause"]:
        words.append(f"({row['cause']})")
    for name in ("memorise_step", "grok_step"):
        if row[name] is not None:
            words.append(f"· {name.replace('_', ' ')} {row[name]}")
    return " ".join(words)
