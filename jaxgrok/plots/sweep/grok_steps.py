"""Memorise and grok steps along the one axis that a sweep varies besides its seeds.

In a chain that axis is its parts, where each of them is one setting.
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxgrok.plots.labels import AXIS_NAMES, round_steps, short, value_names
from jaxgrok.results.columns import axis_names, column_of, values_along

_KINDS = {"memorise_step": ("memorises", "#d55e00"), "grok_step": ("groks", "#0072b2")}
_TWINS = {"train_fraction", "n_train"}


def varied_axis(dataset: xr.Dataset) -> str | None:
    """The only axis, beside the seed and a budget, of several values; or None."""
    columns = {
        name: values_along(dataset, name).astype(str)
        for name in axis_names(dataset)
        if name not in ("seed", "budget")
    }
    varied = {name: col for name, col in columns.items() if len(set(col)) > 1}
    if set(varied) == _TWINS:
        return "train_fraction"
    if "part" in varied:
        settings = set(zip(*varied.values(), strict=True))
        return "part" if len(settings) == len(set(varied["part"])) else None
    return next(iter(varied)) if len(varied) == 1 else None


def steps(dataset: xr.Dataset) -> Figure:
    """Step at which each seed memorises and groks, and their medians, along an axis.

    An open triangle is a seed that had not within its budget, at that budget: no step.
    A median is drawn where most seeds have one. Values of the axis are evenly spaced.
    Raises ValueError where not exactly one axis is varied.
    """
    axis = varied_axis(dataset)
    if axis is None:
        raise ValueError("not exactly one axis is varied besides the seed")
    column = values_along(dataset, axis)
    values, place = _places(column)
    ordered = column.dtype.kind == "f"
    # Inches; a number may stand for those beside it, a word does not.
    apart = min(0.55, 12 / len(values)) if ordered else 0.55
    figure = Figure(
        figsize=(max(5.2, apart * len(values) + 2.8), 3.8), layout="constrained"
    )
    axes = figure.subplots()
    axes.set_yscale("log")
    finished = column_of(dataset, "steps").astype(float)
    known = np.isfinite(finished)
    for side, (name, (label, colour)) in zip((-1, 1), _KINDS.items(), strict=True):
        found = column_of(dataset, name).astype(float)
        at = place + 0.12 * side
        _draw(axes, at[known], found[known], finished[known], label, colour)
        medians = [_median(found[known & (place == i)]) for i in range(len(values))]
        where = np.arange(len(values)) + 0.12 * side
        # A line joins numbers; words have nothing between them.
        mark = {"ls": "-"} if ordered else {"ls": "", "marker": "_", "ms": 12}
        axes.plot(where, medians, color=colour, lw=1.2, alpha=0.7, **mark)
    names = value_names(values)
    upright = max(map(len, names)) > 6
    every = int(np.ceil(0.5 / apart))
    axes.set_xticks(
        range(0, len(values), every), names[::every], rotation=30 if upright else 0
    )
    if upright:
        for tick in axes.get_xticklabels():
            tick.set_horizontalalignment("right")
    label = "" if axis == "part" else AXIS_NAMES.get(axis, axis.replace("_", " "))
    axes.set(xlabel=label, ylabel="step")
    ticks = round_steps(*axes.get_ylim())
    axes.set_yticks(ticks, labels=[short(tick) for tick in ticks])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(dataset.attrs.get("title", ""), fontsize=10)
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    return figure


def _places(column: NDArray) -> tuple[NDArray, NDArray]:
    """The values of an axis, and the place of each cell's: words in their own order."""
    values, place = np.unique(column, return_inverse=True)
    if column.dtype.kind == "f":
        return values, place
    order = list(dict.fromkeys(column.tolist()))
    return np.array(order), np.array([order.index(value) for value in column])


def _draw(
    axes: Axes,
    at: NDArray,
    found: NDArray,
    finished: NDArray,
    label: str,
    colour: str,
) -> None:
    reached = np.isfinite(found)
    # A step of 0 has no place on a log axis.
    axes.plot(
        at[reached], found[reached].clip(min=1), "o", color=colour, ms=5, label=label
    )
    if (~reached).any():
        axes.plot(
            at[~reached],
            finished[~reached],
            "^",
            color=colour,
            mfc="none",
            ms=6,
            label=f"{label}: not within its budget",
        )


def _median(found: NDArray) -> float:
    """The median for a log axis; NaN unless more than half have reached a step."""
    reached = np.isfinite(found)
    if 2 * reached.sum() <= len(found):
        return np.nan
    return max(float(np.median(np.where(reached, found, np.inf))), 1)
