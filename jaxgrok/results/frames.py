"""Results as pandas frames: a row for each cell, or for each cell and step.

They hold what fits in a table; spectra and sums of squares are in the dataset.

>>> curves_frame(manifest, results).groupby(["weight_decay", "step"]).test_loss.mean()
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxgrok.results.files.manifest import Manifest
from jaxgrok.results.files.shards import Result
from jaxgrok.results.rows import CELL_COLUMNS, table

TYPES = {
    "n_train": "Int64",
    "status": "str",
    "phase": "str",
    "memorise_step": "Int64",
    "grok_step": "Int64",
    "change_step": "Int64",
    "change_width": "Int64",
    "non_convex": "boolean",
    "spikes": "Int64",
    "steps": "Int64",
    "block_width": "Int64",
    "cause": "str",
}
"""Column of cells.csv → its pandas type; the others are float64.

Int64 and boolean, unlike int64 and bool, have a missing value: a censored step is <NA>.
"""


def cells_frame(manifest: Manifest, results: Mapping[str, Result]) -> pd.DataFrame:
    """Return one row for each cell that has ended: its axes and its outcome.

    Columns are `cell`, `id`, the axes, and those of cells.csv, typed. A step that was
    not reached is missing.
    """
    rows = table(manifest, results)
    frame = _axes_frame(manifest, [row["cell"] for row in rows])
    for name in CELL_COLUMNS:
        entries: Sequence[Mapping[str, Any]] = rows
        column = [entry[name] for entry in entries]
        frame[name] = pd.array(column, dtype=TYPES.get(name, "float64"))
    return frame


def curves_frame(manifest: Manifest, results: Mapping[str, Result]) -> pd.DataFrame:
    """Return one row for each cell and evaluated step, with the plain curves.

    Plain are the losses, the accuracies and what a measure records as one number; what
    lies along a dimension (matrix, component, freq) is left out. A curve that a cell
    did not record is NaN. Columns are `cell`, `id`, the axes, `step` and the curves.
    """
    indices, members = [], []
    for index, cell in enumerate(manifest.cells):
        if cell.id in results and len(results[cell.id].records):
            indices.append(index)
            members.append(results[cell.id])
    evals = [len(result.records) for result in members]
    # The repeat of an empty list is float, and would not index the cells.
    frame = _axes_frame(manifest, np.repeat(indices, evals).astype(int).tolist())
    for name in _plain_names(members):
        if name not in frame:  # a measure may have named its curve like an axis
            frame[name] = np.concatenate([_plain(result, name) for result in members])
    if members:
        frame["step"] = frame["step"].astype(int)
    return frame


def _axes_frame(manifest: Manifest, indices: Sequence[int]) -> pd.DataFrame:
    """Return the index, the id and the axes of these cells, a row each."""
    cells = [manifest.cells[index] for index in indices]
    columns: dict[str, Any] = {"cell": indices, "id": [cell.id for cell in cells]}
    for name in manifest.axes:
        columns[name] = [cell.axes[name] for cell in cells]
    return pd.DataFrame(columns)


def _plain_names(results: Sequence[Result]) -> list[str]:
    """Return the curves without a dimension that any of the results has, in order."""
    names: dict[str, None] = {}
    for schema in dict.fromkeys(result.schema for result in results):
        for curve in schema.curves:
            if not curve.dim:
                names[curve.name] = None
    return list(names)


def _plain(result: Result, name: str) -> np.ndarray:
    """Return a curve [evals], NaN where the cell did not record it."""
    if name in result.schema:
        return result.curve(name)
    return np.full(len(result.records), np.nan)
