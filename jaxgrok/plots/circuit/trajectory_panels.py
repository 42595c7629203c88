"""Choose the panels of a training's progress measures, and the lines in each.

for panel in panels(circuit, measures):
    print(panel.label, [line.label for line in panel.lines])
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgrok.circuits.circuit import Circuit
from jaxgrok.plots import style
from jaxgrok.plots.circuit.fourier_axes import MOST_NAMED


@dataclass(frozen=True)
class Line:
    """A measure over snapshots.

    Attributes:
        values: [snaps], NaN where it could not be measured.
        label: in the legend; without one it is not there.
        colour: of the line.
        style: matplotlib's line style.
        background: whether it is thin and lies behind the others.
    """

    values: NDArray[Any]
    label: str
    colour: str
    style: str = "-"
    background: bool = False


@dataclass(frozen=True)
class Panel:
    """Lines that share a scale.

    Attributes:
        label: of the scale.
        inches: height.
        lines: what is drawn.
        log: whether the scale is logarithmic.
        floor: lowest value that a log scale shows; 0 for all.
        limits: of the scale; None where they follow from the lines.
    """

    label: str
    inches: float
    lines: list[Line]
    log: bool = False
    floor: float = 0.0
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Measure:
    """How a measure [snaps] is drawn."""

    name: str
    label: str
    colour: str
    style: str = "-"


_LOSSES = (
    _Measure("train_loss", "train", style.BLUE),
    _Measure("test_loss", "test", style.VERMILION),
    _Measure("trig_loss_all", "trig, all pairs", style.GREEN),
    _Measure("trig_loss_train", "trig, train", style.GREEN, "--"),
    _Measure("trig_loss_test", "trig, test", style.GREEN, ":"),
    _Measure("excluded_loss_2d_full", "excluded, 2-D", style.PURPLE),
    _Measure("excluded_loss_3d_full", "excluded, 3-D", style.PURPLE, "--"),
)
_GINI = (
    _Measure("gini_W_E", "W_E", style.BLUE),
    _Measure("gini_W_L", "W_L", style.VERMILION),
    _Measure("gini_neurons", "neurons", style.GREEN),
)
_SUMS = "sum_of_squares/"
_DECADES = 1e-4
"""The lowest sum of squares shown, as a share of the largest."""


def panels(circuit: Circuit, measures: Mapping[str, Any]) -> list[Panel]:
    """Return the panels that have lines, from the top.

    Args:
        circuit: whose key frequencies are told from the others.
        measures: by the names of `circuits.trajectory`, arrays [snaps] or [snaps, ...];
            what is absent or NaN throughout gets no line.
    """
    keys, sign = circuit.key_frequencies, "+" if circuit.sign > 0 else "−"
    sums = _sums(measures)
    # A bias is orders of magnitude smaller than a matrix: what falls below the floor
    # is named in the legend but does not stretch the scale.
    largest = max((np.nan_to_num(line.values).max() for line in sums), default=0.0)
    excluded = _by_frequency(measures.get("excluded_loss_2d"), keys)
    coefficients = _by_frequency(measures.get("cos_coefficients"), keys)
    candidates = [
        Panel("loss (nats)", 2.2, _lines(measures, _LOSSES), log=True),
        Panel("excluded loss\nof k (nats)", 1.5, excluded, log=True),
        Panel(f"coefficient of\ncos w_k(x{sign}y−z)", 1.5, coefficients),
        Panel("sum of squares", 1.6, sums, log=True, floor=_DECADES * largest),
        Panel("Gini", 1.1, _lines(measures, _GINI), limits=(0, 1)),
        Panel("attention to =", 1.1, _heads(measures), limits=(0, 1)),
    ]
    panels = []
    for panel in candidates:
        lines = [line for line in panel.lines if np.isfinite(line.values).any()]
        if lines:
            panels.append(replace(panel, lines=lines))
    return panels


def _lines(measures: Mapping[str, Any], rows: Sequence[_Measure]) -> list[Line]:
    """Return a line for each of some measures that is there."""
    lines = []
    for row in rows:
        if row.name in measures:
            values = np.asarray(measures[row.name], float)
            lines.append(Line(values, row.label, row.colour, row.style))
    return lines


def _by_frequency(values: Any, keys: Sequence[int]) -> list[Line]:
    """Return a line for every k of [snaps, n//2]: key ones in colour, others in grey.

    Of more than MOST_NAMED key ones, all have one colour and one name.
    """
    if values is None:
        return []
    values = np.asarray(values, float)
    lines = []
    # Only the first of the others is in the legend, for all of them.
    label = "other k" if keys else "every k"
    # Column k - 1 is frequency k: the constant has none.
    for k in range(1, values.shape[1] + 1):
        if k not in keys:
            grey = style.PALE_GREY
            lines.append(Line(values[:, k - 1], label, grey, background=True))
            label = ""
    names = [f"k = {k}" for k in keys]
    colours = style.line_colours(len(keys), black=False)
    if len(keys) > MOST_NAMED:
        names = [f"{len(keys)} key k"] + [""] * (len(keys) - 1)
        colours = [style.BLUE] * len(keys)
    for k, name, colour in zip(keys, names, colours, strict=True):
        lines.append(Line(values[:, k - 1], name, colour))
    return lines


def _sums(measures: Mapping[str, Any]) -> list[Line]:
    """Return a line a matrix, a bias dotted in its matrix's colour, and their total."""
    names = [name.removeprefix(_SUMS) for name in measures if name.startswith(_SUMS)]
    arrays = [name for name in names if name != "total"]
    labels = _array_labels(arrays)
    matrices = [name for name in arrays if _matrix_of(name, arrays) == name]
    # Black is the total's.
    palette = style.line_colours(len(matrices), black=False)
    colours = dict(zip(matrices, palette, strict=True))
    lines = []
    for name in arrays:
        matrix = _matrix_of(name, arrays)
        values = np.asarray(measures[_SUMS + name], float)
        dash = "-" if name == matrix else ":"
        lines.append(Line(values, labels[name], colours[matrix], dash))
    if "total" in names:
        total = np.asarray(measures[f"{_SUMS}total"], float)
        lines.append(Line(total, "total", style.BLACK, "--"))
    return lines


def _array_labels(names: Sequence[str]) -> dict[str, str]:
    """Name arrays by their last part, W_Q, with the layer where that is not unique."""
    last_parts = [name.rpartition(".")[2] for name in names]
    labels = {}
    for name, last in zip(names, last_parts, strict=True):
        unique = last_parts.count(last) == 1
        labels[name] = last if unique else name.removeprefix("blocks.")
    return labels


def _matrix_of(name: str, names: Sequence[str]) -> str:
    """Return the matrix of a bias, blocks.0.mlp.W_in of b_in, or the name itself."""
    folder, dot, last = name.rpartition(".")
    # b_in belongs to W_in, b_U to W_U.
    matrix = f"{folder}{dot}W{last[1:]}"
    return matrix if last.startswith("b_") and matrix in names else name


def _heads(measures: Mapping[str, Any]) -> list[Line]:
    """Return a line for the attention that each head pays to `=`."""
    if "attention_to_equals" not in measures:
        return []
    values = np.asarray(measures["attention_to_equals"], float)
    colours = style.line_colours(values.shape[1], black=False)
    return [
        Line(values[:, head], f"head {head}", colour)
        for head, colour in enumerate(colours)
    ]
