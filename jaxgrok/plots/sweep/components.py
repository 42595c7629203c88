"""The loss of every digit, trigram or task over that of the whole, as in the post."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxgrok.outcomes.phase_changes import phase_change
from jaxgrok.plots.sweep.curves import cell_names, colours, curve, scale_steps

MOST_PANELS = 4


def components(dataset: xr.Dataset, cells: Sequence[int] | None = None) -> Figure:
    """Test loss over steps: a panel a cell, a colour a component, the whole in black.

    A dot marks where a component falls fastest (see `jaxgrok.transitions`); a dashed
    line is the train loss of the whole, where there is a training set. cells: indices
    in the row-major order of the dataset's axes, at most MOST_PANELS; by default the
    first of each setting, then more seeds.
    """
    chosen = _first(dataset) if cells is None else list(cells)
    if len(chosen) > MOST_PANELS:
        raise ValueError(f"{len(chosen)} cells: allowed is at most {MOST_PANELS}")
    names = [str(name) for name in dataset["component"].values]
    titles, common = cell_names(dataset, chosen)
    columns = min(2, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(4.1 * columns + 1.6, 3 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, cell, title in zip(panels, chosen, titles, strict=False):
        _draw(axes, dataset, cell)
        axes.set_title(title, fontsize=9)
    for axes in panels[len(chosen) :]:
        axes.remove()
    scale_steps(panels[: len(chosen)], dataset, chosen)
    for axes in panels[::columns]:
        axes.set_ylabel("test loss (nats)")
    heading = (dataset.attrs.get("title", ""), common)
    figure.suptitle("\n".join(filter(None, heading)), fontsize=10)
    handles, _ = panels[0].get_legend_handles_labels()
    figure.legend(
        handles=handles,
        loc="outside right center",
        ncols=1 if len(names) <= 12 else 2,
        fontsize=8,
        frameon=False,
    )
    return figure


def _first(dataset: xr.Dataset) -> list[int]:
    """The cells with curves, the first seed of each setting first; MOST_PANELS."""
    recorded = np.flatnonzero(np.isfinite(curve(dataset, "test_loss")).any(axis=1))
    shape = dataset["phase"].shape
    if "seed" not in dataset["phase"].dims:
        return recorded[:MOST_PANELS].tolist()
    seed = dataset["phase"].dims.index("seed")
    number = [np.unravel_index(cell, shape)[seed] for cell in recorded]
    best = recorded[np.argsort(number, kind="stable")][:MOST_PANELS]
    return sorted(best.tolist())


def _draw(axes: Axes, dataset: xr.Dataset, cell: int) -> None:
    step = dataset["step"].values
    parts = of_components(dataset, "component_test_loss")[cell]
    axes.set_yscale("log")
    for name, colour, part in zip(
        dataset["component"].values, colours(len(parts) + 1)[1:], parts, strict=True
    ):
        axes.plot(step, _positive(part), color=colour, lw=1.1, label=str(name))
        found = phase_change(step, part)
        if found is not None:
            level = np.interp(found.step, step, part)
            axes.plot(found.step, level, "o", color=colour, ms=4, mec="black", mew=0.5)
    total = curve(dataset, "test_loss")[cell]
    axes.plot(step, _positive(total), color="black", lw=2.0, label="all")
    train = curve(dataset, "train_loss")[cell]
    axes.plot(step, _positive(train), "--", color="black", lw=1.0, label="all, train")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def of_components(dataset: xr.Dataset, name: str) -> NDArray:
    """A curve of every component of every cell: [cells, components, evals]."""
    dims = (*dataset["phase"].dims, "component", "step")
    values = dataset[name].transpose(*dims).values
    return values.reshape(-1, *values.shape[-2:])


def _positive(values: NDArray) -> NDArray:
    return np.where(values > 0, values, np.nan)
