"""What was read of networks as colours of the squares: circuits.csv and heads.csv.

>>> read_measures(Path("runs/mine"), table(dataset))[0]["title"]
'circuit: number of key frequencies'
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from jaxgrok.circuits.induction_heads import SCORES
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.plots.tables import read_rows
from jaxgrok.report.cells import measure_of

CIRCUITS = {
    "answer_share": ("share of the logits' variance by x ± y alone", "share"),
    "neuron_share": ("share of neurons of one frequency", "share"),
    "W_E_share": ("share of W_E in key frequencies", "share"),
    "W_L_share": ("share of W_L in key frequencies", "share"),
    "logit_variance_explained": ("share of the logits by key frequencies", "share"),
    "all_accuracy": ("accuracy on all pairs", "share"),
    "all_loss": ("loss on all pairs", "log"),
    "trig_loss": ("trig loss", "log"),
    "excluded_loss": ("excluded loss", "log"),
    "cos_approximation_loss": ("loss of the cosine approximation", "log"),
}
"""Column of circuits.csv → its title, and the scale of its colours."""


def read_measures(folder: AnyPath, cells: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the measures of the networks that were read.

    Args:
        folder: a run directory.
        cells: of `jaxgrok.report.cells.table`.
    """
    measures = (*_of_circuits(folder, cells), *_of_heads(folder, cells))
    # Where a value is missing, nobody has looked: that is not "none".
    return [measure | {"missing": "not read"} for measure in measures]


def _of_circuits(folder: AnyPath, cells: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the measures of circuits.csv."""
    # A network that diverged has a row, and nothing in it.
    rows = [
        row
        for row in _rows(folder, "circuits", cells)
        if row.get("has_circuit") is not None
    ]
    counts = [(row["cell"], _count(row.get("key_frequencies"))) for row in rows]
    if counts:
        title = "circuit: number of key frequencies"
        yield measure_of("key_frequencies", title, _column(counts, cells), "count")
    for name, (title, scale) in CIRCUITS.items():
        column = _column([(row["cell"], row.get(name)) for row in rows], cells)
        if np.isfinite(column).any():
            yield measure_of(f"circuit_{name}", f"circuit: {title}", column, scale)


def _count(words: Any) -> int:
    """Return how many frequencies an entry lists: 14 35 41, or one, or none."""
    return 0 if words is None else len(str(words).split())


def _of_heads(folder: AnyPath, cells: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield, of every score of heads.csv, that of each network's best head."""
    rows = _rows(folder, "heads", cells)
    for name in SCORES if rows else ():
        # Ascending, as the last entry of a cell is the one that stays.
        scores = sorted((row[name], row["cell"]) for row in rows if row.get(name))
        column = _column([(cell, score) for score, cell in scores], cells)
        title = f"heads: best {name.replace('_', '-')} score"
        yield measure_of(f"heads_{name}", title, column, "share")


def _rows(folder: AnyPath, name: str, cells: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table, if there is one, that are about these cells.

    A grid that grew since they were read may have other cells at their indices.
    """
    path = folder / f"{name}.csv"
    rows = read_rows(path) if path.exists() else []
    return [row for row in rows if _is_of_its_cell(row, cells)]


def _is_of_its_cell(row: dict[str, Any], cells: dict[str, Any]) -> bool:
    """Tell whether a row has the axis values of the cell that it names."""
    index = row["cell"]
    if index >= len(cells["labels"]):
        return False
    for axis in cells["axes"]:
        text = axis["texts"][axis["index"][index]]
        if text and axis["name"] in row and str(row[axis["name"]]) != text:
            return False
    return True


def _column(
    entries: Iterable[tuple[int, float | None]], cells: dict[str, Any]
) -> np.ndarray:
    """Return a value for each cell; NaN where there is no entry."""
    column = np.full(len(cells["labels"]), np.nan)
    for cell, value in entries:
        column[cell] = np.nan if value is None else value
    return column
