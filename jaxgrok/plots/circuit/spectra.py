"""Spectra: norms and components along the sines and cosines, one figure each.

Owns how a Fourier basis of order n is laid out on an axis: component j stands at
(j + 1/2) / 2, so that cos k and sin k lie left and right of k and the axis counts
frequencies. Arrays in, a Figure out.

    save(embedding_norms(network, circuit), "embedding_norms.png")
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jaxgrok.fourier import basis
from jaxgrok.plots.labels import short

if TYPE_CHECKING:
    from jaxgrok.circuits.circuit import Circuit
    from jaxgrok.circuits.network import Network

MOST_NAMED = 12
"""Key frequencies that a figure names; of more, the axis only counts."""

COS, SIN, CONSTANT = "#0072b2", "#e69f00", "#777777"
SIGNED, UNSIGNED = "RdBu_r", "viridis"


def embedding_norms(network: Network, circuit: Circuit) -> Figure:
    """Norm of W_E over the residual stream along every sine and cosine."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    axes = figure.subplots()
    bars(axes, circuit.W_E_norms)
    name_keys(axes.xaxis, circuit, inches=9.0)
    axes.set(xlabel=_frequencies(circuit), ylabel="norm of W_E")
    title = f"Embedding in the Fourier basis\n{textwrap.fill(circuit.verdict, 100)}"
    axes.set_title(title, fontsize=9, loc="left")
    _legend(axes)
    return figure


def embedding_norms_over_training(
    circuit: Circuit,
    measures: Mapping[str, Any],
    stages: Mapping[str, Sequence[int] | None] | None = None,
    *,
    at: Sequence[int] | None = None,
    most: int = 6,
) -> Figure:
    """The norms of W_E at the snapshots nearest to the steps `at`, one above another.

    measures: `steps` [snaps] and `W_E_norms` [snaps, n]. By default at most `most`
    snapshots, evenly spaced among those kept, the first and the last included.
    """
    steps = np.asarray(measures["steps"])
    if at is None:
        chosen = np.linspace(0, len(steps) - 1, min(most, len(steps))).round()
    else:
        chosen = np.array([np.abs(steps - step).argmin() for step in at])
    rows = list(dict.fromkeys(chosen.astype(int).tolist()))
    figure = Figure(figsize=(10, 1.0 * len(rows) + 1.2), layout="constrained")
    panels = figure.subplots(len(rows), sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, row in zip(panels, rows, strict=True):
        bars(axes, np.asarray(measures["W_E_norms"])[row])
        name_keys(axes.xaxis, circuit, inches=9.0)
        step = f"step {short(float(steps[row]))}"
        axes.text(1.005, 0.5, step, size=8, va="center", transform=axes.transAxes)
    panels[-1].set_xlabel(_frequencies(circuit))
    figure.supylabel("norm of W_E", fontsize=10)
    title = "Embedding in the Fourier basis over training"
    panels[0].set_title(title, fontsize=10, loc="left")
    _legend(panels[0])
    return figure


def neurons_2d(network: Network, circuit: Circuit) -> Figure:
    """Norm over neurons of their 2-D components, [n (of x), n (of y)]."""
    norms = needed(circuit.neurons_2d, "neurons_2d")
    return _norms_2d(circuit, norms, "Centred neurons", "norm over neurons")


def logits_2d(network: Network, circuit: Circuit) -> Figure:
    """Norm over classes of the logits' 2-D components, [n (of x), n (of y)]."""
    return _norms_2d(circuit, circuit.logits_2d, "Logits", "norm over classes")


def _norms_2d(circuit: Circuit, norms: NDArray, what: str, label: str) -> Figure:
    """A map of norms, its colours for all but the constant, which can be far larger."""
    named = is_named(circuit)
    figure = Figure(figsize=(9.4 if named else 5.2, 4.4), layout="constrained")
    panels = list(figure.subplots(1, 1 + named, squeeze=False)[0])
    others = norms.copy()
    others[0, 0] = 0.0
    scale = scale_of(others, signed=False)
    components(panels[0], norms, circuit, colours=scale)
    if named:
        key_components(panels[1], norms, circuit.key_frequencies, colours=scale)
    colour_bar(figure, scale, panels, label)
    title = f"{what} in the 2-D Fourier basis"
    if norms[0, 0] > others.max():
        title += f" (constant term, {norms[0, 0]:.3g}, off the scale)"
    figure.suptitle(title, fontsize=10)
    return figure


def W_L(network: Network, circuit: Circuit, frequency: int | None = None) -> Figure:
    """W_L of one cluster in the output Fourier basis: its norms above its neurons.

    frequency: of the cluster, by default the one with most neurons. The rows are
    neurons by the phase of their component at that frequency. Without any cluster
    all neurons are shown.
    """
    weights = needed(network.W_L, "W_L")
    clusters = circuit.clusters
    if frequency is None and clusters:
        frequency = max(clusters, key=lambda k: (len(clusters[k]), -k))
    if frequency is not None and frequency not in clusters:
        raise ValueError(f"frequency = {frequency}: clusters are {sorted(clusters)}")
    neurons = list(range(len(weights)) if frequency is None else clusters[frequency])
    parts = basis.transform(weights[neurons], axis=1)
    if frequency is not None:
        sine = parts[:, 2 * frequency] if 2 * frequency < circuit.order else 0.0
        parts = parts[np.argsort(np.arctan2(sine, parts[:, 2 * frequency - 1]))]
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(1, 2))
    bars(above, np.linalg.norm(parts, axis=0))
    above.set_ylabel("norm over neurons")
    _legend(above)
    scale = scale_of(parts, signed=True)
    extent = (0, circuit.order / 2, 0, len(parts))
    below.imshow(parts, origin="lower", extent=extent, aspect="auto", **look(scale))
    below.set_ylabel("neuron, by phase" if frequency is not None else "neuron")
    below.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    below.tick_params(labelsize=8)
    for axes in (above, below):
        name_keys(axes.xaxis, circuit, inches=8.4)
    below.set_xlabel(f"output {_frequencies(circuit)}")
    colour_bar(figure, scale, below, "component of W_L")
    which = "all neurons (no cluster)"
    if frequency is not None:
        which = f"the {len(neurons)} neurons of frequency {frequency}"
    title = f"W_L in the output Fourier basis: {which}"
    above.set_title(title, fontsize=10, loc="left")
    return figure


def _frequencies(circuit: Circuit) -> str:
    return f"frequency k (1 … {circuit.order // 2})"


def needed(array: NDArray | None, name: str) -> NDArray:
    """The array, or a ValueError that says that this network has none."""
    if array is None:
        raise ValueError(f"{name} is None: this network has none to draw")
    return array


def bars(axes: Axes, norms: NDArray) -> None:
    """A bar a component [n]: the constant at 0, then cos k and sin k around k."""
    colours = [CONSTANT] + [(COS, SIN)[j % 2] for j in range(len(norms) - 1)]
    axes.bar(np.arange(len(norms)) / 2 + 0.25, norms, width=0.5, color=colours)
    axes.set_xlim(0, len(norms) / 2)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(axes: Axes) -> None:
    """What the colours of the bars are, above the axes, where no bar can reach."""
    names = {"constant": CONSTANT, "cos k": COS, "sin k": SIN}
    patches = [Patch(color=colour, label=name) for name, colour in names.items()]
    axes.legend(
        handles=patches,
        fontsize=8,
        frameon=False,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        borderaxespad=0.2,
        ncols=3,
    )


def is_named(circuit: Circuit) -> bool:
    """Whether the key frequencies are some, and few enough to name each."""
    return 0 < len(circuit.key_frequencies) <= MOST_NAMED


def name_keys(
    axis: Axis, circuit: Circuit, *, inches: float, upright: bool = False
) -> None:
    """Tick the key frequencies of an axis over 0..n/2; without any, round numbers.

    inches: length of the axis; names that would overlap are joined by a comma, each
    frequency keeping a tick of its own. upright: the names run across the axis.
    """
    axis.set_tick_params(labelsize=7)
    if not is_named(circuit):
        axis.set_major_locator(MaxNLocator(8, integer=True))
        return
    inch = inches / (circuit.order / 2)
    groups = _joined(sorted(circuit.key_frequencies), inch, upright=upright)
    axis.set_ticks(
        [(group[0] + group[-1]) / 2 for group in groups],
        [", ".join(map(str, group)) for group in groups],
    )
    axis.set_tick_params(which="major", length=0, pad=5)
    axis.set_ticks(list(circuit.key_frequencies), minor=True)
    axis.remove_overlapping_locs = False
    axis.set_tick_params(which="minor", length=4)


def _joined(keys: list[int], inch: float, *, upright: bool) -> list[list[int]]:
    """Neighbours whose names would overlap at `inch` inches a frequency, together."""

    def edges(group: list[int]) -> tuple[float, float]:
        centre = (group[0] + group[-1]) / 2 * inch
        width = 0.12 if upright else 0.066 * len(", ".join(map(str, group))) + 0.06
        return centre - width / 2, centre + width / 2

    groups: list[list[int]] = []
    for key in keys:
        groups.append([key])
        while len(groups) > 1 and edges(groups[-2])[1] > edges(groups[-1])[0]:
            groups[-2:] = [groups[-2] + groups[-1]]
    return groups


def components(axes: Axes, values: NDArray, circuit: Circuit, *, colours: Any) -> None:
    """A map of 2-D components [n (of x), n (of y)], its axes counting frequencies."""
    side = circuit.order / 2
    axes.imshow(values.T, origin="lower", extent=(0, side, 0, side), **look(colours))
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        axis.set_label_text(f"frequency of {name}")
        name_keys(axis, circuit, inches=3.2, upright=True)
    if is_named(circuit):
        axes.tick_params(axis="x", rotation=90)


def key_components(
    axes: Axes, values: NDArray, frequencies: Iterable[int], *, colours: Any
) -> None:
    """The 2-D components of [n, n] among the constant and some frequencies, named."""
    rows, names = terms(frequencies, len(values))
    axes.imshow(values[np.ix_(rows, rows)].T, origin="lower", **look(colours))
    size = 8 if len(names) < 14 else 6
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set(xlabel="term of x", ylabel="term of y")


def terms(frequencies: Iterable[int], order: int) -> tuple[list[int], list[str]]:
    """Rows of the basis, and their names: the constant, cos k and sin k of each k."""
    rows, names = [0], ["1"]
    for k in sorted(set(frequencies)):
        for row, name in ((2 * k - 1, f"cos {k}"), (2 * k, f"sin {k}")):
            if row < order:
                rows.append(row)
                names.append(name)
    return rows, names


def scale_of(values: NDArray, *, signed: bool) -> ScalarMappable:
    """Colours from zero up or, for signed values, the same distance to both sides."""
    bound = float(np.abs(values).max(initial=0.0)) or 1.0
    norm = Normalize(-bound if signed else 0.0, bound)
    return ScalarMappable(norm, SIGNED if signed else UNSIGNED)


def look(scale: ScalarMappable) -> dict[str, Any]:
    """How `imshow` draws a map in these colours."""
    return {"norm": scale.norm, "cmap": scale.cmap}


def colour_bar(
    figure: Figure, scale: ScalarMappable, panels: Axes | list[Axes], label: str
) -> None:
    """A bar beside the panels, labelled with what the colour means."""
    bar = figure.colorbar(scale, ax=panels, label=label, fraction=0.05, pad=0.02)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
