"""Draw components in a Fourier basis along axes that count frequencies.

Component j of a basis of order n stands at (j + 1/2) / 2, so that cos k and sin k lie
left and right of k.

    bars(axes, circuit.W_E_norms)
    name_keys(axes.xaxis, circuit, inches=9.0)
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jaxgrok.circuits.circuit import Circuit
from jaxgrok.plots import style
from jaxgrok.plots.circuit.maps import draw_map

MOST_NAMED = 12
"""Key frequencies that a figure names; of more, the axis only counts."""

COS, SIN, CONSTANT = style.BLUE, style.ORANGE, style.GREY

_DIGIT, _DIGIT_HEIGHT, _MARGIN = 0.066, 0.12, 0.06
"""Inches: width and height of a digit of a frequency, and a gap between two names."""
_MAP_SIDE = 3.2
"""Side of a map of components, in inches."""


def frequency_label(circuit: Circuit) -> str:
    """Label an axis of frequencies."""
    return f"frequency k (1 … {circuit.order // 2})"


def is_named(circuit: Circuit) -> bool:
    """Return whether there are key frequencies, few enough to name each."""
    return 0 < len(circuit.key_frequencies) <= MOST_NAMED


def bars(axes: Axes, norms: NDArray[Any]) -> None:
    """Draw a bar a component [n]: the constant at 0, then cos k and sin k around k."""
    colours = [CONSTANT] + [(COS, SIN)[j % 2] for j in range(len(norms) - 1)]
    # Component j covers j/2 to (j+1)/2, so cos k and sin k meet at k.
    axes.bar(np.arange(len(norms)) / 2 + 0.25, norms, width=0.5, color=colours)
    axes.set_xlim(0, len(norms) / 2)
    axes.tick_params(labelsize=style.LABEL)
    style.despine(axes)


def bar_legend(axes: Axes) -> None:
    """Explain the colours of the bars above the axes, where no bar can reach."""
    names = {"constant": CONSTANT, "cos k": COS, "sin k": SIN}
    axes.legend(
        handles=[Patch(color=colour, label=name) for name, colour in names.items()],
        fontsize=style.LABEL,
        frameon=False,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        borderaxespad=0.2,
        ncols=3,
    )


def name_keys(
    axis: Axis, circuit: Circuit, *, inches: float, upright: bool = False
) -> None:
    """Tick the key frequencies of an axis over 0..n/2; without any, round numbers.

    Names that would overlap are joined by a comma; each frequency keeps its own tick.

    Args:
        axis: to tick.
        circuit: whose key frequencies are named.
        inches: length of the axis.
        upright: whether the names run across the axis.
    """
    axis.set_tick_params(labelsize=style.SMALL_LABEL)
    if not is_named(circuit):
        axis.set_major_locator(MaxNLocator(8, integer=True))
        return
    inches_per_frequency = inches / (circuit.order / 2)
    keys = sorted(circuit.key_frequencies)
    groups = _joined(keys, inches_per_frequency, upright=upright)
    # Major ticks carry the names and have no length, minor ones mark the frequencies.
    axis.set_ticks(
        [(group[0] + group[-1]) / 2 for group in groups],
        [", ".join(map(str, group)) for group in groups],
    )
    axis.set_tick_params(which="major", length=0, pad=5)
    axis.set_ticks(keys, minor=True)
    # matplotlib drops minor ticks at the places of major ones: here both are wanted.
    axis.remove_overlapping_locs = False
    axis.set_tick_params(which="minor", length=4)


def _joined(keys: list[int], inches: float, *, upright: bool) -> list[list[int]]:
    """Join neighbours whose names would overlap at so many inches a frequency."""
    groups: list[list[int]] = []
    for key in keys:
        groups.append([key])
        # A joined name is longer and may reach the group before it.
        while len(groups) > 1:
            _, end = _extent(groups[-2], inches, upright=upright)
            start, _ = _extent(groups[-1], inches, upright=upright)
            if end <= start:
                break
            groups[-2:] = [groups[-2] + groups[-1]]
    return groups


def _extent(group: list[int], inches: float, *, upright: bool) -> tuple[float, float]:
    """Return where the name of a group starts and ends along the axis, in inches."""
    centre = (group[0] + group[-1]) / 2 * inches
    width = _DIGIT * len(", ".join(map(str, group))) + _MARGIN
    if upright:
        width = _DIGIT_HEIGHT
    return centre - width / 2, centre + width / 2


def components(
    axes: Axes, values: NDArray[Any], circuit: Circuit, scale: ScalarMappable
) -> None:
    """Map 2-D components [n (of x), n (of y)] along axes that count frequencies."""
    side = circuit.order / 2
    # imshow puts the first axis upright: x is to run to the right.
    draw_map(axes, values.T, scale, extent=(0, side, 0, side))
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        axis.set_label_text(f"frequency of {name}")
        name_keys(axis, circuit, inches=_MAP_SIDE, upright=True)
    if is_named(circuit):
        axes.tick_params(axis="x", rotation=90)


def key_components(
    axes: Axes, values: NDArray[Any], frequencies: Iterable[int], scale: ScalarMappable
) -> None:
    """Map the 2-D components of [n, n] among the constant and some frequencies."""
    rows, names = terms(frequencies, len(values))
    draw_map(axes, values[np.ix_(rows, rows)].T, scale)
    size = style.LABEL if len(names) < 14 else style.TINY_LABEL
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set(xlabel="term of x", ylabel="term of y")


def terms(frequencies: Iterable[int], order: int) -> tuple[list[int], list[str]]:
    """Return rows of the basis and their names: 1, then cos k and sin k of each k."""
    rows, names = [0], ["1"]
    for k in sorted(set(frequencies)):
        for row, name in ((2 * k - 1, f"cos {k}"), (2 * k, f"sin {k}")):
            # An even order has no sine of its highest frequency.
            if row < order:
                rows.append(row)
                names.append(name)
    return rows, names
