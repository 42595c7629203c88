"""The crossover over the phase diagram: how much data a setting needs to generalise."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxgrok.plots.labels import AXIS_NAMES, round_steps, short, value_names
from jaxgrok.plots.sweep.phase_diagram import FILL
from jaxgrok.results.columns import LABELS, column_of, labels_of, values_along

_SPREAD = 0.3
"""Half the width over which the seeds of a setting are spread."""
_LINE = {"color": "#000000", "lw": 1.6, "zorder": 3}


def crossover(dataset: xr.Dataset, rows: Iterable[Mapping[str, Any]]) -> Figure:
    """Every training by its phase, and the crossover of each setting with its interval.

    dataset: what `jaxgrok.load` gives. rows: those of crossover.csv, one a setting, in
    the order in which they are drawn. A hollow mark is a training that was stopped; an
    arrow is an end of an interval that the sizes do not bound.
    """
    rows = list(rows)
    names = list(rows[0])[: list(rows[0]).index("outcome")]
    settings = [values_along(dataset, name) for name in names]
    sizes = column_of(dataset, "n_train").astype(float)
    seeds = values_along(dataset, "seed")
    labels, statuses = labels_of(dataset), column_of(dataset, "status")
    shift = dict(zip(np.unique(seeds), _shifts(len(np.unique(seeds))), strict=True))
    figure = Figure(
        figsize=(max(6.4, 0.9 * len(rows) + 3.4), 4.4), layout="constrained"
    )
    axes = figure.subplots()
    axes.set_yscale("log")
    present = set()
    for place, row in enumerate(rows):
        mine = np.ones(len(sizes), bool)
        for name, column in zip(names, settings, strict=True):
            mine &= [_same(value, row[name]) for value in column]
        for i in np.flatnonzero(mine & (statuses != "")):
            label = "stopped" if statuses[i] == "stopped" else labels[i]
            present.add(label)
            at = place + shift[seeds[i]]
            axes.plot(at, sizes[i], **_mark(label))
        _boundary(axes, place, row, sizes)
    _frame(axes, names, rows, sizes)
    axes.set_title(dataset.attrs.get("title", ""), fontsize=10)
    figure.legend(
        handles=_handles(present), loc="outside right center", fontsize=8, frameon=False
    )
    return figure


def _shifts(seeds: int) -> np.ndarray:
    return np.linspace(-_SPREAD, _SPREAD, seeds) if seeds > 1 else np.zeros(1)


def _same(one: Any, other: Any) -> bool:
    """Whether two values of an axis are one; a part without the axis has NaN there."""
    return one == other or (one != one and other != other)


def _mark(label: str) -> dict[str, Any]:
    face = FILL.get(label, {}).get("facecolor", "none")
    edge = "#777777" if label in ("stopped", "failed") else "#333333"
    return {"ls": "", "marker": "o", "ms": 5, "mfc": face, "mec": edge, "mew": 0.6}


def _boundary(
    axes: Axes, place: int, row: Mapping[str, Any], sizes: np.ndarray
) -> None:
    """The interval as a bar, the crossover as a line across it."""
    ends = row["low"] or sizes.min(), row["high"] or sizes.max()
    if row["low"] or row["high"]:
        axes.vlines(place, *ends, **_LINE)
    for end, known, marker in zip(ends, (row["low"], row["high"]), "v^", strict=True):
        if known:
            axes.hlines(known, place - 0.08, place + 0.08, **_LINE)
        elif row["low"] or row["high"]:
            axes.plot(place, end, marker, color="black", ms=6, zorder=3)
    if row["crossover"]:
        axes.hlines(row["crossover"], place - 0.38, place + 0.38, **_LINE)


def _frame(
    axes: Axes, names: list[str], rows: list[Mapping[str, Any]], sizes: np.ndarray
) -> None:
    varied = [n for n in names if len({str(row[n]) for row in rows}) > 1] or names[:1]
    columns = [value_names(np.array([row[name] for row in rows])) for name in varied]
    axes.set_xticks(
        range(len(rows)), ["\n".join(c) for c in zip(*columns, strict=True)]
    )
    words = [AXIS_NAMES.get(name, name.replace("_", " ")) for name in varied]
    axes.set(
        xlabel=" · ".join(words),
        ylabel=AXIS_NAMES["n_train"],
        xlim=(-0.6, len(rows) - 0.4),
        ylim=(sizes.min() / 1.08, sizes.max() * 1.08),
    )
    ticks = round_steps(*axes.get_ylim())
    axes.set_yticks(ticks, labels=[short(tick) for tick in ticks])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)


def _handles(present: set[str]) -> list[Line2D]:
    handles = [
        Line2D([], [], label=label, **_mark(label))
        for label in (*LABELS, "stopped")
        if label in present
    ]
    line = Line2D([], [], color="black", lw=1.6)
    line.set_label("half of the seeds\ngeneralise (95%)")
    return [line, *handles]
