"""Gather everything that the page shows of its runs into one blob.

>>> blob_of([RunData.of(jaxgrok.open("runs/mine"))])
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.colors import to_hex

from jaxgrok.host.files.object_path import ObjectPath
from jaxgrok.host.files.paths import AnyPath, matches, modified
from jaxgrok.host.terminal import number
from jaxgrok.plots import style
from jaxgrok.report.boundaries import boundaries
from jaxgrok.report.cells import table
from jaxgrok.report.circuits import analysed, tables
from jaxgrok.report.curves import ROOM, curves
from jaxgrok.report.facts import facts
from jaxgrok.report.heads import heads
from jaxgrok.report.measures import read_measures
from jaxgrok.report.pack import Packer
from jaxgrok.report.texts import sendable
from jaxgrok.results.dataset import LABELS, labels_of
from jaxgrok.results.files.manifest import Manifest
from jaxgrok.results.files.second_look import second_look
from jaxgrok.results.run import Run

_STOPS = 33
"""Colours of a scale; the page blends between them."""
_MANY = 10
"""Colours of lines, where there are more than LINES."""


@dataclass(frozen=True)
class RunData:
    """What a page shows of a run.

    Attributes:
        path: its directory.
        manifest: its resolved grid, and the circumstances of the training.
        dataset: of its cells.
    """

    path: AnyPath
    manifest: Manifest
    dataset: xr.Dataset

    @classmethod
    def of(cls, run: Run) -> "RunData":
        """Return the data of a run."""
        return cls(run.path, run.manifest, run.dataset())


def blob_of(runs: Sequence[RunData]) -> bytes:
    """Return the gzipped data of these runs.

    Raises:
        ValueError: a run has no cells, or the axes of the runs differ.
    """
    check_comparable(runs)
    packer = Packer()
    entries = [_entry(run, packer, ROOM // len(runs)) for run in runs]
    return packer.blob({"runs": entries, "look": _look()})


def check_comparable(runs: Sequence[Run | RunData]) -> None:
    """Raise ValueError unless the runs have cells, and the same axes."""
    for run in runs:
        if not run.manifest.cells:
            raise ValueError(f"{run.path} has no cells: there is nothing to report")
    first = runs[0]
    for run in runs[1:]:
        if set(run.manifest.axes) != set(first.manifest.axes):
            raise ValueError(
                f"{first.path} and {run.path} have different axes: "
                f"{', '.join(first.manifest.axes)} and {', '.join(run.manifest.axes)}; "
                "compare runs of the same axes"
            )


def _entry(run: RunData, packer: Packer, room: int) -> dict[str, Any]:
    """Return what the page shows of one run; its curves go to the packer."""
    dataset = run.dataset
    cells = table(dataset)
    cells["measures"] += read_measures(run.path, cells)
    return {
        "name": sendable(run.path.resolve().name),
        "path": _path_to_send(run.path),
        "title": sendable(str(dataset.attrs.get("title", ""))),
        "progress": _progress(run),
        "cells": cells,
        "curves": curves(dataset, packer, room),
        "boundaries": boundaries(run.path, dataset),
        "tables": tables(run.path),
        "analysed": [*analysed(run.path, packer), *heads(run.path, packer)],
        "facts": facts(run.manifest),
    }


def _path_to_send(path: AnyPath) -> str:
    """Return the path that the page's snippets open: a relative one, or the name."""
    if (
        isinstance(path, ObjectPath)
        or path.is_absolute()
        or ".." in path.parts
        or not path.name
    ):
        return sendable(path.name)
    return sendable(path.as_posix())


def _progress(run: RunData) -> str:
    """Say how far a run was at its last result: 36 of 84 cells, 23:41."""
    done = int((labels_of(run.dataset) != "pending").sum())
    total = len(run.manifest.cells)
    # Not the time of writing: the same results give the same page.
    now = time.localtime(second_look(lambda: _last_shard(run.path)))
    if done < total:
        return f"{done:,} of {total:,} cells, {time.strftime('%H:%M', now)}"
    return f"{number(total, 'cell')}, {time.strftime('%Y-%m-%d %H:%M', now)}"


def _last_shard(path: AnyPath) -> float | None:
    """Return when the last shard of a run was written; None without any."""
    # A name with a dot before it is of a file that is being written.
    files = matches(path / "curves", "[!.]*.npz")
    return max(map(modified, files), default=None)


def _look() -> dict[str, Any]:
    """Return the colours that the page shares with the other figures."""
    fills = style.PHASE_FILLS | {
        "censored": style.CENSORED,
        "unknown": style.UNKNOWN,
        "none": style.NONE,
    }
    return {
        "labels": list(LABELS),
        "fills": {name: to_hex(fill.colour) for name, fill in fills.items()},
        "lines": list(style.LINES),
        "many": style.line_colours(_MANY),
        "scales": {
            "steps": _stops(style.STEPS_MAP),
            "signed": _stops(style.LEAD_MAP),
            "magnitude": _stops(style.MAGNITUDE_MAP),
            "components": _stops(style.SIGNED_MAP),
            "cyclic": _stops(style.CYCLIC_MAP),
        },
    }


def _stops(name: str) -> list[str]:
    """Return the colours of a colour map, evenly spaced."""
    colours = matplotlib.colormaps[name](np.linspace(0, 1, _STOPS))
    return [to_hex(colour) for colour in colours]
