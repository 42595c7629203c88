"""Loss and accuracy over steps, for a few cells."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from numpy.typing import ArrayLike, NDArray

from jaxgrok.plots.labels import AXIS_NAMES, round_steps, short, value_names
from jaxgrok.results.columns import (
    LABELS,
    axis_names,
    column_of,
    labels_of,
    values_along,
)

MOST_CURVES = 12
_LINES = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7")


def curves(
    dataset: xr.Dataset,
    cells: Sequence[int] | None = None,
    *,
    milestones: Mapping[str, float] | None = None,
) -> Figure:
    """Loss and accuracy over steps: a colour a cell, train solid and test dashed.

    cells: indices in the row-major order of the dataset's axes, at most MOST_CURVES;
    by default all that have curves or, of more than that, one for each phase.
    milestones: steps to mark, by label. The steps are on a log scale where the first
    fit comes in the first tenth of the curves, and the axis says so.
    """
    chosen = _chosen(dataset) if cells is None else list(cells)
    if len(chosen) > MOST_CURVES:
        raise ValueError(f"{len(chosen)} cells: allowed is at most {MOST_CURVES}")
    titles, common = cell_names(dataset, chosen)
    width = 7.6 + 0.075 * max(map(len, titles), default=0)
    figure = Figure(figsize=(width, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        _draw_curves(axes, dataset, chosen, quantity)
        axes.set_ylabel(quantity)
    scale_steps(panels, dataset, chosen)
    _mark(panels, milestones or {})
    heading = (dataset.attrs.get("title", ""), common)
    figure.suptitle("\n".join(filter(None, heading)), fontsize=10)
    handles = [
        Line2D([], [], color=color, label=title)
        for color, title in zip(colours(len(chosen)), titles, strict=True)
    ]
    for style, label in (("-", "train"), ("--", "test")):
        handles.append(Line2D([], [], color="#777777", linestyle=style, label=label))
    figure.legend(
        handles=handles, loc="outside right center", fontsize=8, frameon=False
    )
    return figure


def _chosen(dataset: xr.Dataset) -> list[int]:
    """The cells that have curves or, of too many, the middle one of each phase."""
    losses = curve(dataset, "train_loss")
    recorded = np.flatnonzero(np.isfinite(losses).any(axis=1))
    if len(recorded) <= MOST_CURVES:
        return recorded.tolist()
    labels = labels_of(dataset)[recorded]
    of_phase = [recorded[labels == label] for label in LABELS]
    return [int(some[len(some) // 2]) for some in of_phase if len(some)]


def curve(dataset: xr.Dataset, name: str) -> NDArray:
    """A curve of every cell, [cells, evals]."""
    values = dataset[name].transpose(*dataset["phase"].dims, "step").values
    return values.reshape(-1, dataset.sizes["step"])


def cell_names(
    dataset: xr.Dataset, chosen: list[int], *, without: str = ""
) -> tuple[list[str], str]:
    """A name for each cell, of the axes that tell them apart, and what is common.

    without: an axis to leave out.
    """
    axes = [axis for axis in axis_names(dataset) if axis != without]
    parts = {
        axis: [
            f"{AXIS_NAMES.get(axis, axis)} {value}"
            for value in value_names(values_along(dataset, axis)[chosen])
        ]
        for axis in axes
    }
    same = [axis for axis in axes if len(set(parts[axis])) == 1]
    told = [parts[axis] for axis in axes if axis not in same]
    names = [", ".join(part[i] for part in told) for i in range(len(chosen))]
    labels = labels_of(dataset)[chosen]
    titles = [
        f"{name}: {label}".removeprefix(": ")
        for name, label in zip(names, labels, strict=True)
    ]
    return titles, ", ".join(parts[axis][0] for axis in same)


def colours(n: int) -> list[ArrayLike]:
    """As many colours that can be told apart."""
    if n <= len(_LINES):
        return list(_LINES[:n])
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, n)))


def _draw_curves(
    axes: Axes, dataset: xr.Dataset, chosen: list[int], quantity: str
) -> None:
    """The recorded points of train and test; a cross where a cell diverged."""
    step, labels = dataset["step"].values, labels_of(dataset)
    if quantity == "loss":
        axes.set_yscale("log")
    for split, style in (("train", "-"), ("test", "--")):
        values = curve(dataset, f"{split}_{quantity}")
        for index, color in zip(chosen, colours(len(chosen)), strict=True):
            seen = np.isfinite(values[index])
            if quantity == "loss":
                seen &= values[index] > 0
            if not seen.any():
                continue
            at, value = step[seen], values[index][seen]
            axes.plot(at, value, style, color=color, lw=1.3, alpha=0.85)
            if labels[index] == "diverged":
                axes.plot(at[-1], value[-1], "x", color=color)


def scale_steps(panels: Sequence[Axes], dataset: xr.Dataset, chosen: list[int]) -> None:
    """A log scale of the steps where a linear one would hide the first fit."""
    step = dataset["step"].values
    fits = column_of(dataset, "memorise_step").astype(float)[chosen]
    early = np.isfinite(fits).any() and np.nanmin(fits) < step[-1] / 10
    first = step[step > 0].min(initial=step[-1])
    for axes in panels:
        axes.set_xlabel("step")
        if early:
            axes.set_xscale("symlog", linthresh=first, linscale=0.5)
            axes.set_xlim(-first / 2, 1.2 * step[-1])
            axes.set_xlabel(f"step (log scale, linear below {short(first)})")
            axes.set_xticks([0, *round_steps(first, step[-1])])
            axes.minorticks_off()
        axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: short(at)))
        axes.spines[["top", "right"]].set_visible(False)


def _mark(panels: Sequence[Axes], milestones: Mapping[str, float]) -> None:
    """A thin line for each milestone; its label has a row of its own above the loss.

    The latest has the lowest row, so that no line crosses a label to its left.
    """
    style = {"color": "#777777", "lw": 0.8, "ls": ":"}
    ranked = sorted(milestones.items(), key=lambda item: -item[1])
    for row, (label, step) in enumerate(ranked):
        for axes in panels:
            axes.axvline(step, zorder=0, **style)
        across = panels[0].get_xaxis_transform()
        height = 1.01 + 0.06 * row
        panels[0].plot(
            [step, step], [1, height + 0.04], transform=across, clip_on=False, **style
        )
        panels[0].text(
            step, height, f" {label} ({short(step)})", transform=across, size=7
        )
