"""Draw the loss of every digit, trigram or task over that of the whole.

save(components(jaxgrok.load("runs/mine")), "components.png")
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxgrok.outcomes.phase_changes import phase_change
from jaxgrok.plots import style
from jaxgrok.plots.sweep.cells import (
    cell_names,
    component_curves,
    curve,
    has_curve,
    scale_steps,
    write_heading,
)

MOST_PANELS = 4


def components(dataset: xr.Dataset, cells: Sequence[int] | None = None) -> Figure:
    """Draw test loss over steps: a panel a cell, a colour a component, the whole black.

    A dot marks where a component falls fastest (see `outcomes.phase_changes`); a dashed
    line is the train loss of the whole, where there is a training set.

    Args:
        dataset: what `jaxgrok.load` returns.
        cells: indices in the row-major order of the dataset's axes, at most
            MOST_PANELS; by default the first of each setting, then more seeds.

    Raises:
        ValueError: for too many cells.
    """
    cells = _default_cells(dataset) if cells is None else list(cells)
    if len(cells) > MOST_PANELS:
        raise ValueError(
            f"cells has {len(cells)} entries; it must have at most {MOST_PANELS}"
        )
    titles, common = cell_names(dataset, cells)
    columns = min(2, len(cells))
    # Rounded up.
    rows = -(-len(cells) // columns)
    figure = Figure(figsize=(4.1 * columns + 1.6, 3 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, cell, title in zip(panels, cells, titles, strict=False):
        _draw(axes, dataset, cell)
        axes.set_title(title, fontsize=style.SMALL_TITLE)
    for axes in panels[len(cells) :]:
        axes.remove()
    scale_steps(list(panels[: len(cells)]), dataset, cells)
    for axes in panels[::columns]:
        axes.set_ylabel("test loss (nats)")
    write_heading(figure, dataset, common)
    # All panels have the same lines: one legend serves them.
    handles, _ = panels[0].get_legend_handles_labels()
    figure.legend(
        handles=handles,
        loc="outside right center",
        ncols=1 if dataset.sizes["component"] <= 12 else 2,
        fontsize=style.LABEL,
        frameon=False,
    )
    return figure


def _default_cells(dataset: xr.Dataset) -> list[int]:
    """Return MOST_PANELS cells with curves, the first seed of every setting first."""
    recorded = has_curve(dataset, "test_loss")
    dims = dataset["phase"].dims
    if "seed" not in dims:
        return list(map(int, recorded[:MOST_PANELS]))
    seeds = np.unravel_index(recorded, dataset["phase"].shape)[dims.index("seed")]
    # The stable sort keeps the settings of one seed in the order of the grid.
    cells = recorded[np.argsort(seeds, kind="stable")][:MOST_PANELS]
    return sorted(cells.tolist())


def _draw(axes: Axes, dataset: xr.Dataset, cell: int) -> None:
    """Draw the components of a cell, their phase changes, and the whole."""
    steps = dataset["step"].values
    names = [str(name) for name in dataset["component"].values]
    losses = component_curves(dataset, "component_test_loss")[cell]
    colours = style.line_colours(len(names), black=False)
    axes.set_yscale("log")
    for name, colour, loss in zip(names, colours, losses, strict=True):
        axes.plot(steps, _positive(loss), color=colour, lw=1.1, label=name)
        change = phase_change(steps, loss)
        if change is not None:
            # A change may lie between two evaluations.
            level = np.interp(change.step, steps, loss)
            dot: dict[str, Any] = {
                "color": colour,
                "ms": 4,
                "mec": style.BLACK,
                "mew": 0.5,
            }
            axes.plot(change.step, level, "o", **dot)
    total = curve(dataset, "test_loss")[cell]
    axes.plot(steps, _positive(total), color=style.BLACK, lw=2.0, label="all")
    train = curve(dataset, "train_loss")[cell]
    line: dict[str, Any] = {"color": style.BLACK, "lw": 1.0, "ls": "--"}
    axes.plot(steps, _positive(train), label="all, train", **line)
    axes.tick_params(labelsize=style.LABEL)


def _positive(values: NDArray[Any]) -> NDArray[Any]:
    """Leave out what a log scale cannot show."""
    return np.where(values > 0, values, np.nan)
