"""Per-cell columns of a dataset, whether its dimensions are axes or `cell`.

>>> column_of(dataset, "grok_step")           # [cells]
"""

import numpy as np
import xarray as xr

from jaxgrok.outcomes.outcomes import PHASES

LABELS = (*PHASES, "failed", "pending")
"""What can be said of a cell: its phase, or that it failed or has no result yet."""


def axis_names(dataset: xr.Dataset) -> list[str]:
    """Return the axes of the grid, in the dataset's order."""
    cell_dims = set(dataset["phase"].dims)
    return [
        str(name)
        for name, axis in dataset.coords.items()
        if name != "cell" and set(axis.dims) <= cell_dims
    ]


def column_of(dataset: xr.Dataset, name: str) -> np.ndarray:
    """Return a per-cell variable or coordinate as [cells], in cell order."""
    phase = dataset["phase"]
    return dataset[name].broadcast_like(phase).transpose(*phase.dims).values.ravel()


def values_along(dataset: xr.Dataset, name: str) -> np.ndarray:
    """Return the values of an axis [cells], sortable; all "" where there is none."""
    if name not in dataset:
        return np.full(dataset["phase"].size, "")
    values = column_of(dataset, name)
    try:
        return values.astype(float)
    except (TypeError, ValueError):
        return values.astype(str)


def labels_of(dataset: xr.Dataset) -> np.ndarray:
    """Return one of LABELS for every cell [cells].

    Raises:
        ValueError: a phase of the dataset is unknown.
    """
    phases, statuses = column_of(dataset, "phase"), column_of(dataset, "status")
    without_phase = np.where(statuses == "failed", "failed", "pending")
    labels = np.where(phases == "", without_phase, phases).astype(str)
    unknown = set(labels.tolist()) - set(LABELS)
    if unknown:
        raise ValueError(
            f"phase={min(unknown)!r} is unknown; choose one of {', '.join(PHASES)}"
        )
    return labels
