"""Draw circuit measures in the layout of the phase diagram.

save(circuit_measures(jaxgrok.load("runs/mine")), "circuit_measures.png")
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from jaxgrok.circuits.sweep_measures import survey
from jaxgrok.plots import heatmap, style
from jaxgrok.plots.heatmap import Labels, SquareGrid
from jaxgrok.plots.labels import name_steps, short
from jaxgrok.plots.sweep.phase_diagram import axis_labels
from jaxgrok.results.dataset import column_of
from jaxgrok.results.phase_grid import gather, medians

MEASURES = ("W_E_norm", "W_L_norm", "excluded_loss")
"""Curves that the figure reads: what a sweep with measures="fourier" records."""


def circuit_measures(
    dataset: xr.Dataset, *, x: str = "weight_decay", y: str = "train_fraction"
) -> Figure:
    """Draw the share of W_E in the key frequencies, and the lead of its rise.

    Both are medians over the seeds of a square, the share of those with a sparse
    spectrum, the lead of those that grokked; see `circuits.sweep_measures`.

    Args:
        dataset: of a sweep with measures="fourier".
        x: axis of the columns; one that is not varied gives way to another.
        y: axis of the rows; likewise.

    Raises:
        ValueError: for an axis that the dataset does not have.
    """
    phases = gather(dataset, x=x, y=y)
    share, lead = cell_measures(dataset)
    columns, rows = axis_labels(phases)
    return phase_share(
        medians(phases, share),
        medians(phases, lead),
        x=columns,
        y=rows,
        title=dataset.attrs.get("title", ""),
    )


def cell_measures(dataset: xr.Dataset) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return share and lead of every cell [cells]; see `circuits.sweep_measures`."""
    grok_step = column_of(dataset, "grok_step").astype(float)
    return survey(cell_curves(dataset), grok_step=grok_step)


def cell_curves(dataset: xr.Dataset) -> dict[str, NDArray[Any]]:
    """Return `step` [evals], and each of MEASURES [cells, evals, freq]."""
    dims, cells = dataset["phase"].dims, dataset["phase"].size
    curves = {"step": dataset["step"].values}
    for name in MEASURES:
        # Whatever the axes of the grid are, these are the last two.
        curve = dataset[name].transpose(*dims, "step", ...).values
        curves[name] = curve.reshape(cells, *curve.shape[-2:])
    return curves


def phase_share(
    share: ArrayLike, lead: ArrayLike, *, x: Labels, y: Labels, title: str = ""
) -> Figure:
    """Draw two circuit measures as heat maps, side by side.

    Args:
        share: [y, x] share of the squared norm of W_E in the key frequencies, 0 to 1.
        lead: [y, x] steps from the rise of the excluded loss to the grok step;
            negative where it rose after. Both are NaN where there is none.
        x: labels of the columns.
        y: labels of the rows.
        title: of the figure.

    Raises:
        ValueError: if the shape of a measure is not that of the labels.
    """
    grid = SquareGrid.of(x, y, smallest=0.3)
    size = grid.figure_size(least_width=7.4, beside=3.4)
    figure = Figure(figsize=size, layout="compressed")
    left, right = figure.subplots(1, 2)
    shares, leads = _checked("share", share, grid), _checked("lead", lead, grid)

    # From 0 to 1 in every figure, so that two runs can be compared by colour.
    scale = ScalarMappable(Normalize(0, 1), style.STEPS_MAP)
    _draw(left, grid, shares, scale, "{:.2f}".format, "median share")
    left.set_title("share of W_E norm\nin key frequencies", fontsize=style.SMALL_TITLE)

    # A lead below zero: the excluded loss rose after the grok.
    signed = bool((leads < 0).any())
    maps = {"magnitude_map": style.STEPS_MAP, "signed_map": style.LEAD_MAP}
    scale = style.scale_from_zero(leads, signed=signed, **maps)
    bar = _draw(right, grid, leads, scale, short, "median steps")
    name_steps(bar.ax.yaxis)
    heading = "from the rise of the\nexcluded loss to the grok"
    right.set_title(heading, fontsize=style.SMALL_TITLE)

    figure.suptitle(title, fontsize=style.HEADING)
    if np.isnan(shares).any() or np.isnan(leads).any():
        label = "none: no sparse spectrum, no grok, or no rise"
        figure.legend(
            handles=[Patch(label=label, **style.NONE.patch())],
            loc="outside lower center",
            fontsize=style.LABEL,
            frameon=False,
        )
    return figure


def _checked(name: str, values: ArrayLike, grid: SquareGrid) -> NDArray[Any]:
    """Return an array of the shape of the squares, or raise ValueError."""
    table = np.asarray(values, float)
    if table.shape != grid.shape:
        raise ValueError(
            f"{name} has shape {table.shape}; it must be {grid.shape}, by the labels "
            "of y and x"
        )
    return table


def _draw(
    axes: Axes,
    grid: SquareGrid,
    values: NDArray[Any],
    scale: ScalarMappable,
    words: Callable[[float], str],
    label: str,
) -> Colorbar:
    """Draw one measure with its colour bar; return the bar."""

    def text(row: int, column: int) -> str:
        value = values[row, column]
        return words(value) if np.isfinite(value) else ""

    heatmap.frame(axes, grid)
    heatmap.draw_values(axes, grid, values, scale, text=text)
    return heatmap.colour_bar(axes, grid, scale, label)
