"""Training: every progress measure over steps, and the stages they show.

Owns the figure of a trajectory. Reads the measures and the stages that
`jaxgrok.analysis.progress` gives, leaves out what a network does not have, and
refuses to smooth.

    save(progress(circuit, measures, stages(measures)), "progress.png")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from jaxgrok.plots.circuit.spectra import MOST_NAMED
from jaxgrok.plots.labels import short

if TYPE_CHECKING:
    from jaxgrok.circuits.circuit import Circuit

STAGES = {
    "memorisation": "#cc79a7",
    "interpolation": "#56b4e9",
    "generalisation": "#009e73",
    "clean_up": "#e69f00",
    "stability": "#999999",
}
"""The stages of the post in its order, each with its colour."""

_LOSSES = {
    "train_loss": ("train", "#0072b2", "-"),
    "test_loss": ("test", "#d55e00", "-"),
    "trig_loss_all": ("trig, all pairs", "#009e73", "-"),
    "trig_loss_train": ("trig, train", "#009e73", "--"),
    "trig_loss_test": ("trig, test", "#009e73", ":"),
    "excluded_loss_2d_full": ("excluded, 2-D", "#cc79a7", "-"),
    "excluded_loss_3d_full": ("excluded, 3-D", "#cc79a7", "--"),
}
_GINI = {
    "gini_W_E": ("W_E", "#0072b2", "-"),
    "gini_W_L": ("W_L", "#d55e00", "-"),
    "gini_neurons": ("neurons", "#009e73", "-"),
}
_SUMS = "sum_of_squares/"
_OTHERS = "#c8c8c8"


class Line(NamedTuple):
    """A measure over snapshots [snaps]; without a label it is not in the legend."""

    values: NDArray
    label: str
    color: str
    style: str = "-"


class Panel(NamedTuple):
    """Lines that share a scale; `floor` is the lowest value a log scale shows."""

    label: str
    inches: float
    lines: list[Line]
    log: bool = False
    floor: float = 0.0
    limits: tuple[float | None, float | None] = (None, None)


def progress(
    circuit: Circuit,
    measures: Mapping[str, Any],
    stages: Mapping[str, Sequence[int] | None],
) -> Figure:
    """All progress measures of a trajectory in panels over one axis of steps.

    measures: `steps` [snaps] and, by the names of `analysis.progress.trajectory`,
    arrays [snaps] or [snaps, ...]; what is absent or NaN throughout gets no line, and a
    panel without lines is left out. stages: first and last step of each, None where
    there is none.
    """
    steps = np.asarray(measures["steps"], float)
    panels = _panels(circuit, measures)
    heights = [0.2 * len(STAGES), *(panel.inches for panel in panels)]
    figure = Figure(figsize=(9, sum(heights) + 0.9), layout="constrained")
    rows = figure.subplots(
        len(heights), sharex=True, squeeze=False, height_ratios=heights
    )[:, 0]
    _draw_stages(rows[0], stages)
    for axes, panel in zip(rows[1:], panels, strict=True):
        _draw(axes, steps, panel)
        for name, (first, last) in _located(stages):
            axes.axvspan(first, last, color=STAGES[name], alpha=0.1, lw=0, zorder=0)
    rows[-1].set_xlabel("step", fontsize=9)
    rows[-1].xaxis.set_major_formatter(FuncFormatter(lambda at, _: short(at)))
    rows[-1].set_xlim(steps.min(), max(steps.max(), steps.min() + 1))
    figure.align_ylabels(list(rows[1:]))
    return figure


def _panels(circuit: Circuit, measures: Mapping[str, Any]) -> list[Panel]:
    keys, sign = circuit.key_frequencies, "+" if circuit.sign > 0 else "−"
    sums = _sums(measures)
    most = max((np.nan_to_num(line.values).max() for line in sums), default=0.0)
    excluded = _by_frequency(measures.get("excluded_loss_2d"), keys)
    coefficients = _by_frequency(measures.get("cos_coefficients"), keys)
    panels = [
        Panel("loss (nats)", 2.2, _named(measures, _LOSSES), log=True),
        Panel("excluded loss\nof k (nats)", 1.5, excluded, log=True),
        Panel(f"coefficient of\ncos w_k(x{sign}y−z)", 1.5, coefficients),
        Panel("sum of squares", 1.6, sums, log=True, floor=1e-4 * most),
        Panel("Gini", 1.1, _named(measures, _GINI), limits=(0, 1)),
        Panel("attention to =", 1.1, _heads(measures), limits=(0, 1)),
    ]
    known = [
        [line for line in panel.lines if np.isfinite(line.values).any()]
        for panel in panels
    ]
    return [
        panel._replace(lines=lines)
        for panel, lines in zip(panels, known, strict=True)
        if lines
    ]


def _named(
    measures: Mapping[str, Any], names: Mapping[str, tuple[str, str, str]]
) -> list[Line]:
    return [
        Line(np.asarray(measures[name], float), *look)
        for name, look in names.items()
        if name in measures
    ]


def _by_frequency(values: Any, keys: Sequence[int]) -> list[Line]:
    """A line for every k of [snaps, n//2]: the key ones in colour, others in grey.

    Of more than MOST_NAMED key ones, all have one colour and one name.
    """
    if values is None:
        return []
    values = np.asarray(values, float)
    others = [k for k in range(1, values.shape[1] + 1) if k not in keys]
    lines = [Line(values[:, k - 1], "", _OTHERS) for k in others]
    if others:
        lines[0] = lines[0]._replace(label="other k" if keys else "every k")
    names, colours = [f"k = {k}" for k in keys], _colours(len(keys))
    if len(keys) > MOST_NAMED:
        names = [f"{len(keys)} key k"] + [""] * (len(keys) - 1)
        colours = colours[:1] * len(keys)
    for k, name, colour in zip(keys, names, colours, strict=True):
        lines.append(Line(values[:, k - 1], name, colour))
    return lines


def _sums(measures: Mapping[str, Any]) -> list[Line]:
    """A line a matrix, a bias dotted in the colour of its matrix, and their total."""
    names = [name.removeprefix(_SUMS) for name in measures if name.startswith(_SUMS)]
    short_names = [name.rpartition(".")[2] for name in names]
    labels = {
        name: name.removeprefix("blocks.") if short_names.count(last) > 1 else last
        for name, last in zip(names, short_names, strict=True)
    }
    partners = {name: _partner(name, names) for name in names if name != "total"}
    matrices = [name for name, partner in partners.items() if name == partner]
    colours = dict(zip(matrices, _colours(len(matrices)), strict=True))
    lines = [
        Line(
            np.asarray(measures[f"{_SUMS}{name}"], float),
            labels[name],
            colours[partner],
            "-" if name == partner else ":",
        )
        for name, partner in partners.items()
    ]
    if "total" in names:
        total = np.asarray(measures[f"{_SUMS}total"], float)
        lines.append(Line(total, "total", "black", "--"))
    return lines


def _partner(name: str, names: Sequence[str]) -> str:
    """The matrix that a bias belongs to, blocks.0.mlp.W_in of b_in, or itself."""
    folder, dot, last = name.rpartition(".")
    matrix = f"{folder}{dot}W{last[1:]}"
    return matrix if last.startswith("b_") and matrix in names else name


def _heads(measures: Mapping[str, Any]) -> list[Line]:
    if "attention_to_equals" not in measures:
        return []
    values = np.asarray(measures["attention_to_equals"], float)
    colours = _colours(values.shape[1])
    return [
        Line(values[:, head], f"head {head}", colour)
        for head, colour in enumerate(colours)
    ]


def _colours(n: int) -> list[str]:
    """As many colours that can be told apart."""
    colours = colormaps["tab10"](np.arange(n))
    if n > 10:
        colours = colormaps["turbo"](np.linspace(0.05, 0.95, n))
    return [to_hex(colour) for colour in colours]


def _draw(axes: Axes, steps: NDArray, panel: Panel) -> None:
    """The lines of a panel; on a log scale what is not positive is left out."""
    for line in panel.lines:
        values = np.where(line.values > 0, line.values, np.nan)
        values = values if panel.log else line.values
        thin = line.color == _OTHERS
        off = panel.floor > 0 and not (values >= panel.floor).any()
        axes.plot(
            steps,
            values,
            line.style,
            color=line.color,
            label=f"{line.label} (below)" if off else line.label or "_",
            lw=0.6 if thin else 1.3,
            marker="." if len(steps) == 1 else None,
            zorder=1 if thin else 2,
        )
    if panel.log and any((line.values > 0).any() for line in panel.lines):
        axes.set_yscale("log")
        if panel.floor > 0:
            axes.set_ylim(bottom=panel.floor)
    axes.set_ylim(*panel.limits)
    axes.set_ylabel(panel.label, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.005, 1.04),
        borderaxespad=0,
        ncols=1
        if len(axes.get_legend_handles_labels()[0]) * 0.14 < panel.inches
        else 2,
        fontsize=7,
        frameon=False,
        handlelength=1.5,
    )


def _draw_stages(axes: Axes, stages: Mapping[str, Sequence[int] | None]) -> None:
    """A bar a stage in a row of its own, so that stages that overlap can be read."""
    names = list(STAGES)
    for name, (first, last) in _located(stages):
        row = names.index(name)
        axes.barh(row, last - first, left=first, height=0.7, color=STAGES[name])
    missing = [name for name in names if stages.get(name) is None]
    labels = [name.replace("_", "-") for name in names]
    labels = [
        f"{label} (none)" if name in missing else label
        for name, label in zip(names, labels, strict=True)
    ]
    axes.set_yticks(range(len(names)), labels, fontsize=8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _located(
    stages: Mapping[str, Sequence[int] | None],
) -> list[tuple[str, tuple[float, float]]]:
    """The stages that there are, in the post's order."""
    found = [(name, stages.get(name)) for name in STAGES]
    return [(name, (at[0], at[1])) for name, at in found if at is not None]
