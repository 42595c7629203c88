"""Results as pandas frames that fit in memory.

>>> cells_frame(manifest, results).groupby("phase").size()
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from jaxgrok.results.manifest import Manifest
from jaxgrok.results.rows import TABLE, Result, table
from jaxgrok.training.records import CURVES


def cells_frame(manifest: Manifest, results: Mapping[str, Result]) -> pd.DataFrame:
    """Return cells.csv as a frame: one row a finished cell."""
    names = ["cell", *manifest.axes]
    names += [name for name in TABLE if name not in names]
    rows = table(manifest, results)
    return pd.DataFrame(
        [{name: row[name] for name in names} for row in rows], None, names
    )


def curves_frame(manifest: Manifest, results: Mapping[str, Result]) -> pd.DataFrame:
    """Return the curves of all cells: one row an evaluation."""
    frames = []
    for index, cell in enumerate(manifest.cells):
        result = results.get(cell.id)
        if result is None or not len(result.records):
            continue
        columns = {name: result.curve(name) for name in CURVES}
        step = result.curve("step").astype(np.int64)
        frames.append(
            pd.DataFrame({"cell": index, **cell.axes, "step": step, **columns})
        )
    if not frames:
        return pd.DataFrame(columns=["cell", *manifest.axes, "step", *CURVES])
    return pd.concat(frames, ignore_index=True)
