"""Draw loss and accuracy over steps, for a few cells.

save(curves(jaxgrok.load("runs/mine"), cells=[0, 3]), "curves.png")
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxgrok.plots import style
from jaxgrok.plots.labels import short
from jaxgrok.plots.sweep.cells import (
    cell_names,
    curve,
    has_curve,
    scale_steps,
    write_heading,
)
from jaxgrok.results.dataset import LABELS, labels_of

MOST_CURVES = 12
_SPLITS = {"train": "-", "test": "--"}
"""Line style of each set of examples."""


def curves(
    dataset: xr.Dataset,
    cells: Sequence[int] | None = None,
    *,
    milestones: Mapping[str, float] | None = None,
) -> Figure:
    """Draw loss and accuracy over steps: a colour a cell, train solid and test dashed.

    The steps are on a log scale where the first fit comes in the first tenth of the
    curves; the axis says so.

    Args:
        dataset: what `jaxgrok.load` returns.
        cells: indices in the row-major order of the dataset's axes, at most
            MOST_CURVES; by default all that have curves or, of more than that, one for
            each phase.
        milestones: steps to mark, by label.

    Raises:
        ValueError: for too many cells.
    """
    cells = _default_cells(dataset) if cells is None else list(cells)
    if len(cells) > MOST_CURVES:
        raise ValueError(
            f"cells has {len(cells)} entries; it must have at most {MOST_CURVES}"
        )
    titles, common = cell_names(dataset, cells)
    # Room for the legend, whose longest line decides.
    width = 7.6 + 0.075 * max(map(len, titles), default=0)
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        _draw_curves(axes, dataset, cells, quantity)
        axes.set_ylabel(quantity)
    scale_steps(panels, dataset, cells)
    _mark(panels, milestones or {})
    write_heading(figure, dataset, common)
    figure.legend(
        handles=_handles(titles),
        loc="outside right center",
        fontsize=style.LABEL,
        frameon=False,
    )
    return figure


def _default_cells(dataset: xr.Dataset) -> list[int]:
    """Return the cells with curves or, of too many, the middle one of each phase."""
    recorded = has_curve(dataset, "train_loss")
    if len(recorded) <= MOST_CURVES:
        return list(map(int, recorded))
    labels = labels_of(dataset)[recorded]
    cells = []
    for label in LABELS:
        members = recorded[labels == label]
        if len(members):
            cells.append(int(members[len(members) // 2]))
    return cells


def _draw_curves(
    axes: Axes, dataset: xr.Dataset, cells: Sequence[int], quantity: str
) -> None:
    """Draw the recorded points of train and test; a cross where a cell diverged."""
    steps, labels = dataset["step"].values, labels_of(dataset)
    if quantity == "loss":
        axes.set_yscale("log")
    for split, line in _SPLITS.items():
        values = curve(dataset, f"{split}_{quantity}")
        for cell, colour in zip(cells, style.line_colours(len(cells)), strict=True):
            drawable = np.isfinite(values[cell])
            # A log scale has no place for a loss of zero.
            if quantity == "loss":
                drawable &= values[cell] > 0
            if not drawable.any():
                continue
            x, y = steps[drawable], values[cell][drawable]
            axes.plot(x, y, line, color=colour, lw=1.3, alpha=0.85)
            if labels[cell] == "diverged":
                axes.plot(x[-1], y[-1], "x", color=colour)


def _handles(titles: Sequence[str]) -> list[Line2D]:
    """List the cells by their colours and the sets of examples by their line styles."""
    colours = style.line_colours(len(titles))
    handles = [
        Line2D([], [], color=colour, label=title)
        for colour, title in zip(colours, titles, strict=True)
    ]
    for label, line in _SPLITS.items():
        handles.append(Line2D([], [], color=style.GREY, ls=line, label=label))
    return handles


def _mark(panels: Sequence[Axes], milestones: Mapping[str, float]) -> None:
    """Draw a thin line for each milestone, with its label in a row above the loss.

    The latest has the lowest row, so that no line crosses a label to its left.
    """
    line: dict[str, Any] = {"color": style.GREY, "lw": 0.8, "ls": ":"}
    latest_first = sorted(milestones.items(), key=lambda item: -item[1])
    # x in steps, y as a share of the height of the axes.
    transform = panels[0].get_xaxis_transform()
    for row, (label, step) in enumerate(latest_first):
        for axes in panels:
            axes.axvline(step, zorder=0, **line)
        # A row of labels takes 6% of the height; the line goes on up to its own.
        height = 1.01 + 0.06 * row
        panels[0].plot(
            [step, step],
            [1, height + 0.04],
            transform=transform,
            clip_on=False,
            **line,
        )
        text = f" {label} ({short(step)})"
        panels[0].text(step, height, text, transform=transform, size=style.SMALL_LABEL)
