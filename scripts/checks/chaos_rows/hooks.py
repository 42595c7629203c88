"""What is done in a fork before its command.

>>> forks.begin(SWEEP, words, partial(hurry), partial(hold, place="chunk"))
"""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos_rows import places

Say = Callable[[str, object], None]
"""Says a word and a value to who began the fork."""
HELD = 3600.0
"""Seconds that a run is held: until it is ended."""


def hold(
    say: Say, place: str, *, skip: int = 0, seconds: float = HELD, seed: int = 0
) -> None:
    """Hold a run where it comes to a place, and say "at" there.

    Args:
        say: how.
        place: one of `places.PLACES`.
        skip: times that it passes the place before.
        seconds: that it stays there.
        seed: of what chance decides there.
    """
    places.watch(_Holder(say, place, skip, seconds), random.Random(seed))


class _Holder:
    """Says when a place is reached for the n-th time, and stays there."""

    def __init__(self, say: Say, place: str, skip: int, seconds: float) -> None:
        self._say, self._place = say, place
        self._left, self._seconds = skip, seconds
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
        self._say("at", place)
        time.sleep(self._seconds)


def hurry(say: Say) -> None:
    """Write at once, and each time, what a run writes now and then; draw at its end."""
    from jaxgrok.fleet import chores
    from jaxgrok.sweep import coordinator

    chores.PERIODS |= dict.fromkeys(chores.PERIODS, chores.Period(0.0, spacing=0))
    chores.PERIODS["redraw"] = chores.Period(3600.0, spacing=0)
    coordinator.ANSWER_SECONDS = 0.0


def draw_nothing(say: Say) -> None:
    """Write a few bytes in place of every picture."""
    from matplotlib.figure import Figure

    def savefig(figure: Figure, path: Path, **how: Any) -> None:
        path.write_bytes(b"a picture")

    Figure.savefig = savefig
