"""How far a run is, without its lock, and without reading what is large.

Reads manifest.json, cells.csv and status.json, whatever there is of them.

>>> print(read_status(Path("runs/wd_vs_frac-laptop")))
x+y mod 47 · laptop
training: 40 of 84 cells · 8 grokking · 25 memorisation · 7 confusion
4/4 lanes · 1,234 lane-steps/s · 0:52 · about 0:40 left
"""

import csv
import dataclasses
from collections import Counter
from typing import Any

from jaxgrok.host.clock import seconds_between, utc_now
from jaxgrok.host.durations import TimeLeft, clock, duration
from jaxgrok.host.files.object_path import ObjectPath
from jaxgrok.host.files.paths import AnyPath, content_of
from jaxgrok.host.files.typed import typed
from jaxgrok.outcomes.outcomes import PHASES
from jaxgrok.results.files import index, manifest_file, status_file
from jaxgrok.results.files.status_file import Live
from jaxgrok.results.rows import CELLS, CROSSOVER
from jaxgrok.results.run_folder import refuse_strangers

SILENT_SECONDS = 600
"""A running sweep that has written nothing for longer is said to be silent."""


@dataclasses.dataclass(frozen=True)
class Status:
    """A run directory at one moment.

    Attributes:
        path: the directory.
        state: "empty", "training", "killed", "stopped" or "finished"; "unreadable"
            where its manifest is damaged.
        title: the task in a few words, "" where it is not known.
        cells: cells in all; None where that is not known.
        counts: cells that have ended, by how.
        live: what the sweep says of itself; None where none is training.
        elapsed: seconds so far, or from the first cell's start to the end of training;
            None where that is not known.
        begun: when the first cell was started; "" where it is not known.
        ended: when training ended; "" where it goes on.
        last_failure: why a cell failed last; "" if none did.
        note: what could not be read.
    """

    path: AnyPath
    state: str
    title: str = ""
    cells: int | None = None
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    live: Live | None = None
    elapsed: float | None = None
    begun: str = ""
    ended: str = ""
    last_failure: str = ""
    note: str = ""

    @property
    def done(self) -> int:
        """Cells that have ended."""
        return sum(self.counts.values())

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        entries = dataclasses.asdict(self)
        live = entries.pop("live") or {}
        for name in ("busy", "lanes", "pace", "left", "process", "updated"):
            entries[name] = live.get(name)
        entries["workers"] = live.get("workers", ())
        entries["losses"] = live.get("losses", 0)
        entries["memory"] = live.get("memory", "")
        return entries | {"path": str(self.path), "done": self.done}

    def __str__(self) -> str:
        """Word it in a few lines."""
        lines = [self.title] if self.title else []
        total = "" if self.cells is None else f" of {self.cells:,}"
        words = [f"{_STATES[self.state]}: {self.done:,}{total} cells"]
        words += [f"{self.counts[label]:,} {label}" for label in _ordered(self.counts)]
        if self.state == "empty":
            words = [f"{_STATES[self.state]}: no manifest.json in {self.path}"]
        lines.append(" · ".join(words))
        lines += self._moment()
        if self.last_failure:
            lines.append(f"last failure: {self.last_failure}")
        if self.note:
            lines.append(self.note)
        return "\n".join(lines)

    def _moment(self) -> list[str]:
        """Return the lines about lanes, pace, time and workers."""
        live = self.live
        if live is None:
            elapsed = "" if self.elapsed is None else f"in {duration(self.elapsed)}"
            words = [elapsed, f"ended {self.ended}" if self.ended else ""]
            return [" · ".join(filter(None, words))] if any(words) else []
        words = [f"{live.busy}/{live.lanes} lanes"]
        words.append(
            "starting" if live.pace is None else f"{live.pace:,.0f} lane-steps/s"
        )
        words.append(clock(self.elapsed or 0.0))
        if live.left:
            words.append(f"{TimeLeft(*live.left).words(clock)} left")
        if live.losses:
            words.append(f"{live.losses} lost or left")
        lines = [" · ".join(words), *filter(None, [live.memory])]
        silence = seconds_between(live.updated, utc_now()) or 0.0
        if self.state == "training" and silence > SILENT_SECONDS:
            lines.append(f"silent for {duration(silence)}; process {live.process}")
        for worker in live.workers:
            group = "" if worker.group is None else f", group {worker.group + 1}"
            pace = f", {worker.pace:,.0f} lane-steps/s" if worker.pace else ""
            lines.append(
                f"worker {worker.name}: {worker.device}, {worker.busy}/{worker.lanes} "
                f"lanes{group}{pace}"
            )
        return lines


_STATES = {
    "empty": "nothing yet",
    "training": "training",
    "killed": "killed; the same command goes on",
    "stopped": "stopped; the same command goes on",
    "finished": "finished",
    "unreadable": "unreadable",
}


def read_status(path: AnyPath) -> Status:
    """Return how far a run is; damaged or missing files are no error.

    Raises:
        ValueError: the path is no folder, or holds something else than a run.
    """
    if not path.is_dir():
        if isinstance(path, ObjectPath):
            path.refuse_missing_bucket()
        kind = "is a file" if path.exists() else "does not exist"
        raise ValueError(f"{path} {kind}; name a run directory")
    refuse_strangers(path, way_out="name a run directory")
    if not manifest_file.exists(path):
        return Status(path, "empty")
    # Before the tables: a sweep writes them a last time, then removes its own words.
    live = status_file.read(path)
    counts, failure, note = _table(path)
    file = path / manifest_file.FILE
    try:
        entries = manifest_file.read(path)
        cells = entries["cells"]
        # Many cells lie in a file of their own.
        cells = typed(cells["count"], int) if isinstance(cells, dict) else len(cells)
        for name in ("title", "begun", "ended"):  # of older runs, some are missing
            typed(entries.get(name, ""), str)
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror})") from None
    except manifest_file.Unreadable as error:
        return Status(path, "unreadable", counts=counts, note=str(error))
    except (ValueError, TypeError, LookupError):
        raise ValueError(f"{file} is not that of a sweep") from None
    is_sealed = entries.get("format") != manifest_file.UNSEALED
    if is_sealed and not (path / index.FILE).exists():
        note = f"{path / index.FILE} is missing; {index.WAY_OUT}"
    # A search trains only some of its cells.
    is_search = not note and index.has_table(path, CROSSOVER)
    planned = None if is_search else cells
    status = _described(path, entries, planned, counts, failure, live)
    # It may have ended in order since its words were read.
    if status.state == "killed" and not status_file.exists(path):
        return read_status(path)
    if note and status.live is None:
        return dataclasses.replace(status, state="unreadable", note=note)
    return status


def _described(
    path: AnyPath,
    entries: dict[str, Any],
    cells: int | None,
    counts: Counter[str],
    failure: str,
    live: Live | None,
) -> Status:
    """Return the status of a run whose manifest can be read."""
    start, end = entries.get("begun", ""), entries.get("ended", "")
    if live is not None:
        # What is on disk may be ten seconds old.
        state = "training" if live.is_alive else "killed"
        counts = Counter(live.counts) if state == "training" else counts
        failure = live.last_failure or failure
    elif cells is not None and counts.total() - counts["stopped"] < cells:
        state = "stopped"
    else:
        state = "finished"
    elapsed = live.elapsed if live else seconds_between(start, end)
    return Status(
        path=path,
        state=state,
        title=str(entries.get("title", "")),
        cells=cells,
        counts=dict(counts),
        live=live if state == "training" else None,
        elapsed=elapsed,
        begun=start,
        ended=end if live is None else "",
        last_failure=failure,
    )


def _table(path: AnyPath) -> tuple[Counter[str], str, str]:
    """Return the cells of cells.csv by how they ended, and the last failure's cause.

    Third, what is wrong with a table: nothing is counted where anything is.
    """
    counts: Counter[str] = Counter()
    failure = ""
    try:
        # The table of a search tells it from a sweep that was stopped.
        for name in (CELLS, CROSSOVER):
            if note := index.table_words(path, name):
                return counts, failure, note
        text = content_of(path / CELLS).decode("utf-8", "replace")
        for row in csv.DictReader(text.splitlines()):
            status = row.get("status") or ""
            counts[row.get("phase") or status or "unknown"] += 1
            if status == "failed":
                failure = row.get("cause") or ""
    except ValueError as error:
        return Counter(), "", str(error)
    except (OSError, csv.Error):
        pass
    return counts, failure, ""


def _ordered(counts: dict[str, int]) -> list[str]:
    """Return the words for how cells ended: phases in their order, then the others."""
    others = [label for label in counts if label not in PHASES]
    return [label for label in PHASES if counts.get(label)] + others
