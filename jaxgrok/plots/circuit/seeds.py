"""Draw the circuits of many cells beside one another, one row a cell.

A cell that did not grok has no step: it is drawn as such, never as a number.

    save(seeds(rows), "circuits.png")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from jaxgrok.outcomes.outcomes import UNDECIDED
from jaxgrok.plots import style
from jaxgrok.plots.labels import name_steps

MOST_ROWS = 200
"""Rows of the figure; of more networks, so many evenly chosen. No library draws an
image of 65,536 pixels, and nobody reads one."""
_BAR = 0.7
"""Height of a bar of a row, where rows are 1 apart."""


@dataclass(frozen=True)
class CircuitRow:
    """What the figure reads of one circuit.

    Attributes:
        order: of the group.
        keys: key frequencies.
        clusters: number of neurons by frequency.
        grok_step: NaN if the cell did not grok.
        judgement: what is written where there are no key frequencies.
        missing: what is written where there is no grok step.
    """

    order: int
    keys: list[int]
    clusters: dict[int, int]
    grok_step: float
    judgement: str
    missing: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "CircuitRow":
        """Read a row of a survey, whose clusters may list their neurons."""
        clusters = {}
        for k, members in row["clusters"].items():
            clusters[int(k)] = len(members) if np.ndim(members) else int(members)
        keys = [int(k) for k in row["key_frequencies"]]
        step = row.get("grok_step")
        grok_step = np.nan if step in (None, "") else float(step)
        # A cell that was followed to its budget did not grok; of others nobody knows.
        phase = str(row.get("phase") or "")
        missing = phase if phase in (*UNDECIDED, "diverged") else "not grokked"
        order, judgement = int(row["order"]), _judgement(row)
        return cls(order, keys, clusters, grok_step, judgement, missing)


def _judgement(row: Mapping[str, Any]) -> str:
    """Word why a row has no key frequencies; "" where the table does not say."""
    if "has_circuit" not in row:
        return ""
    if row["has_circuit"] is None:
        return "diverged"
    if row["has_circuit"]:
        return ""
    return f"no circuit, {row['all_accuracy']:.0%} of all pairs right"


def seeds(table: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw key frequencies, their number, cluster sizes and grok steps of every row.

    Rows are named by `seed` or, where that is not unique, by `cell`. Where no row has a
    key frequency, those with a cluster are drawn in their stead. Of more than MOST_ROWS
    so many have a row; below, all are counted.

    Args:
        table: one row a network, in the order drawn, with `order` (n),
            `key_frequencies`, `clusters` {frequency: its neurons or their number} and
            `grok_step` (None or NaN: there is none, as `phase` says, if it is there);
            where it has them, also `has_circuit` (None: it diverged) and
            `all_accuracy`.

    Raises:
        ValueError: for an empty table.
    """
    if not table:
        raise ValueError("table=[] must have at least one row, one a network")
    every_row = [CircuitRow.of(row) for row in table]
    every_frequency, label = _frequencies(every_row)
    kind, names = _row_names(table)
    shown = _shown(len(table))
    rows, names = [every_row[i] for i in shown], [names[i] for i in shown]
    frequencies = [every_frequency[i] for i in shown]
    # Inches a row: 8 for all of them, but never less than a line of text.
    side = float(np.clip(8.0 / len(rows), style.TEXT_LINE, 0.26))
    # The 2.1 inches hold the counts below the raster, the titles and the labels.
    size = (12, side * len(rows) + 2.1)
    figure = Figure(figsize=size, layout="constrained")
    # Columns: which frequencies, how many, cluster sizes, grok steps.
    ratios = {"width_ratios": (5, 1.2, 2, 2), "height_ratios": (size[1] - 1.9, 1)}
    grid = figure.add_gridspec(2, 4, **ratios)
    raster = figure.add_subplot(grid[0, 0])
    right = [figure.add_subplot(grid[0, i], sharey=raster) for i in (1, 2, 3)]
    below = figure.add_subplot(grid[1, 0], sharex=raster)
    scale = _raster(raster, rows, frequencies)
    _how_many(right[0], frequencies, label)
    _cluster_sizes(right[1], rows, scale)
    _grok_steps(right[2], rows)
    raster.set_yticks(range(len(rows)), names)
    # The first row on top.
    share = "" if len(rows) == len(table) else f" ({len(rows)} of {len(table):,})"
    raster.set(ylim=(len(rows) - 0.4, -0.6), ylabel=kind + share)
    raster.tick_params(labelbottom=False)
    _by_frequency(below, every_frequency)
    below.set_ylabel(f"{kind}s")
    _shrink((raster, *right, below), side)
    # They share the rows of the raster, whose labels name them.
    for axes in right:
        axes.tick_params(labelleft=False)
    _colour_bar(figure.add_subplot(grid[1, 1:]), scale)
    return figure


def _shown(count: int) -> list[int]:
    """Return which rows are drawn: all or, of many, some at even distances."""
    shown = np.linspace(0, count - 1, min(count, MOST_ROWS))
    return [round(row) for row in shown]


def _row_names(table: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
    """Return what tells the rows apart (seed, cell or row), and its values."""
    for kind in ("seed", "cell"):
        names = [str(row.get(kind)) for row in table]
        if len(set(names)) == len(names):
            return kind, names
    return "row", [str(i) for i in range(len(table))]


def _frequencies(rows: Sequence[CircuitRow]) -> tuple[list[list[int]], str]:
    """Return the frequencies of every row that are drawn, and what they are."""
    keys = [row.keys for row in rows]
    clusters = [sorted(row.clusters) for row in rows]
    if any(clusters) and not any(keys):
        return clusters, "clusters"
    return keys, "key frequencies"


def _raster(
    axes: Axes, rows: Sequence[CircuitRow], frequencies: Sequence[Sequence[int]]
) -> ScalarMappable:
    """Draw a square a frequency, coloured by its cluster; return the colours."""
    squares = []
    for i, row in enumerate(rows):
        for k in frequencies[i]:
            squares.append((i, k, row.clusters.get(k, 0)))
        if not frequencies[i]:
            look: dict[str, Any] = {
                "size": style.TINY_LABEL,
                "color": style.GREY,
                "va": "center",
            }
            axes.text(1, i, row.judgement, **look)
    # 0 is the colour of a key frequency without neurons.
    largest = max((size for _, _, size in squares), default=1)
    scale = ScalarMappable(Normalize(0, max(largest, 1)), style.STEPS_MAP)
    for i, k, size in squares:
        colour = scale.to_rgba(np.array(size))
        # Centred at (k, i), with a gap to the neighbours, which are 1 apart.
        corner = k - 0.45, i - 0.4
        axes.add_patch(Rectangle(corner, 0.9, 0.8, facecolor=colour, lw=0))
    axes.set_xlim(0.5, max(row.order // 2 for row in rows) + 0.5)
    axes.set_title("which frequencies")
    # The lines that guide the eye lie below the squares.
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=style.GRID_GREY)
    return scale


def _how_many(axes: Axes, frequencies: Sequence[Sequence[int]], label: str) -> None:
    """Draw the number of frequencies of every row."""
    counts = list(map(len, frequencies))
    axes.barh(range(len(counts)), counts, color=style.GREY, height=_BAR)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set(xlabel=label, title="how many")
    axes.set_xlim(0, max([*counts, 1]) * 1.05)


def _cluster_sizes(
    axes: Axes, rows: Sequence[CircuitRow], scale: ScalarMappable
) -> None:
    """Draw the clusters of every row one after another, the largest first."""
    for i, row in enumerate(rows):
        start = 0
        for size in sorted(row.clusters.values(), reverse=True):
            colour = scale.to_rgba(np.array(size))
            axes.barh(i, size, _BAR, left=start, color=colour, edgecolor="white")
            start += size
    axes.set(xlabel="neurons", title="cluster sizes")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _grok_steps(axes: Axes, rows: Sequence[CircuitRow]) -> None:
    """Draw a dot at the grok step; where there is none, write so."""
    steps = np.array([row.grok_step for row in rows])
    axes.plot(steps, range(len(rows)), "o", color=style.BLUE, ms=4)
    # x as a share of the width of the axes, y in rows.
    transform = axes.get_yaxis_transform()
    look: dict[str, Any] = {
        "size": style.TINY_LABEL,
        "color": style.GREY,
        "va": "center",
    }
    for i in np.flatnonzero(np.isnan(steps)).tolist():
        axes.text(0.02, i, rows[i].missing, transform=transform, **look)
    axes.set(xlabel="step", title="grok step")
    axes.set_xlim(0, 1.08 * np.nanmax(steps) if np.isfinite(steps).any() else 1)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    name_steps(axes.xaxis)
    axes.grid(axis="y", color=style.GRID_GREY)


def _by_frequency(axes: Axes, frequencies: Sequence[Sequence[int]]) -> None:
    """Draw how many rows have each frequency."""
    flat = np.concatenate([np.array(row, int) for row in frequencies])
    # A row has each of its frequencies once: occurrences count rows.
    distinct, counts = np.unique(flat, return_counts=True)
    axes.bar(distinct, counts, width=0.9, color=style.GREY)
    axes.set_xlabel("frequency k")
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.set_ylim(0, counts.max(initial=1) * 1.05)


def _shrink(every: Sequence[Axes], side: float) -> None:
    """Make titles small, and labels so small that they fit a row of so many inches."""
    label_size = style.TINY_LABEL if side < 0.16 else style.SMALL_LABEL
    for axes in every:
        axes.tick_params(labelsize=label_size)
        axes.title.set_fontsize(style.SMALL_TITLE)
        style.despine(axes)


def _colour_bar(axes: Axes, scale: ScalarMappable) -> None:
    """Explain the colours of the clusters in axes of their own."""
    axes.set_axis_off()
    inset = axes.inset_axes((0.1, 0.55, 0.8, 0.16))
    bar = axes.figure.colorbar(scale, cax=inset, orientation="horizontal")
    bar.set_label("neurons in the cluster of a frequency (0: it has none)")
    bar.outline.set_visible(False)
    inset.tick_params(labelsize=style.SMALL_LABEL)
