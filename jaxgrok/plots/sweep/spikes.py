"""Slingshots: the largest training loss of every chunk, setting beside setting."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from jaxgrok.outcomes.outcomes import SPIKE_ABOVE, SPIKE_ARMED_BELOW
from jaxgrok.plots.labels import short
from jaxgrok.plots.sweep.curves import cell_names, colours, curve
from jaxgrok.results.columns import axis_names, column_of, values_along

MOST_PANELS = 12


def spikes(dataset: xr.Dataset) -> Figure:
    """A panel a setting, a colour a seed; its title counts the spikes of each seed.

    A spike: the training loss was below the lower dotted line at an evaluation, then
    passes the upper one (see `jaxgrok.outcomes.spikes`). Of more than MOST_PANELS
    settings, the first.
    """
    groups = _settings(dataset)[:MOST_PANELS]
    firsts = [int(cells[0]) for cells in groups]
    titles, common = cell_names(dataset, firsts, without="seed")
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(
        figsize=(3.4 * columns + 0.6, 2.5 * rows + 0.8), layout="constrained"
    )
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, cells, title in zip(panels.ravel(), groups, titles, strict=False):
        counts = _draw(axes, dataset, cells)
        name = title.rpartition(": ")[0] or title
        axes.set_title(f"{name}\nspikes: {counts}", fontsize=9)
    for axes in panels.ravel()[len(groups) :]:
        axes.remove()
    for axes in panels[:, 0]:
        axes.set_ylabel("largest train loss", fontsize=9)
    for axes in panels[-1]:
        axes.set_xlabel("step", fontsize=9)
    heading = (dataset.attrs.get("title", ""), common)
    figure.suptitle("\n".join(filter(None, heading)), fontsize=10)
    return figure


def _settings(dataset: xr.Dataset) -> list[NDArray]:
    """Cells that differ in their seed alone, setting by setting; those with curves."""
    has = np.isfinite(curve(dataset, "max_train_loss")).any(axis=1)
    others = [name for name in axis_names(dataset) if name != "seed"]
    columns = [values_along(dataset, name).astype(str) for name in others]
    labels = ["\0".join(values) for values in zip(*columns, strict=True)]
    names = np.array(labels if others else [""] * len(has))
    found = [np.flatnonzero(has & (names == name)) for name in dict.fromkeys(names)]
    return [cells for cells in found if len(cells)]


def _draw(axes: Axes, dataset: xr.Dataset, cells: NDArray) -> str:
    """The lines of a setting; its counts in words."""
    step, values = dataset["step"].values, curve(dataset, "max_train_loss")
    counts = column_of(dataset, "spikes")
    axes.set_yscale("log")
    for cell, colour in zip(cells, colours(len(cells)), strict=True):
        shown = np.where(values[cell] > 0, values[cell], np.nan)
        axes.plot(step, shown, color=colour, lw=0.7, alpha=0.8)
    for level in (SPIKE_ABOVE, SPIKE_ARMED_BELOW):
        axes.axhline(level, color="#777777", lw=0.8, ls=":", zorder=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: short(at)))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return ", ".join(
        "–" if np.isnan(counts[cell]) else f"{int(counts[cell])}" for cell in cells
    )
