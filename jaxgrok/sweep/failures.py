"""The cells of a run that failed, and the exit code that says so.

>>> sys.exit(report(dataset))
"""

import sys

import numpy as np
import xarray as xr

from jaxgrok.host.terminal import number
from jaxgrok.results.dataset import axis_names, column_of

FAILED = 1
"""Exit code where some cells have no result."""
MOST_NAMED = 8
"""Cells that are named; of more, the first."""


def report(dataset: xr.Dataset) -> int:
    """Name the cells that failed on stderr, in one line, and return the exit code."""
    failed = np.flatnonzero(column_of(dataset, "status") == "failed").tolist()
    if not failed:
        return 0
    names = [_name(dataset, cell) for cell in failed[:MOST_NAMED]]
    others = " …" if len(failed) > MOST_NAMED else ""
    print(
        f"{number(len(failed), 'cell')} failed: {', '.join(names)}{others}: "
        f"{column_of(dataset, 'cause')[failed[0]]}; the same command tries again",
        file=sys.stderr,
    )
    return FAILED


def _name(dataset: xr.Dataset, cell: int) -> str:
    """Name a cell by its row of cells.csv and its axis values."""
    axes = [f"{a}={column_of(dataset, a)[cell]}" for a in axis_names(dataset)]
    return f"{cell} ({', '.join(axes)})"
