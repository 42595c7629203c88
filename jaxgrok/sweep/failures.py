"""Cells that failed: their results, and the exit code that says so.

>>> sys.exit(report(dataset))
"""

import sys

import numpy as np
import xarray as xr

from jaxgrok.grid.cells import Cell, Group
from jaxgrok.host.command_line import FAILED
from jaxgrok.host.terminal import number
from jaxgrok.results.dataset import axis_names, column_of
from jaxgrok.results.files.shards import Result
from jaxgrok.training.records import PLAIN, Schema

MOST_NAMED = 8
"""Cells that are named; of more, the first."""


def failed(cell: Cell, group: Group, cause: str) -> Result:
    """Return the result of a cell that failed: without an evaluation."""
    schema = Schema(PLAIN).with_steps()
    records = np.empty((0, schema.width), group.setup.dtype)
    return Result(cell.id, "failed", schema, records, group.block_width, cause)


def report(dataset: xr.Dataset) -> int:
    """Name the cells that failed on stderr, in one line, and return the exit code."""
    cells = np.flatnonzero(column_of(dataset, "status") == "failed").tolist()
    if not cells:
        return 0
    names = [_name(dataset, cell) for cell in cells[:MOST_NAMED]]
    ellipsis = " …" if len(cells) > MOST_NAMED else ""
    print(
        f"{number(len(cells), 'cell')} failed: {', '.join(names)}{ellipsis}: "
        f"{column_of(dataset, 'cause')[cells[0]]}; the same command tries again",
        file=sys.stderr,
    )
    return FAILED


def _name(dataset: xr.Dataset, cell: int) -> str:
    """Name a cell by its row of cells.csv and its axis values."""
    axes = [f"{a}={column_of(dataset, a)[cell]}" for a in axis_names(dataset)]
    return f"{cell} ({', '.join(axes)})"
