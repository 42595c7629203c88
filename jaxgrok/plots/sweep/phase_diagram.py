"""The phase diagram: what every square of two axes holds, and when it grokked.

Refuses to invent a step: what was censored is written as "not within N steps".
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from jaxgrok.plots.labels import (
    AXIS_NAMES,
    grok_text,
    round_steps,
    short,
    value_names,
)
from jaxgrok.results.columns import LABELS
from jaxgrok.results.phase_grid import PhaseGrid, gather

# Safe for colour-blind readers and ordered by luminance, so that a grey print reads.
FILL = {
    "comprehension": {"facecolor": "#f0e442"},
    "grokking": {"facecolor": "#56b4e9"},
    "memorisation": {"facecolor": "#d55e00"},
    "confusion": {"facecolor": "#4b1d6b"},
    "diverged": {"facecolor": "#111111", "hatch": "xxx", "edgecolor": "#ffffff"},
    "untested": {"facecolor": "#ffffff", "hatch": "...", "edgecolor": "#777777"},
    "failed": {"facecolor": "#ffffff", "hatch": "xx", "edgecolor": "#d01010"},
    "pending": {"facecolor": "#f4f4f4", "hatch": "///", "edgecolor": "#c4c4c4"},
}
_CENSORED = "#d0d0d0"
_UNKNOWN = "#f4f4f4"


def phase_diagram(
    dataset: xr.Dataset, *, x: str = "weight_decay", y: str = "train_fraction"
) -> Figure:
    """The phase of every square and, beside it, its median grok step."""
    gathered = gather(dataset, x=x, y=y)
    rows, columns = gathered.median.shape
    side = float(np.clip(7.0 / max(rows, columns), 0.1, 0.72))
    size = max(6.8, 2 * columns * side + 2.6), max(2.4, rows * side + 1.9)
    figure = Figure(figsize=size, layout="compressed")
    left, right = figure.subplots(1, 2)
    for axes, title in ((left, "phase"), (right, "median grok step")):
        _frame(axes, gathered, side)
        axes.set_title(title, fontsize=10)
    _draw_phases(left, gathered)
    _draw_grok_steps(right, gathered, side)
    figure.suptitle(dataset.attrs.get("title", ""), fontsize=11)
    figure.legend(
        handles=_patches(gathered),
        title="; ".join(_notes(gathered)),
        title_fontsize=8,
        loc="outside lower center",
        ncols=3 if size[0] < 9 else 6,
        fontsize=8,
        frameon=False,
    )
    return figure


def _frame(axes: Axes, gathered: PhaseGrid, side: float) -> None:
    """Evenly spaced squares, labelled with the values of the axes."""
    rows, columns = gathered.median.shape
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(-0.5, rows - 0.5), aspect="equal")
    across, up = value_names(gathered.x_values), value_names(gathered.y_values)
    every = int(np.ceil(0.14 / side))
    upright = max(map(len, across)) * 0.085 > side * every
    axes.set_xticks(
        range(0, columns, every), across[::every], rotation=90 if upright else 0
    )
    axes.set_yticks(range(0, rows, every), up[::every])
    for name, set_label, ticks in (
        (gathered.x, axes.set_xlabel, across),
        (gathered.y, axes.set_ylabel, up),
    ):
        set_label("" if ticks == [""] else AXIS_NAMES.get(name, name))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8)


def _draw_phases(axes: Axes, gathered: PhaseGrid) -> None:
    """One square a point, in vertical strips by the share of each label in it."""
    for row, column in np.ndindex(gathered.median.shape):
        counts = {label: n[row, column] for label, n in gathered.counts.items()}
        total, start = sum(counts.values()), column - 0.46
        for label, count in counts.items():
            if count:
                width = 0.92 * count / total
                axes.add_patch(
                    Rectangle((start, row - 0.46), width, 0.92, lw=0, **FILL[label])
                )
                if start > column - 0.45:
                    axes.vlines(start, row - 0.46, row + 0.46, color="white", lw=1.2)
                start += width


def _draw_grok_steps(axes: Axes, gathered: PhaseGrid, side: float) -> None:
    """The median grok step as a colour and, in squares wide enough, in words."""
    known = gathered.median[np.isfinite(gathered.median)].clip(min=1)
    scale = ScalarMappable(LogNorm(*_limits(known)), "viridis_r")
    for at in np.ndindex(gathered.median.shape):
        row, column = at
        fill = _CENSORED if np.isfinite(gathered.budget[at]) else _UNKNOWN
        if np.isfinite(gathered.median[at]):
            fill = scale.to_rgba(max(gathered.median[at], 1))
        axes.add_patch(
            Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, lw=0, facecolor=fill)
        )
        if side >= 0.34:
            dark = np.dot(to_rgb(fill), (0.299, 0.587, 0.114)) < 0.5
            axes.text(
                column,
                row,
                grok_text(gathered, row, column),
                color="white" if dark else "black",
                size=min(8.5, 13 * side),
                ha="center",
                va="center",
            )
    if known.size:
        _colour_bar(axes, scale, width=0.14 / max(2, side * gathered.median.shape[1]))


def _limits(steps: NDArray) -> tuple[float, float]:
    """Limits of the colour scale, at least a factor of 2.5 apart."""
    if not steps.size:
        return 1.0, 10.0
    low, high = steps.min(), steps.max()
    widen = max(1.0, np.sqrt(2.5 * low / high))
    return low / widen, high * widen


def _colour_bar(axes: Axes, scale: ScalarMappable, *, width: float) -> None:
    """A bar as high as the squares; ticks at round steps within its limits."""
    inset = axes.inset_axes((1.03, 0, width, 1))
    bar = axes.figure.colorbar(scale, cax=inset, label="median grok step")
    low, high = scale.get_clim()
    ticks = round_steps(low, high)
    bar.set_ticks(ticks, labels=[short(step) for step in ticks], fontsize=8)
    bar.minorticks_off()
    bar.outline.set_visible(False)


def _patches(gathered: PhaseGrid) -> list[Patch]:
    """The labels that are present, and grey where a median is censored."""
    present = [label for label in LABELS if gathered.counts[label].any()]
    patches = [Patch(label=label, linewidth=0, **FILL[label]) for label in present]
    if (np.isnan(gathered.median) & np.isfinite(gathered.budget)).any():
        text = "censored: not within the budget"
        patches.append(Patch(facecolor=_CENSORED, label=text))
    return patches


def _notes(gathered: PhaseGrid) -> list[str]:
    """What the signs in the squares mean, for those that are present."""
    notes = []
    what = "seeds" if set(gathered.over) <= {"seed"} else "cells"
    if what == "cells":
        notes.append(f"a square gathers {', '.join(gathered.over)}")
    ended = [n > 0 for label, n in gathered.counts.items() if label != "pending"]
    if sum(ended).max() > 1:
        notes.append(f"split square: {what} disagree")
    if ((gathered.grokked > 0) & (gathered.grokked < gathered.tested)).any():
        notes.append(f"n/m: n of m {what} grokked")
    return notes
