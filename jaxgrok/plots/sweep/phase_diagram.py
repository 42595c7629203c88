"""Draw the phase diagram: what the squares of two axes hold, and when they grokked.

save(phase_diagram(jaxgrok.load("runs/mine")), "phase_diagram.png")
"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from jaxgrok.plots import heatmap, style
from jaxgrok.plots.heatmap import SquareGrid, Strip
from jaxgrok.plots.labels import (
    axis_name,
    grok_text,
    round_steps,
    short,
    value_names,
)
from jaxgrok.results.dataset import LABELS
from jaxgrok.results.phase_grid import PhaseGrid, gather


def phase_diagram(
    dataset: xr.Dataset, *, x: str = "weight_decay", y: str = "train_fraction"
) -> Figure:
    """Draw the phase of every square and, beside it, its median grok step.

    What was censored is written as "not within N steps", never as a step.

    Args:
        dataset: what `jaxgrok.load` returns.
        x: axis of the columns; one that is not varied gives way to another.
        y: axis of the rows; likewise.

    Raises:
        ValueError: for an axis that the dataset does not have.
    """
    phases = gather(dataset, x=x, y=y)
    grid = SquareGrid.of(*axis_labels(phases))
    size = grid.figure_size(least_width=6.8, beside=2.6)
    figure = Figure(figsize=size, layout="compressed")
    left, right = figure.subplots(1, 2)
    for axes, title in ((left, "phase"), (right, "median grok step")):
        heatmap.frame(axes, grid)
        axes.set_title(title, fontsize=style.TITLE)
    _draw_phases(left, phases)
    _draw_grok_steps(right, phases, grid)
    figure.suptitle(dataset.attrs.get("title", ""), fontsize=style.HEADING)
    figure.legend(
        handles=_patches(phases),
        title="; ".join(_notes(phases)),
        title_fontsize=style.LABEL,
        loc="outside lower center",
        ncols=3 if size[0] < 9 else 6,
        fontsize=style.LABEL,
        frameon=False,
    )
    return figure


def axis_labels(phases: PhaseGrid) -> tuple[heatmap.Labels, heatmap.Labels]:
    """Name the two axes of a phase grid and their values: (x, y)."""
    sides = []
    for axis, values in ((phases.x, phases.x_values), (phases.y, phases.y_values)):
        names = value_names(values)
        # The only value of an axis that the dataset does not have is "".
        sides.append(heatmap.Labels("" if names == [""] else axis_name(axis), names))
    return sides[0], sides[1]


def _draw_phases(axes: Axes, phases: PhaseGrid) -> None:
    """Divide each square into upright strips by the share of each label in it."""
    strips = []
    for row, column in np.ndindex(phases.median.shape):
        counts = {label: int(n[row, column]) for label, n in phases.counts.items()}
        total = sum(counts.values())
        start = 0.0
        for label, count in counts.items():
            if not count:
                continue
            fill, width = style.PHASE_FILLS[label], count / total
            strips.append(Strip(row, column, fill, start, width))
            start += width
    heatmap.draw_strips(axes, strips)
    # A white line between two strips of one square.
    edges = [strip.corners() for strip in strips if strip.start]
    if edges:
        (x, low), _, _, (_, high) = np.array(edges).transpose(1, 2, 0)
        axes.vlines(x, low, high, color="white", lw=1.2)


def _draw_grok_steps(axes: Axes, phases: PhaseGrid, grid: SquareGrid) -> None:
    """Draw the median grok step as a colour and as a text."""
    # A step of 0 has no place on a log scale.
    medians = phases.median.clip(min=1)
    # Colours span the steps that are there, not the censored ones.
    finite = medians[np.isfinite(medians)]
    scale = ScalarMappable(LogNorm(*_limits(finite)), style.STEPS_MAP)

    def text(row: int, column: int) -> str:
        return grok_text(
            median=phases.median[row, column],
            budget=phases.budget[row, column],
            end_step=phases.end_step[row, column],
            grokked=phases.grokked[row, column],
            tested=phases.tested[row, column],
        )

    def blank(row: int, column: int) -> style.Fill:
        if np.isfinite(phases.budget[row, column]):
            return style.CENSORED
        has_ended = np.isfinite(phases.end_step[row, column])
        return style.PHASE_FILLS["ended"] if has_ended else style.UNKNOWN

    heatmap.draw_values(axes, grid, medians, scale, text=text, blank=blank)
    if finite.size:
        bar = heatmap.colour_bar(axes, grid, scale, "median grok step")
        ticks = round_steps(*scale.get_clim())
        bar.set_ticks(ticks, labels=[short(step) for step in ticks])
        bar.minorticks_off()


def _limits(steps: NDArray[Any]) -> tuple[float, float]:
    """Return the limits of the colour scale, at least a factor of 2.5 apart."""
    if not steps.size:
        return 1.0, 10.0
    # One step alone would give a log scale of no width.
    low, high = steps.min(), steps.max()
    margin = max(1.0, np.sqrt(2.5 * low / high))
    return low / margin, high * margin


def _patches(phases: PhaseGrid) -> list[Patch]:
    """List the labels that are present, and grey where a median is censored."""
    fills = {
        label: style.PHASE_FILLS[label]
        for label in LABELS
        if phases.counts[label].any()
    }
    if (np.isnan(phases.median) & np.isfinite(phases.budget)).any():
        fills["censored: not within the budget"] = style.CENSORED
    return [Patch(label=label, **fill.patch()) for label, fill in fills.items()]


def _notes(phases: PhaseGrid) -> list[str]:
    """Say what the signs in the squares mean, those that are present."""
    notes = []
    members = "seeds" if set(phases.over) <= {"seed"} else "cells"
    if members == "cells":
        notes.append(f"a square gathers {', '.join(phases.over)}")
    # [labels, y, x]: two labels in one square mean that its cells disagree.
    # A cell that is still pending does not disagree with the others.
    results = [n > 0 for label, n in phases.counts.items() if label != "pending"]
    if np.sum(results, axis=0).max() > 1:
        notes.append(f"split square: {members} disagree")
    if ((phases.grokked > 0) & (phases.grokked < phases.tested)).any():
        notes.append(f"n/m: n of m {members} grokked")
    if np.isfinite(phases.end_step).any():
        notes.append("end N: ended at step N, before these thresholds were met")
    return notes
