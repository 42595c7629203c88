"""All that is to be said of whether a run is whole.

>>> report = audit(Path("runs/mainline-post"))
>>> report.is_whole, report.counts
(True, {'done': 5})
"""

import dataclasses
import time
from collections import Counter
from typing import Any

from jaxgrok.host.files.folder_lock import refuse_held
from jaxgrok.host.files.paths import AnyPath, matches
from jaxgrok.results.files import manifest_file, status_file
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.results.files.second_look import LOOKS, second_look
from jaxgrok.results.rows import table
from jaxgrok.verify import contents
from jaxgrok.verify.contents import Check, Fault
from jaxgrok.verify.ends import HOW, OPEN, End, ends

MOST_LINES = 20
"""Lines about cells, at most; --json has them all."""
PAUSE = 0.5
"""Seconds between two looks: more than between a shard and its entry in the index."""


@dataclasses.dataclass(frozen=True)
class Audit:
    """Whether a run is whole.

    Attributes:
        path: the run directory.
        title: the task in a few words; "" where the manifest is lost.
        files: files that were compared with their checksums.
        faults: what is damaged or missing.
        ends: how each planned cell ended.
        aside: files that were damaged once, and set aside.
        is_training: whether a process trains it now.
    """

    path: AnyPath
    title: str
    files: int
    faults: tuple[Fault, ...]
    ends: tuple[End, ...] = ()
    aside: tuple[str, ...] = ()
    is_training: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Cells by how they ended."""
        counts = Counter(end.how for end in self.ends)
        return {how: counts[how] for how in HOW if counts[how]}

    @property
    def is_whole(self) -> bool:
        """Whether no file has a fault, and every cell an end."""
        return not self.faults and not any(how in OPEN for how in self.counts)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it; of cells that are done, the number alone."""
        return {
            "path": str(self.path),
            "title": self.title,
            "whole": self.is_whole,
            "training": self.is_training,
            "files": self.files,
            "faults": [fault._asdict() for fault in self.faults],
            "aside": list(self.aside),
            "counts": self.counts,
            "cells": [end._asdict() for end in self.ends if end.how != "done"],
        }

    def __str__(self) -> str:
        """Word it in lines."""
        verdict = "whole" if self.is_whole else "not whole"
        training = " · training" if self.is_training else ""
        lines = [f"{self.path}: {verdict} · {self.files:,} files{training}"]
        if self.counts:
            words = [f"{count:,} {how}" for how, count in self.counts.items()]
            lines.append(f"{len(self.ends):,} cells: {' · '.join(words)}")
        lines += [f"{fault.file} {fault.words}" for fault in self.faults]
        lines += [f"{name} was set aside" for name in self.aside]
        told = [end for end in self.ends if end.how not in ("done", "unasked")]
        lines += [f"cell {e.cell}: {e.how}: {e.cause}" for e in told[:MOST_LINES]]
        if len(told) > MOST_LINES:
            lines.append(f"… {len(told) - MOST_LINES:,} more; --json has them all")
        return "\n".join(lines)


def audit(path: AnyPath) -> Audit:
    """Read every file of a run that counts.

    Where a sweep holds it, faults count that two looks in a row name: a sweep replaces
    files, one after the other.

    Raises:
        FileNotFoundError: the path is no run directory.
        ValueError: it holds something else than a run.
    """
    is_held, faults = _is_held(path), None
    for _ in range(LOOKS):
        found = second_look(lambda: _look(path))
        is_held = is_held or _is_held(path)
        if not (found.faults and is_held) or found.faults == faults:
            break
        faults = found.faults
        time.sleep(PAUSE)
    return found


def _is_held(path: AnyPath) -> bool:
    """Tell whether a sweep holds a run directory now."""
    try:
        refuse_held(path)
    except ValueError:
        return True
    return False


def _look(path: AnyPath) -> Audit:
    """Read every file of a run once."""
    check = Check(path)
    try:
        manifest_file.read(path)
        manifest = read_manifest(path)
    except manifest_file.Unreadable as error:
        return Audit(path, "", 0, (Fault(manifest_file.FILE, str(error)),))
    except manifest_file.NotOurs:
        raise
    except ValueError as error:
        words = "cannot be read: " + str(error)
        return Audit(path, "", 0, (Fault(manifest_file.FILE, words),))
    results = contents.curves(check, manifest)
    contents.manifests(check, manifest)
    contents.lanes(check)
    again = contents.snapshots(check, manifest, results)
    rows = table(manifest, results)
    found = ends(manifest, rows, again, is_search=contents.is_search(check))
    is_over = not any(end.how == "unfinished" for end in found)
    contents.tables(check, manifest, results, is_over=is_over)
    contents.analyses(check)
    contents.status(check)
    live = status_file.read(path)
    return Audit(
        path=path,
        title=manifest.title,
        files=check.files,
        faults=tuple(check.faults),
        ends=tuple(found),
        aside=tuple(
            str(file.name)
            for folder in ("*.damaged", "*/*.damaged")
            for file in matches(path, folder)
        ),
        is_training=live is not None and live.is_alive,
    )
