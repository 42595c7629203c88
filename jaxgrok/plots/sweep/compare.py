"""Draw how much sooner or later each method groks than a baseline, setting by setting.

save(compare(read_rows("runs/mine/compare.csv"), title="x+y mod 47"), "compare.png")
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxgrok.plots import style
from jaxgrok.plots.labels import axis_name

Row = Mapping[str, Any]

_COLUMN, _NARROW_COLUMN, _ROW = 1.75, 1.25, 0.3
"""Inches of a setting, of one among many, and of a method."""
_MANY = 6
"""Most settings with columns of the full width."""
_WIDEST = 20.0
"""Largest ratio, and inverse of the smallest, that the axis reaches."""
_NARROWEST = 2.0
_VERDICTS = {
    "accelerates": (style.BLUE, "o", "sooner (95%)"),
    "delays": (style.VERMILION, "s", "later (95%)"),
    "": (style.GREY, "D", "not told apart"),
}
"""Colour, mark and words of what an interval says: that it excludes 1, or nothing."""


def compare(rows: Sequence[Row], title: str = "") -> Figure:
    """Draw ratio and interval of every method, a row a method, a column a setting.

    An arrow is an end of an interval that is open, or beyond the axis. Where a median
    lies beyond the budget, there is no ratio to mark.

    Args:
        rows: those of compare.csv: `method`, `baseline`, the axes of the setting, then
            `ratio`, `low`, `high`, `accelerates`, `delays`.
        title: of the figure.
    """
    methods = list(dict.fromkeys(str(row["method"]) for row in rows))
    settings: dict[str, list[Row]] = {}
    for row in rows:
        settings.setdefault(_setting_words(row), []).append(row)
    longest = max(map(len, methods)) * style.CHARACTER
    heading = 0.14 * max(words.count("\n") + 1 for words in settings)
    column = _COLUMN if len(settings) <= _MANY else _NARROW_COLUMN
    # 1.5 inches hold the title, the ticks and the legend.
    size = (
        max(6.0, longest + 0.4 + column * len(settings)),
        1.5 + heading + _ROW * len(methods),
    )
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(settings), sharey=True, squeeze=False)[0]
    limits = _limits(rows)
    for axes, (words, members) in zip(panels, settings.items(), strict=True):
        _frame(axes, limits, words)
        for row in members:
            _draw(axes, row, methods.index(str(row["method"])), limits)
    panels[0].set_yticks(range(len(methods)), methods, fontsize=style.LABEL)
    panels[0].set_ylim(len(methods) - 0.5, -0.5)
    figure.suptitle(title, fontsize=style.TITLE)
    figure.legend(
        handles=_handles(),
        # A label below the panels would lie on the legend.
        title=f"median grok step / that of {rows[0]['baseline']}",
        title_fontsize=style.LABEL,
        loc="outside lower center",
        ncols=len(_VERDICTS) + 1,
        fontsize=style.LABEL,
        frameon=False,
    )
    return figure


def setting_axes(row: Row) -> list[str]:
    """Return the axes of the setting of a row: they stand between the other columns."""
    names = list(row)
    return names[names.index("baseline") + 1 : names.index("ratio")]


def verdict(row: Row) -> str:
    """Return what an interval that excludes 1 says, the column's name; else ""."""
    return next((name for name in ("accelerates", "delays") if row[name]), "")


def _setting_words(row: Row) -> str:
    """Name the setting of a row, an axis a line."""
    # A dash where some parts of the grid lack an axis.
    values = {n: "–" if row[n] is None else row[n] for n in setting_axes(row)}
    return "\n".join(f"{axis_name(name)} {value}" for name, value in values.items())


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    """Return limits, symmetric on a log axis, that hold the bounds that there are."""
    logs = []
    for row in rows:
        for name in ("low", "ratio", "high"):
            # 0 and infinity are open ends, None a ratio that is not known.
            if row[name] and math.isfinite(row[name]):
                logs.append(abs(math.log(row[name])))
    reach = math.exp(max(logs, default=0.0) + 0.1)
    widest = min(max(reach, _NARROWEST), _WIDEST)
    return 1 / widest, widest


def _frame(axes: Axes, limits: tuple[float, float], words: str) -> None:
    """Set up the panel of a setting: a log axis with its line at 1."""
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    axes.set_title(words, fontsize=style.SMALL_LABEL)
    # At most five labels fit: powers of 2, or of 4 on a wide axis.
    base = 2 if limits[1] < 5 else 4
    powers = [float(base) ** power for power in (-2, -1, 0, 1, 2)]
    ticks = [tick for tick in powers if limits[0] <= tick <= limits[1]]
    axes.set_xticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
    axes.minorticks_off()
    axes.tick_params(labelsize=style.SMALL_LABEL)
    axes.axvline(1, color=style.BLACK, lw=0.8, zorder=1)
    axes.grid(axis="y", color=style.GRID_GREY, zorder=0)
    axes.tick_params(axis="y", length=0)
    style.despine(axes)


def _draw(axes: Axes, row: Row, place: int, limits: tuple[float, float]) -> None:
    """Draw the interval of a method as a bar, and its ratio as a mark."""
    colour, marker, _ = _VERDICTS[verdict(row)]
    low, high = np.clip([row["low"], row["high"]], *limits)
    axes.hlines(place, low, high, color=colour, lw=1.6, zorder=2)
    arrow: dict[str, Any] = {"color": colour, "ms": 5, "clip_on": False, "zorder": 3}
    if row["low"] < limits[0]:
        axes.plot(low, place, "<", **arrow)
    if row["high"] > limits[1]:
        axes.plot(high, place, ">", **arrow)
    ratio = row["ratio"]
    if ratio and limits[0] <= ratio <= limits[1]:
        axes.plot(ratio, place, marker, color=colour, ms=5, zorder=4)


def _handles() -> list[Line2D]:
    """Return the entries of the legend."""
    handles = [
        Line2D([], [], color=colour, marker=marker, ms=5, lw=1.6, label=words)
        for colour, marker, words in _VERDICTS.values()
    ]
    arrow = Line2D([], [], color=style.GREY, marker=">", ms=5, ls="", label="open end")
    return [*handles, arrow]
