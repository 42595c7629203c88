"""Per-cell columns of a dataset, whether its dimensions are axes or `cell`.

>>> column_of(dataset, "grok_step")           # [cells]
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxgrok.outcomes.outcomes import PHASES

LABELS = (*PHASES, "failed", "pending")
"""What a square can hold: the phases, and cells that have none."""


def axis_names(dataset: xr.Dataset) -> list[str]:
    """The axes of the grid, in the dataset's order."""
    per_cell = set(dataset["phase"].dims)
    return [
        str(name)
        for name, axis in dataset.coords.items()
        if name != "cell" and set(axis.dims) <= per_cell
    ]


def column_of(dataset: xr.Dataset, name: str) -> NDArray:
    """A per-cell variable or coordinate as [cells], in either form of dataset."""
    like = dataset["phase"]
    return dataset[name].broadcast_like(like).transpose(*like.dims).values.ravel()


def values_along(dataset: xr.Dataset, name: str) -> NDArray:
    """The values of an axis [cells], sortable; one empty name where there is none."""
    if name not in dataset:
        return np.full(dataset["phase"].size, "")
    values = column_of(dataset, name)
    try:
        return values.astype(float)
    except (TypeError, ValueError):
        return values.astype(str)


def labels_of(dataset: xr.Dataset) -> NDArray:
    """The phase of every cell [cells], or failed or pending where there is none yet."""
    phases, statuses = column_of(dataset, "phase"), column_of(dataset, "status")
    labels = [
        phase or ("failed" if status == "failed" else "pending")
        for phase, status in zip(phases, statuses, strict=True)
    ]
    unknown = set(labels) - set(LABELS)
    if unknown:
        raise ValueError(f"phase {sorted(map(str, unknown))}: allowed is {PHASES}")
    return np.array(labels)
