"""Draw memorise and grok steps along the only axis that a sweep varies.

Seeds are no axis here. In a chain the axis is its parts, if each is one setting.

    save(steps(jaxgrok.load("runs/mine")), "steps.png")
"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxgrok.plots import style
from jaxgrok.plots.labels import axis_name, round_log_ticks, value_names
from jaxgrok.results.dataset import axis_names, column_of, labels_of, values_along

_EVENTS = {
    "memorise_step": ("memorises", style.VERMILION),
    "grok_step": ("groks", style.BLUE),
}
"""Label and colour of each event, by its variable."""
MISSES = {
    "censored": ("^", "not within its budget"),
    "diverged": ("X", "diverged before"),
    "ended": ("D", "ended early, before it was met"),
    "untested": ("s", "untested"),
    "pending": ("o", "stopped before"),
}
"""Mark and words for a cell that did not reach an event, by what is known of it."""
_TWINS = {"train_fraction", "n_train"}
"""Two axes that say the same."""
_GAP = 0.55
"""Inches between two values of the axis, at most."""
_LONGEST = 12
"""Length in inches, at most, of an axis of numbers."""
_SHIFT = 0.12
"""Half the distance between the two events of a value, as a share of the gap."""


def varied_axis(dataset: xr.Dataset) -> str | None:
    """Return the only axis of several values besides seed and budget, or None."""
    varied = {}
    for name in axis_names(dataset):
        # As words: NaN, of a part without the axis, is then equal to itself.
        values = values_along(dataset, name).astype(str)
        if name not in ("seed", "budget") and len(set(values)) > 1:
            varied[name] = values
    # Each fraction has its own n_train: one axis under two names.
    if set(varied) == _TWINS:
        return "train_fraction"
    if "part" in varied:
        # A part of several settings is not one place on an axis.
        settings = set(zip(*varied.values(), strict=True))
        return "part" if len(settings) == len(set(varied["part"])) else None
    return next(iter(varied)) if len(varied) == 1 else None


def steps(dataset: xr.Dataset) -> Figure:
    """Draw the step at which each seed memorises and groks, and the medians.

    An open mark is a seed that had not, at the step up to which it was followed: a
    triangle within its budget, other marks before (see MISSES). A median is drawn where
    most seeds have one. Values of the axis are evenly spaced.

    Args:
        dataset: what `jaxgrok.load` returns.

    Raises:
        ValueError: where not exactly one axis is varied.
    """
    axis = varied_axis(dataset)
    if axis is None:
        raise ValueError("not exactly one axis is varied besides the seed")
    column = values_along(dataset, axis)
    values, positions = _positions(column)
    numeric = column.dtype.kind == "f"
    # The label of a number may stand for its neighbours', that of a word may not.
    gap = min(_GAP, _LONGEST / len(values)) if numeric else _GAP
    # The 2.8 inches hold the scale on the left and the legend on the right.
    width = max(5.2, gap * len(values) + 2.8)
    figure = Figure(figsize=(width, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.set_yscale("log")
    for side, (name, (label, colour)) in zip((-1, 1), _EVENTS.items(), strict=True):
        x = positions + _SHIFT * side
        _draw_seeds(axes, dataset, name, x, label, colour)
        medians = _medians(dataset, name, positions, len(values))
        # A line joins numbers; there is nothing between two words.
        mark = {"ls": "-"} if numeric else {"ls": "", "marker": "_", "ms": 12}
        places = np.arange(len(values)) + _SHIFT * side
        axes.plot(places, medians, color=colour, lw=1.2, alpha=0.7, **mark)
    _label_values(axes, value_names(values), gap)
    axes.set(xlabel="" if axis == "part" else axis_name(axis), ylabel="step")
    round_log_ticks(axes)
    style.despine(axes)
    axes.set_title(dataset.attrs.get("title", ""), fontsize=style.TITLE)
    figure.legend(loc="outside right center", fontsize=style.LABEL, frameon=False)
    return figure


def _positions(column: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the values of an axis, words as they come, and every cell's position."""
    values, positions = np.unique(column, return_inverse=True)
    if column.dtype.kind == "f":
        return values, positions
    # Words stay in the order of the grid file, which means something.
    order = list(dict.fromkeys(column.tolist()))
    return np.array(order), np.array([order.index(value) for value in column])


def _draw_seeds(
    axes: Axes, dataset: xr.Dataset, name: str, x: NDArray[Any], label: str, colour: str
) -> None:
    """Draw a dot for every cell that reached an event, an open mark for the others.

    Args:
        axes: where to draw.
        dataset: of the cells.
        name: variable of the event's step.
        x: [cells] position of each.
        label: of the event.
        colour: of the event.
    """
    reached_at = column_of(dataset, name).astype(float)
    last = column_of(dataset, "steps").astype(float)
    missed = _missed(dataset, name)
    # A step of 0 has no place on a log axis.
    reached = missed == ""
    y = reached_at[reached].clip(min=1)
    axes.plot(x[reached], y, "o", color=colour, ms=5, label=label)
    open_mark: dict[str, Any] = {"color": colour, "mfc": "none", "ms": 6, "ls": ""}
    for miss, (marker, words) in MISSES.items():
        members = missed == miss
        if members.any():
            y, text = last[members].clip(min=1), f"{label}: {words}"
            axes.plot(x[members], y, marker=marker, label=text, **open_mark)


def _missed(dataset: xr.Dataset, name: str) -> NDArray[Any]:
    """Return why each cell has no step of an event: [cells].

    It is a key of MISSES, "" for a cell that has a step, and "unfinished" for one that
    has not ended.
    """
    labels = labels_of(dataset)
    # An untested cell has a train set like any other.
    known = MISSES if name == "grok_step" else MISSES.keys() - {"untested"}
    missed = np.where(np.isin(labels, list(known)), labels, "censored")
    missed = missed.astype(object)
    missed[np.isfinite(column_of(dataset, name).astype(float))] = ""
    missed[np.isnan(column_of(dataset, "steps").astype(float))] = "unfinished"
    return missed


def _medians(
    dataset: xr.Dataset, name: str, positions: NDArray[Any], count: int
) -> list[float]:
    """Return the median step of an event at each of `count` positions."""
    # Nobody knows when the others would have reached it.
    is_decided = np.isin(
        _missed(dataset, name).astype(str), ["", "censored", "diverged"]
    )
    reached_at = column_of(dataset, name).astype(float)
    return [_median(reached_at[is_decided & (positions == i)]) for i in range(count)]


def _median(steps: NDArray[Any]) -> float:
    """Return the median for a log axis; NaN unless more than half have a step."""
    reached = np.isfinite(steps)
    if 2 * reached.sum() <= len(steps):
        return np.nan
    # A censored seed counts as later than any; 1 is the least a log axis shows.
    return max(float(np.median(np.where(reached, steps, np.inf))), 1)


def _label_values(axes: Axes, names: list[str], gap: float) -> None:
    """Label the values of the axis, as many as have room, long ones slanting."""
    # Six characters fill the widest gap; a label of any length needs half an inch.
    long = max(map(len, names)) > 6
    every = int(np.ceil(0.5 / gap))
    axes.set_xticks(
        range(0, len(names), every), names[::every], rotation=30 if long else 0
    )
    if long:
        for tick in axes.get_xticklabels():
            tick.set_horizontalalignment("right")
