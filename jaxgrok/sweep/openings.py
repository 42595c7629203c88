"""How long it takes to open a group: to compile its program, or to load it.

>>> openings.begin(("local", 0), progress.group, assignment.group)
>>> openings.end(("local", 0))
>>> openings.seconds_ahead([2, 3])
"""

import time
from collections.abc import Iterable


class Openings:
    """The groups that seats have opened, and the seconds that each took."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], tuple[int, float]] = {}
        """Worker and seat → the group it is opening, and the moment it began."""
        self._groups: set[int] = set()
        self._seconds: list[float] = []

    @property
    def groups(self) -> set[int]:
        """The groups that are being opened for the first time."""
        return {group for group, _ in self._open.values() if group not in self._groups}

    def begin(self, seat: tuple[str, int], group: int | None, next_group: int) -> None:
        """Take note of an assignment, if it takes a seat to another group."""
        if next_group != group:
            self._open[seat] = next_group, time.monotonic()

    def end(self, seat: tuple[str, int]) -> None:
        """Take note that a seat answers."""
        if seat in self._open:
            group, start = self._open.pop(seat)
            self._groups.add(group)
            self._seconds.append(time.monotonic() - start)

    def forget(self, seat: tuple[str, int]) -> None:
        """Take note that a seat will not answer."""
        self._open.pop(seat, None)

    def seconds_ahead(self, groups: Iterable[int]) -> float:
        """Return the seconds that it takes to open those of some groups that are not.

        As long as on average so far.
        """
        if not self._seconds:
            return 0.0
        mean = sum(self._seconds) / len(self._seconds)
        opened = self._groups | {group for group, _ in self._open.values()}
        return mean * len(set(groups) - opened)
