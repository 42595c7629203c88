"""What a sweep shows while it trains: its bar or log, and status.json.

>>> display = Display(grid, queue.total, ledger.rows(), directory.path)
>>> with display: display.moved(members.values(), left)
"""

import contextlib
import time
from collections import Counter
from collections.abc import Collection, Iterable

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.messages import Loss, Progress
from jaxgrok.grid.cells import Grid
from jaxgrok.host.durations import TimeLeft
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.host.terminal import Console
from jaxgrok.results.dataset import LABELS
from jaxgrok.results.files import status_file
from jaxgrok.results.files.status_file import Live, WorkerStatus
from jaxgrok.results.rows import CellRow
from jaxgrok.sweep import estimate
from jaxgrok.sweep.members import Member


class Display:
    """The face of one run; a context manager, left when training ends.

    Args:
        grid: all cells.
        total: results that there will be in all; None if nobody knows.
        rows: rows of cells.csv of the cells that are finished.
        path: the run directory.
        quiet: print nothing.
        is_fleet: whether workers elsewhere train.
    """

    def __init__(
        self,
        grid: Grid,
        total: int | None,
        rows: Iterable[CellRow],
        path: AnyPath,
        *,
        quiet: bool = False,
        is_fleet: bool = False,
    ) -> None:
        self._is_fleet = is_fleet
        self._grid, self._total, self._path = grid, total, path
        self._counts = Counter(row["phase"] or row["status"] for row in rows)
        self._finished = self._counts.total()
        self._console = Console(total, counts=self._counts, order=LABELS, quiet=quiet)
        self._members: Collection[Member] = ()
        self._busy = self._lanes = 0
        self._start = time.monotonic()
        self._pace: float | None = None
        self._left: TimeLeft | None = None
        self._failure = self._memory = ""
        self._losses = 0
        self._warned = False

    def __enter__(self) -> "Display":
        self._console.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._console.__exit__(*error)
        # Where the disk refuses even this, there are clearer words about it.
        with contextlib.suppress(OSError):
            status_file.remove(self._path)

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.say(text)

    def headline(self, platform: Platform) -> None:
        """Say what will be trained, and where; nothing where nothing will be."""
        # A search says itself what it looks for.
        if self._total is None or self._finished >= self._total:
            return
        self.say(estimate.headline(self._grid, platform, self._finished))
        for warning in estimate.disk_warnings(self._grid):
            self.say(warning)

    def moved(self, members: Collection[Member], left: TimeLeft | None) -> None:
        """Show what the workers are doing, and how long all may take."""
        self._members = members
        self._busy = sum(member.busy for member in members)
        self._lanes = sum(member.lanes for member in members)
        pace = sum(member.pace for member in members)
        if pace:
            self._pace, self._left = pace, left
            workers = len(members) if self._is_fleet else 0
            self._console.moved(
                busy=self._busy, lanes=self._lanes, left=left, workers=workers
            )
            self._warn(next(iter(members)).platform, left)

    def ended(self, row: CellRow, left: TimeLeft | None) -> None:
        """Show a cell that has ended."""
        self._counts[row["phase"] or row["status"]] += 1
        self._console.finished(row, left=left)

    def lost(self, loss: Loss) -> None:
        """Show that a worker is gone."""
        self._losses += 1
        self.say(f"{loss.worker} is gone: {loss.cause}")

    def short_of_memory(self, progress: Progress) -> None:
        """Show what a seat does about short memory; once where it goes on doing so."""
        if progress.retreats:
            self.say("memory ran out: its cells go on from where they were saved")
        if progress.short and progress.short != self._memory:
            self._memory = progress.short
            self.say(progress.short)

    def failed(self, cause: str, cells: int) -> None:
        """Show that so many cells failed."""
        self._counts["failed"] += cells
        self._failure = cause
        self.say(f"failed: {cause}")

    def write_status(self) -> None:
        """Write status.json; that the disk refuses it is no reason to stop."""
        live = Live(
            counts=dict(self._counts),
            busy=self._busy,
            lanes=self._lanes,
            pace=self._pace,
            elapsed=round(time.monotonic() - self._start, 1),
            left=self._left,
            last_failure=self._failure,
            memory=self._memory,
            workers=tuple(map(_status, self._members)),
            losses=self._losses,
        )
        with contextlib.suppress(OSError):
            status_file.write(self._path, live)

    def _warn(self, platform: Platform, left: TimeLeft | None) -> None:
        """Warn once of a sweep that takes a good part of a day."""
        if left is not None and not self._warned:
            self._warned = True
            for warning in estimate.time_warnings(self._grid, platform, left):
                self.say(warning)


def _status(member: Member) -> WorkerStatus:
    """Return what status.json says of a worker."""
    platform = member.platform
    device = f"{platform.devices} × {platform.device_kind}"
    # Its seats may be at several groups: the first one tells what it is doing.
    group = member.groups[0] if member.groups else None
    pace = round(member.pace, 1)
    return WorkerStatus(member.name, device, member.busy, member.lanes, group, pace)
