"""Draw slingshots: the largest training loss of every chunk, setting beside setting.

save(spikes(jaxgrok.load("runs/mine")), "spikes.png")
"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxgrok.outcomes.outcomes import SPIKE_ABOVE, SPIKE_ARMED_BELOW
from jaxgrok.plots import style
from jaxgrok.plots.labels import name_steps
from jaxgrok.plots.sweep.cells import cell_names, curve, has_curve, write_heading
from jaxgrok.results.dataset import axis_names, column_of, values_along

MOST_PANELS = 12


def spikes(dataset: xr.Dataset) -> Figure:
    """Draw a panel a setting, a colour a seed; titles count the spikes of each seed.

    A spike: the training loss was below the lower dotted line at an evaluation, then
    passes the upper one (see `jaxgrok.outcomes.spikes`). Of more than MOST_PANELS
    settings, the first.

    Args:
        dataset: what `jaxgrok.load` returns.
    """
    settings = _settings(dataset)[:MOST_PANELS]
    firsts = [int(cells[0]) for cells in settings]
    titles, common = cell_names(dataset, firsts, without="seed")
    columns = min(3, len(settings))
    # Rounded up.
    rows = -(-len(settings) // columns)
    figure = Figure(
        figsize=(3.4 * columns + 0.6, 2.5 * rows + 0.8), layout="constrained"
    )
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, cells, title in zip(panels.ravel(), settings, titles, strict=False):
        _draw(axes, dataset, cells)
        # Without the phase: that of the first seed says nothing of the others.
        name = title.rpartition(": ")[0] or title
        heading = f"{name}\nspikes: {_counts(dataset, cells)}"
        axes.set_title(heading, fontsize=style.SMALL_TITLE)
    for axes in panels.ravel()[len(settings) :]:
        axes.remove()
    for axes in panels[:, 0]:
        axes.set_ylabel("largest train loss", fontsize=style.SMALL_TITLE)
    for axes in panels[-1]:
        axes.set_xlabel("step", fontsize=style.SMALL_TITLE)
    write_heading(figure, dataset, common)
    return figure


def _settings(dataset: xr.Dataset) -> list[NDArray[Any]]:
    """Return the cells with curves [cells of a setting], setting by setting."""
    axes = [name for name in axis_names(dataset) if name != "seed"]
    # As words: NaN, of a part without the axis, is then equal to itself.
    columns = [values_along(dataset, name).astype(str) for name in axes]
    settings: dict[tuple[str, ...], list[int]] = {}
    for cell in has_curve(dataset, "max_train_loss").tolist():
        # Cells that differ in their seed alone share this key.
        setting = tuple(column[cell] for column in columns)
        settings.setdefault(setting, []).append(cell)
    return [np.array(cells) for cells in settings.values()]


def _draw(axes: Axes, dataset: xr.Dataset, cells: NDArray[Any]) -> None:
    """Draw a line for each seed of a setting, and the two levels of a spike."""
    steps, losses = dataset["step"].values, curve(dataset, "max_train_loss")
    axes.set_yscale("log")
    for cell, colour in zip(cells, style.line_colours(len(cells)), strict=True):
        # A log scale has no place for a loss of zero.
        positive = np.where(losses[cell] > 0, losses[cell], np.nan)
        axes.plot(steps, positive, color=colour, lw=0.7, alpha=0.8)
    for level in (SPIKE_ABOVE, SPIKE_ARMED_BELOW):
        axes.axhline(level, color=style.GREY, lw=0.8, ls=":", zorder=0)
    name_steps(axes.xaxis)
    style.despine(axes)
    axes.tick_params(labelsize=style.LABEL)


def _counts(dataset: xr.Dataset, cells: NDArray[Any]) -> str:
    """Write the spikes of each cell, a dash for one that has not finished."""
    counts = column_of(dataset, "spikes")[cells]
    return ", ".join("–" if np.isnan(count) else str(int(count)) for count in counts)
