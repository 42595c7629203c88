"""The crossovers of a run, to be drawn on its phase diagram.

>>> boundaries(Path("runs/mine"), dataset)["rows"][0]
{'at': {'weight_decay': 2}, 'crossover': 512, 'low': 480, 'high': 560}
"""

from typing import Any

import numpy as np
import xarray as xr

from jaxgrok.host.files.paths import AnyPath
from jaxgrok.plots.tables import read_checked
from jaxgrok.results.dataset import column_of, values_along
from jaxgrok.results.rows import CROSSOVER


def boundaries(folder: AnyPath, dataset: xr.Dataset) -> dict[str, Any]:
    """Return the rows of crossover.csv, and the training examples of every cell.

    Of each row: `at`, the axes of its setting with the index of their value among those
    of the cells, and `crossover`, `low` and `high` in training examples, or None.
    """
    is_search = (folder / CROSSOVER).exists()
    table = read_checked(folder, CROSSOVER) if is_search else []
    rows = []
    for row in table:
        names = list(row)[: list(row).index("outcome")]
        at = {name: _index(dataset, name, row[name]) for name in names}
        if None not in at.values():
            ends = {name: row[name] for name in ("crossover", "low", "high")}
            rows.append({"at": at, **ends})
    sizes = column_of(dataset, "n_train").astype(int).tolist() if rows else []
    return {"rows": rows, "n_train": sizes}


def _index(dataset: xr.Dataset, name: str, value: Any) -> int | None:
    """Return the index of a value among those of an axis, or None."""
    values = np.unique(values_along(dataset, name))
    if values.dtype.kind == "f":
        matches = np.isclose(values, np.nan if value is None else value)
    else:
        matches = values == str(value)
    return int(np.flatnonzero(matches)[0]) if matches.any() else None
