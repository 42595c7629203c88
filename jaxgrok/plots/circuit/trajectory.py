"""Draw every progress measure of a training over steps, and the stages they show.

save(progress(circuit, measures, stages(measures)), "progress.png")
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxgrok.circuits.circuit import Circuit
from jaxgrok.plots import style
from jaxgrok.plots.circuit.trajectory_panels import Panel, panels
from jaxgrok.plots.labels import name_steps

_STAGE = 0.2
"""Height of a stage's row, in inches."""


def progress(
    circuit: Circuit,
    measures: Mapping[str, Any],
    stages: Mapping[str, Sequence[int] | None],
) -> Figure:
    """Draw all progress measures of a trajectory in panels over one axis of steps.

    Args:
        circuit: whose key frequencies are told from the others.
        measures: `steps` [snaps] and, by the names of `circuits.trajectory`, arrays
            [snaps] or [snaps, ...]. What is absent or NaN throughout gets no line, and
            a panel without lines is left out.
        stages: first and last step of each, None where there is none.
    """
    steps = np.asarray(measures["steps"], float)
    drawn = panels(circuit, measures)
    heights = [_STAGE * len(style.STAGE_COLOURS), *(panel.inches for panel in drawn)]
    # The 0.9 inches hold the axis of steps and the gaps between the panels.
    figure = Figure(figsize=(9, sum(heights) + 0.9), layout="constrained")
    rows = figure.subplots(
        len(heights), sharex=True, squeeze=False, height_ratios=heights
    )[:, 0]
    spans = _spans(stages)
    _draw_stages(rows[0], spans)
    for axes, panel in zip(rows[1:], drawn, strict=True):
        _draw_panel(axes, steps, panel)
        for stage, (first, last) in spans.items():
            colour = style.STAGE_COLOURS[stage]
            axes.axvspan(first, last, color=colour, alpha=0.1, lw=0, zorder=0)
    rows[-1].set_xlabel("step", fontsize=style.SMALL_TITLE)
    name_steps(rows[-1].xaxis)
    # One snapshot alone would leave an axis of no width.
    rows[-1].set_xlim(steps.min(), max(steps.max(), steps.min() + 1))
    # Without the row of stages, whose tick labels are far longer.
    figure.align_ylabels(list(rows[1:]))
    return figure


def _spans(
    stages: Mapping[str, Sequence[int] | None],
) -> dict[str, tuple[float, float]]:
    """Return first and last step of the stages that there are, in the post's order."""
    spans: dict[str, tuple[float, float]] = {}
    for stage in style.STAGE_COLOURS:
        span = stages.get(stage)
        if span is not None:
            spans[stage] = (span[0], span[1])
    return spans


def _draw_stages(axes: Axes, spans: Mapping[str, tuple[float, float]]) -> None:
    """Draw each stage in a row of its own, so that overlapping ones can be read."""
    labels = []
    for row, (stage, colour) in enumerate(style.STAGE_COLOURS.items()):
        label = stage.replace("_", "-")
        if stage in spans:
            first, last = spans[stage]
            axes.barh(row, last - first, left=first, height=0.7, color=colour)
        else:
            label += " (none)"
        labels.append(label)
    axes.set_yticks(range(len(labels)), labels, fontsize=style.LABEL)
    # Rows go down, so that the first stage is on top.
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(length=0)
    style.despine(axes, every=True)


def _draw_panel(axes: Axes, steps: NDArray[Any], panel: Panel) -> None:
    """Draw the lines of a panel; on a log scale what is not positive is left out."""
    for line in panel.lines:
        values = line.values
        if panel.log:
            values = np.where(values > 0, values, np.nan)
        # A label that begins with "_" is not in the legend.
        label = line.label or "_"
        if panel.floor > 0 and not (values >= panel.floor).any():
            label = f"{line.label} (below)"
        axes.plot(
            steps,
            values,
            line.style,
            color=line.colour,
            label=label,
            lw=0.6 if line.background else 1.3,
            # A line of one point would not be seen.
            marker="." if len(steps) == 1 else None,
            zorder=1 if line.background else 2,
        )
    if panel.log and any((line.values > 0).any() for line in panel.lines):
        axes.set_yscale("log")
        if panel.floor > 0:
            axes.set_ylim(bottom=panel.floor)
    if panel.limits is not None:
        axes.set_ylim(*panel.limits)
    axes.set_ylabel(panel.label, fontsize=style.LABEL)
    axes.tick_params(labelsize=style.LABEL)
    style.despine(axes)
    _draw_legend(axes, panel.inches)


def _draw_legend(axes: Axes, inches: float) -> None:
    """Draw the legend to the right, in two columns if one is higher than the panel."""
    handles, _ = axes.get_legend_handles_labels()
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.005, 1.04),
        borderaxespad=0,
        ncols=1 if len(handles) * style.TEXT_LINE < inches else 2,
        fontsize=style.SMALL_LABEL,
        frameon=False,
        handlelength=1.5,
    )
