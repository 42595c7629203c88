"""Sweeps: the circuits of many cells beside one another.

Owns the figure over seeds and the diagram of circuit measures over two axes. A cell
that did not grok has no step here: it is drawn as such, never as a number.

    save(seeds(rows), "seeds.png")
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike, NDArray

from jaxgrok.plots.labels import short

_NONE: Any = {"facecolor": "#e8e8e8", "hatch": "///", "edgecolor": "#b8b8b8", "lw": 0.0}


def seeds(table: Sequence[Mapping[str, Any]]) -> Figure:
    """Over seeds: key frequencies, their number, cluster sizes and grok steps.

    table: one row a network, in the order drawn, with `order` (n), `key_frequencies`,
    `clusters` {frequency: its neurons or their number} and `grok_step` (None or NaN: it
    did not grok). Rows are named by `seed` or, where that is not unique, by `cell`.
    Where no row has a key frequency, those with a cluster are shown in their stead.
    """
    if not table:
        raise ValueError("table is empty: one row a network is needed")
    side = float(np.clip(8.0 / len(table), 0.14, 0.26))
    size = (12, side * len(table) + 2.1)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(
        2, 4, width_ratios=(5, 1.2, 2, 2), height_ratios=(size[1] - 1.9, 1)
    )
    raster = figure.add_subplot(grid[0, 0])
    others = [figure.add_subplot(grid[0, i], sharey=raster) for i in (1, 2, 3)]
    below = figure.add_subplot(grid[1, 0], sharex=raster)
    shown, what = _shown(table)
    scale = _raster(raster, table, shown)
    _how_many(others[0], shown, what)
    _cluster_sizes(others[1], table, scale)
    _grok_steps(others[2], table)
    kind, names = _row_names(table)
    raster.set_yticks(range(len(table)), names)
    raster.set(ylim=(len(table) - 0.4, -0.6), ylabel=kind)
    raster.tick_params(labelbottom=False)
    _by_frequency(below, shown)
    below.set_ylabel(f"{kind}s")
    for axes in (raster, *others, below):
        axes.tick_params(labelsize=7 if side >= 0.16 else 6)
        axes.title.set_fontsize(9)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in others:
        axes.tick_params(labelleft=False)
    beside = figure.add_subplot(grid[1, 1:])
    beside.set_axis_off()
    inset = beside.inset_axes((0.1, 0.55, 0.8, 0.16))
    bar = figure.colorbar(scale, cax=inset, orientation="horizontal")
    bar.set_label("neurons in the cluster of a frequency (0: it has none)")
    bar.outline.set_visible(False)
    inset.tick_params(labelsize=7)
    return figure


def _row_names(table: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
    """What tells the rows apart, seed or else cell or else row, and its values."""
    for kind in ("seed", "cell"):
        names = [str(row.get(kind)) for row in table]
        if len(set(names)) == len(names):
            return kind, names
    return "row", [str(i) for i in range(len(table))]


def _sizes(row: Mapping[str, Any]) -> dict[int, int]:
    """Cluster sizes of a row by frequency, from neurons or from their number."""
    return {
        int(k): len(value) if np.ndim(value) else int(value)
        for k, value in row["clusters"].items()
    }


def _shown(table: Sequence[Mapping[str, Any]]) -> tuple[list[list[int]], str]:
    """The frequencies of every row that are shown, and what they are."""
    keys = [[int(k) for k in row["key_frequencies"]] for row in table]
    if any(keys):
        return keys, "key frequencies"
    clusters = [sorted(_sizes(row)) for row in table]
    return (clusters, "clusters") if any(clusters) else (keys, "key frequencies")


def _raster(
    axes: Axes, table: Sequence[Mapping[str, Any]], shown: Sequence[Sequence[int]]
) -> ScalarMappable:
    """A square for every frequency shown, coloured by its cluster."""
    at = [(row, k) for row in range(len(table)) for k in shown[row]]
    sizes = [_sizes(table[row]).get(k, 0) for row, k in at]
    scale = ScalarMappable(Normalize(0, max([*sizes, 1])), "viridis_r")
    for (row, k), size in zip(at, sizes, strict=True):
        axes.add_patch(
            Rectangle(
                (k - 0.45, row - 0.4),
                0.9,
                0.8,
                facecolor=scale.to_rgba(np.array(size)),
                lw=0,
            )
        )
    most = max(row["order"] // 2 for row in table)
    axes.set_xlim(0.5, most + 0.5)
    axes.set_title("which frequencies")
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#eeeeee")
    return scale


def _how_many(axes: Axes, shown: Sequence[Sequence[int]], what: str) -> None:
    keys = list(map(len, shown))
    axes.barh(range(len(shown)), keys, color="#777777", height=0.7)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set(xlabel=what, title="how many")
    axes.set_xlim(0, max([*keys, 1]) * 1.05)


def _cluster_sizes(
    axes: Axes, table: Sequence[Mapping[str, Any]], scale: ScalarMappable
) -> None:
    """The clusters of every row one after another, the largest first."""
    for row, cells in enumerate(table):
        start = 0
        for size in sorted(_sizes(cells).values(), reverse=True):
            colour = scale.to_rgba(np.array(size))
            axes.barh(row, size, 0.7, left=start, color=colour, edgecolor="white")
            start += size
    axes.set(xlabel="neurons", title="cluster sizes")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _grok_steps(axes: Axes, table: Sequence[Mapping[str, Any]]) -> None:
    """A dot at the grok step; where there is none, a word."""
    steps = np.array([_number(row.get("grok_step")) for row in table])
    axes.plot(steps, range(len(table)), "o", color="#0072b2", ms=4)
    for row in np.flatnonzero(np.isnan(steps)).tolist():
        axes.text(
            0.02,
            row,
            "not grokked",
            size=6,
            color="#777777",
            va="center",
            transform=axes.get_yaxis_transform(),
        )
    axes.set(xlabel="step", title="grok step")
    axes.set_xlim(0, 1.08 * np.nanmax(steps) if np.isfinite(steps).any() else 1)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: short(at)))
    axes.grid(axis="y", color="#eeeeee")


def _number(step: Any) -> float:
    return np.nan if step is None or step == "" else float(step)


def _by_frequency(axes: Axes, shown: Sequence[Sequence[int]]) -> None:
    """How many rows have each frequency."""
    used = [k for row in shown for k in row]
    names, counts = np.unique(np.array(used, int), return_counts=True)
    axes.bar(names, counts, width=0.9, color="#777777")
    axes.set_xlabel("frequency k")
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.set_ylim(0, max(counts.max(initial=1), 1) * 1.05)


def phase_share(
    share: ArrayLike,
    lead: ArrayLike,
    *,
    x_values: Sequence[Any],
    y_values: Sequence[Any],
    x: str = "weight decay",
    y: str = "train fraction",
    title: str = "",
) -> Figure:
    """Two circuit measures in the layout of a phase diagram.

    share: [y, x] share of the norm of W_E in the key frequencies, in 0..1. lead:
    [y, x] steps from the rise of the excluded loss to the grok step; negative where it
    rose after. Both are medians over what a square gathers, NaN where there is none.
    """
    rows, columns = len(y_values), len(x_values)
    side = float(np.clip(7.0 / max(rows, columns), 0.3, 0.72))
    size = max(7.4, 2 * columns * side + 3.4), max(2.4, rows * side + 1.9)
    figure = Figure(figsize=size, layout="compressed")
    panels = figure.subplots(1, 2)
    shares = _table("share", share, y_values, x_values)
    leads = _table("lead", lead, y_values, x_values)
    scale = ScalarMappable(Normalize(0, 1), "viridis_r")
    _squares(panels[0], shares, scale, "{:.2f}".format, side)
    panels[0].set_title("share of W_E norm\nin key frequencies", fontsize=9)
    _bar_beside(panels[0], scale, "median share", columns * side)
    scale = _scale_of_steps(leads)
    _squares(panels[1], leads, scale, _steps, side)
    panels[1].set_title("from the rise of the\nexcluded loss to the grok", fontsize=9)
    bar = _bar_beside(panels[1], scale, "median steps", columns * side)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda at, _: _steps(at)))
    for axes in panels:
        _frame(axes, x_values, y_values, side)
        axes.set(xlabel=x, ylabel=y)
    figure.suptitle(title, fontsize=11)
    if np.isnan(shares).any() or np.isnan(leads).any():
        figure.legend(
            handles=[
                Patch(label="none: no sparse spectrum, no grok, or no rise", **_NONE)
            ],
            loc="outside lower center",
            fontsize=8,
            frameon=False,
        )
    return figure


def _table(
    name: str, values: ArrayLike, y_values: Sequence[Any], x_values: Sequence[Any]
) -> NDArray:
    table = np.asarray(values, float)
    if table.shape != (len(y_values), len(x_values)):
        raise ValueError(
            f"{name} has shape {table.shape}: y_values and x_values ask for "
            f"{(len(y_values), len(x_values))}"
        )
    return table


def _frame(
    axes: Axes, x_values: Sequence[Any], y_values: Sequence[Any], side: float
) -> None:
    """Evenly spaced squares, labelled with the values of the axes."""
    rows, columns = len(y_values), len(x_values)
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(-0.5, rows - 0.5), aspect="equal")
    across, up = [*map(_name, x_values)], [*map(_name, y_values)]
    every = int(np.ceil(0.14 / side))
    upright = max(map(len, across)) * 0.085 > side * every
    axes.set_xticks(
        range(0, columns, every), across[::every], rotation=90 if upright else 0
    )
    axes.set_yticks(range(0, rows, every), up[::every])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8)


def _squares(
    axes: Axes,
    values: NDArray,
    scale: ScalarMappable,
    word: Callable[[float], str],
    side: float,
) -> None:
    """A square a value, in its colour and, where there is room, in words."""
    for (row, column), value in np.ndenumerate(values):
        corner = column - 0.46, row - 0.46
        if np.isnan(value):
            axes.add_patch(Rectangle(corner, 0.92, 0.92, **_NONE))
            continue
        fill = scale.to_rgba(np.array(value))
        axes.add_patch(Rectangle(corner, 0.92, 0.92, lw=0, facecolor=fill))
        if side >= 0.34:
            dark = np.dot(fill[:3], (0.299, 0.587, 0.114)) < 0.5
            axes.text(
                column,
                row,
                word(value),
                color="white" if dark else "black",
                size=min(8.5, 13 * side),
                ha="center",
                va="center",
            )


def _scale_of_steps(values: NDArray) -> ScalarMappable:
    """Colours from zero up or, where some are negative, centred at zero."""
    known = values[np.isfinite(values)]
    bound = np.abs(known).max(initial=0.0) or 1.0
    signed = bool((known < 0).any())
    norm = Normalize(-bound if signed else 0.0, bound)
    return ScalarMappable(norm, "PuOr" if signed else "viridis_r")


def _steps(steps: float) -> str:
    return short(steps) if steps >= 0 else f"−{short(-steps)}"


def _name(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


def _bar_beside(
    axes: Axes, scale: ScalarMappable, label: str, inches: float
) -> Colorbar:
    """A bar as high as the squares, beside them."""
    inset = axes.inset_axes((1.03, 0, 0.14 / max(2, inches), 1))
    bar = axes.figure.colorbar(scale, cax=inset)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    return bar
