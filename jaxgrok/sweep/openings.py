"""How long it takes to open a group: to compile its program, or to load it.

>>> openings.begin(progress, assignment)
>>> openings.end(fleet.next())
>>> openings.seconds_ahead([2, 3])
"""

import time
from collections.abc import Iterable

from jaxgrok.sweep.messages import Assignment, Progress


class Openings:
    """The groups that workers have opened, and the seconds that each took."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        """Workers that are opening a group → the moment at which they began."""
        self._groups: set[int] = set()
        self._seconds: list[float] = []

    def begin(self, progress: Progress, assignment: Assignment) -> None:
        """Take note of an assignment, if it takes a worker to another group."""
        if assignment.group != progress.group:
            self._since[progress.worker] = time.monotonic()
            self._groups.add(assignment.group)

    def end(self, progress: Progress) -> None:
        """Take note that a worker answers."""
        start = self._since.pop(progress.worker, None)
        if start is not None:
            self._seconds.append(time.monotonic() - start)

    def seconds_ahead(self, groups: Iterable[int]) -> float:
        """Return the seconds that it takes to open those of some groups that are not.

        As long as on average so far.
        """
        if not self._seconds:
            return 0.0
        mean = sum(self._seconds) / len(self._seconds)
        return mean * len(set(groups) - self._groups)
