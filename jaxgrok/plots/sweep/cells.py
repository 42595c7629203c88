"""What figures of single cells share: their curves, their names, the axis of steps.

titles, common = cell_names(dataset, [0, 3])
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxgrok.plots import style
from jaxgrok.plots.labels import (
    axis_name,
    name_steps,
    round_steps,
    short,
    value_names,
)
from jaxgrok.results.dataset import (
    axis_names,
    column_of,
    labels_of,
    values_along,
)


def curve(dataset: xr.Dataset, name: str) -> NDArray[Any]:
    """Return a curve of every cell: [cells, evals]."""
    # Row-major along the axes of `phase`: an index of a cell means the same everywhere.
    values = dataset[name].transpose(*dataset["phase"].dims, "step").values
    return values.reshape(-1, dataset.sizes["step"])


def component_curves(dataset: xr.Dataset, name: str) -> NDArray[Any]:
    """Return a curve of every component of every cell: [cells, components, evals]."""
    dims = (*dataset["phase"].dims, "component", "step")
    values = dataset[name].transpose(*dims).values
    return values.reshape(-1, *values.shape[-2:])


def has_curve(dataset: xr.Dataset, name: str) -> NDArray[Any]:
    """Return the indices of the cells for which a curve was recorded."""
    return np.flatnonzero(np.isfinite(curve(dataset, name)).any(axis=1))


def cell_names(
    dataset: xr.Dataset, cells: Sequence[int], *, without: str = ""
) -> tuple[list[str], str]:
    """Name each cell by the axes that tell them apart, and its phase.

    Args:
        dataset: what `jaxgrok.load` returns.
        cells: indices in the row-major order of the dataset's axes.
        without: an axis to leave out.

    Returns:
        The names, and the values that all of these cells have in common.
    """
    common = []
    names = [""] * len(cells)
    for axis in axis_names(dataset):
        if axis == without:
            continue
        values = value_names(values_along(dataset, axis)[list(cells)])
        texts = [f"{axis_name(axis)} {value}" for value in values]
        # What all have in common stands once, in the heading.
        if len(set(texts)) == 1:
            common.append(texts[0])
            continue
        names = [
            f"{name}, {text}".removeprefix(", ")
            for name, text in zip(names, texts, strict=True)
        ]
    labels = labels_of(dataset)[list(cells)]
    titles = [
        f"{name}: {label}".removeprefix(": ")
        for name, label in zip(names, labels, strict=True)
    ]
    return titles, ", ".join(common)


def write_heading(figure: Figure, dataset: xr.Dataset, common: str) -> None:
    """Write above a figure its dataset's title and what its cells have in common."""
    lines = [line for line in (dataset.attrs.get("title", ""), common) if line]
    figure.suptitle("\n".join(lines), fontsize=style.TITLE)


def scale_steps(
    panels: Sequence[Axes], dataset: xr.Dataset, cells: Sequence[int]
) -> None:
    """Put steps on a log scale where a linear one would hide the first fit."""
    step = dataset["step"].values
    fits = column_of(dataset, "memorise_step").astype(float)[list(cells)]
    # Without any fit nanmin would warn, hence the first condition.
    early = np.isfinite(fits).any() and np.nanmin(fits) < step[-1] / 10
    first = step[step > 0].min(initial=step[-1])
    for axes in panels:
        axes.set_xlabel("step")
        if early:
            # symlog has a place for step 0, which a log scale lacks.
            # The linear part, from step 0 to the first, is half as long as a decade.
            axes.set_xscale("symlog", linthresh=first, linscale=0.5)
            axes.set_xlim(-first / 2, 1.2 * step[-1])
            axes.set_xlabel(f"step (log scale, linear below {short(first)})")
            axes.set_xticks([0, *round_steps(first, step[-1])])
            axes.minorticks_off()
        name_steps(axes.xaxis)
        style.despine(axes)
