"""Some cells of a dataset.

>>> selected(dataset, run.matching("weight_decay=1.0"))
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr


def selected(dataset: xr.Dataset, indices: Sequence[int]) -> xr.Dataset:
    """Return some cells of a dataset, along one dimension `cell`.

    Args:
        dataset: of `assemble`.
        indices: of the cells, in the row-major order of the axes: rows of cells.csv.
    """
    dims = [str(dim) for dim in dataset["phase"].dims]
    if dims != ["cell"]:
        dataset = dataset.stack(cell=dims).reset_index("cell")
        dataset = dataset.assign_coords(cell=np.arange(dataset.sizes["cell"]))
    chosen: xr.Dataset = dataset.isel(cell=list(indices)).transpose("cell", ...)
    return chosen
