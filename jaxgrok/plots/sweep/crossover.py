"""Draw the crossover: how much data each setting needs to generalise.

save(crossover(jaxgrok.load("runs/mine"), rows), "crossover.png")
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from jaxgrok.plots import style
from jaxgrok.plots.labels import (
    AXIS_NAMES,
    axis_name,
    round_log_ticks,
    value_names,
)
from jaxgrok.results.dataset import LABELS, column_of, labels_of, values_along

_SPREAD = 0.3
"""Half the width over which the seeds of a setting are spread."""
_END, _CROSSOVER = 0.08, 0.38
"""Half the width of the lines across an interval."""
_MARKERS = {"failed": "X", "untested": "s", "ended": "D"}
"""Mark of a training that says nothing on the crossover, by its label."""
_LINE: dict[str, Any] = {"color": style.BLACK, "lw": 1.6, "zorder": 3}


def crossover(dataset: xr.Dataset, rows: Iterable[Mapping[str, Any]]) -> Figure:
    """Draw every training by its phase, and each setting's crossover with its interval.

    A hollow mark is a training that was stopped; an arrow is an end of an interval that
    the sizes do not bound.

    Args:
        dataset: what `jaxgrok.load` returns.
        rows: those of crossover.csv, one a setting, in the order in which they are
            drawn: the axes, then `outcome`, `crossover`, `low` and `high`.
    """
    rows = list(rows)
    # The columns before the outcome are the axes of a setting.
    names = list(rows[0])[: list(rows[0]).index("outcome")]
    sizes = column_of(dataset, "n_train").astype(float)
    # 0.9 inches a setting; 3.4 hold the scale on the left and the legend on the right.
    width = max(6.4, 0.9 * len(rows) + 3.4)
    figure = Figure(figsize=(width, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.set_yscale("log")
    present = _draw_trainings(axes, dataset, names, rows)
    for position, row in enumerate(rows):
        _draw_interval(axes, position, row, sizes)
    _label(axes, names, rows, sizes)
    axes.set_title(dataset.attrs.get("title", ""), fontsize=style.TITLE)
    figure.legend(
        handles=_handles(present),
        loc="outside right center",
        fontsize=style.LABEL,
        frameon=False,
    )
    return figure


def _draw_trainings(
    axes: Axes,
    dataset: xr.Dataset,
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
) -> set[str]:
    """Draw a mark for every training of every setting; return their labels."""
    sizes = column_of(dataset, "n_train").astype(float)
    labels, statuses = labels_of(dataset), column_of(dataset, "status")
    shifts = _shifts(values_along(dataset, "seed"))
    columns = {name: values_along(dataset, name) for name in names}
    labels = np.where(statuses == "stopped", "stopped", labels)
    present = set()
    for position, row in enumerate(rows):
        # Only what was trained: a cell without a status is still waiting.
        of_setting = statuses != ""
        for name, column in columns.items():
            of_setting &= [_same(value, row[name]) for value in column]
        # An artist for all of a label: one for each of 10,000 cells takes a minute.
        for label in set(labels[of_setting].tolist()):
            cells = np.flatnonzero(of_setting & (labels == label))
            axes.plot(position + shifts[cells], sizes[cells], **_mark(label))
            present.add(label)
    return present


def _shifts(seeds: NDArray[Any]) -> NDArray[Any]:
    """Return where each cell stands beside the middle of its setting, by its seed."""
    distinct, index = np.unique(seeds, return_inverse=True)
    if len(distinct) == 1:
        return np.zeros(len(seeds))
    return np.linspace(-_SPREAD, _SPREAD, len(distinct))[index]


def _same(value: Any, other: Any) -> bool:
    """Compare two values of an axis; a part without the axis has NaN there."""
    return bool(value == other or (value != value and other != other))


def _mark(label: str) -> dict[str, Any]:
    """Return how the mark of a training is drawn, hollow without a phase."""
    fill = style.PHASE_FILLS.get(label)
    edge = style.GREY if label in ("stopped", "failed") else "#333333"
    marker = _MARKERS.get(label, "o")
    mark = {"ls": "", "marker": marker, "ms": 5, "mec": edge, "mew": 0.6}
    return mark | {"mfc": "none" if fill is None else fill.colour}


def _draw_interval(
    axes: Axes, position: int, row: Mapping[str, Any], sizes: NDArray[Any]
) -> None:
    """Draw the interval as a bar and the crossover as a line across it."""
    if row["crossover"]:
        _draw_across(axes, position, row["crossover"], _CROSSOVER)
    if not (row["low"] or row["high"]):
        return
    # An end that no size bounds is drawn at the outermost size, as an arrow.
    low, high = row["low"] or sizes.min(), row["high"] or sizes.max()
    axes.vlines(position, low, high, **_LINE)
    for bound, end, arrow in ((row["low"], low, "v"), (row["high"], high, "^")):
        if bound:
            _draw_across(axes, position, bound, _END)
        else:
            axes.plot(position, end, arrow, color=style.BLACK, ms=6, zorder=3)


def _draw_across(axes: Axes, position: int, size: float, half: float) -> None:
    """Draw a level line at a size."""
    axes.hlines(size, position - half, position + half, **_LINE)


def _label(
    axes: Axes,
    names: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    sizes: NDArray[Any],
) -> None:
    """Set limits and ticks, and name the settings by the axes that tell them apart."""
    varied = [name for name in names if _is_varied(name, rows)]
    # A single setting varies nothing: its first axis names it.
    varied = varied or list(names[:1])
    columns = []
    for name in varied:
        columns.append(value_names(np.array([row[name] for row in rows])))
    settings = ["\n".join(values) for values in zip(*columns, strict=True)]
    axes.set_xticks(range(len(rows)), settings)
    axes.set(
        xlabel=" · ".join(axis_name(name) for name in varied),
        ylabel=AXIS_NAMES["n_train"],
        xlim=(-0.6, len(rows) - 0.4),
        ylim=(sizes.min() / 1.08, sizes.max() * 1.08),
    )
    round_log_ticks(axes)
    style.despine(axes)


def _is_varied(name: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether an axis has several values."""
    return len({str(row[name]) for row in rows}) > 1


def _handles(present: set[str]) -> list[Line2D]:
    """List the line of a crossover, and the labels that are present."""
    line = Line2D([], [], color=style.BLACK, lw=1.6)
    line.set_label("half of the seeds\ngeneralise (95%)")
    marks = [
        Line2D([], [], label=label, **_mark(label))
        for label in (*LABELS, "stopped")
        if label in present
    ]
    return [line, *marks]
