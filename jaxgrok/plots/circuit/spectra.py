"""Draw norms and components along the sines and cosines, one figure each.

save(embedding_norms(network, circuit), "embedding_norms.png")
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jaxgrok.circuits.circuit import Circuit
from jaxgrok.circuits.network import Network
from jaxgrok.fourier import basis
from jaxgrok.plots import style
from jaxgrok.plots.circuit.fourier_axes import (
    bar_legend,
    bars,
    components,
    frequency_label,
    is_named,
    key_components,
    name_keys,
)
from jaxgrok.plots.circuit.maps import colour_bar, draw_map, require
from jaxgrok.plots.labels import short


def embedding_norms(network: Network, circuit: Circuit) -> Figure:
    """Draw the norm of W_E over the residual stream along every sine and cosine."""
    figure = Figure(figsize=(10, 3), layout="constrained")
    axes = figure.subplots()
    bars(axes, circuit.W_E_norms)
    name_keys(axes.xaxis, circuit, inches=9.0)
    axes.set(xlabel=frequency_label(circuit), ylabel="norm of W_E")
    verdict = f"{circuit.verdict}; {circuit.all_accuracy:.1%} of all pairs right"
    title = f"Embedding in the Fourier basis\n{textwrap.fill(verdict, 84)}"
    axes.set_title(title, fontsize=style.SMALL_TITLE, loc="left")
    bar_legend(axes)
    return figure


def embedding_norms_over_training(
    circuit: Circuit,
    measures: Mapping[str, Any],
    *,
    at: Sequence[float] | None = None,
    most: int = 6,
) -> Figure:
    """Draw the norms of W_E at some snapshots, one above another.

    Args:
        circuit: whose key frequencies are named.
        measures: `steps` [snaps] and `W_E_norms` [snaps, n].
        at: steps whose nearest snapshots are drawn; by default they are evenly spaced,
            the first and the last included.
        most: snapshots that are drawn by default, at most.
    """
    steps = np.asarray(measures["steps"])
    rows = _snapshots(steps, at, most)
    figure = Figure(figsize=(10, 1.0 * len(rows) + 1.2), layout="constrained")
    panels = figure.subplots(len(rows), sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, row in zip(panels, rows, strict=True):
        bars(axes, np.asarray(measures["W_E_norms"])[row])
        name_keys(axes.xaxis, circuit, inches=9.0)
        # To the right of the panel, in shares of its width and height.
        text = f"step {short(float(steps[row]))}"
        look = {"size": style.LABEL, "va": "center", "transform": axes.transAxes}
        axes.text(1.005, 0.5, text, **look)
    panels[-1].set_xlabel(frequency_label(circuit))
    figure.supylabel("norm of W_E", fontsize=style.TITLE)
    title = "Embedding in the Fourier basis over training"
    panels[0].set_title(title, fontsize=style.TITLE, loc="left")
    bar_legend(panels[0])
    return figure


def _snapshots(steps: NDArray[Any], at: Sequence[float] | None, most: int) -> list[int]:
    """Return the rows of the snapshots to draw, each once."""
    if at is None:
        rows = np.linspace(0, len(steps) - 1, min(most, len(steps))).round()
    else:
        rows = np.array([np.abs(steps - step).argmin() for step in at])
    # Two steps may have the same nearest snapshot.
    return list(dict.fromkeys(rows.astype(int).tolist()))


def neurons_2d(network: Network, circuit: Circuit) -> Figure:
    """Draw the norm over neurons of their 2-D components [n (of x), n (of y)]."""
    norms = require(circuit.neurons_2d, "neurons_2d")
    return _norms_2d(circuit, norms, "Centred neurons", "norm over neurons")


def logits_2d(network: Network, circuit: Circuit) -> Figure:
    """Draw the norm over classes of the logits' 2-D components [n (of x), n (of y)]."""
    return _norms_2d(circuit, circuit.logits_2d, "Logits", "norm over classes")


def _norms_2d(circuit: Circuit, norms: NDArray[Any], title: str, label: str) -> Figure:
    """Map norms, in colours for all but the constant, which can be far larger."""
    named = is_named(circuit)
    figure = Figure(figsize=(9.4 if named else 5.2, 4.4), layout="constrained")
    panels = list(figure.subplots(1, 1 + named, squeeze=False)[0])
    # The constant is off the scale rather than all others at its bottom.
    without_constant = norms.copy()
    without_constant[0, 0] = 0.0
    scale = style.scale_from_zero(without_constant, signed=False)
    components(panels[0], norms, circuit, scale)
    if named:
        key_components(panels[1], norms, circuit.key_frequencies, scale)
    colour_bar(figure, scale, panels, label)
    title += " in the 2-D Fourier basis"
    if norms[0, 0] > without_constant.max():
        title += f" (constant term, {norms[0, 0]:.3g}, off the scale)"
    figure.suptitle(title, fontsize=style.TITLE)
    return figure


def W_L(network: Network, circuit: Circuit, frequency: int | None = None) -> Figure:
    """Draw W_L of one cluster in the output Fourier basis: norms above neurons.

    The rows are neurons by the phase of their component at the cluster's frequency.

    Args:
        network: with W_L.
        circuit: with its clusters; without any, all neurons are drawn.
        frequency: of the cluster, by default the one with most neurons.

    Raises:
        ValueError: if the frequency has no cluster.
    """
    weights = require(network.W_L, "W_L")
    clusters = circuit.clusters
    if frequency is None and clusters:
        # Of two clusters of one size, the lower frequency.
        frequency = max(clusters, key=lambda k: (len(clusters[k]), -k))
    if frequency is not None and frequency not in clusters:
        raise ValueError(f"frequency={frequency} must be one of {sorted(clusters)}")
    if frequency is None:
        parts = basis.transform(weights, axis=1)
        subject, rows = "all neurons (no cluster)", "neuron"
    else:
        neurons = list(clusters[frequency])
        parts = _by_phase(basis.transform(weights[neurons], axis=1), frequency)
        subject = f"the {len(neurons)} neurons of frequency {frequency}"
        rows = "neuron, by phase"
    figure = _norms_above_components(circuit, parts, rows)
    title = f"W_L in the output Fourier basis: {subject}"
    figure.axes[0].set_title(title, fontsize=style.TITLE, loc="left")
    return figure


def _by_phase(parts: NDArray[Any], frequency: int) -> NDArray[Any]:
    """Sort rows [neurons, n] by the phase of their component at a frequency."""
    # Columns 2k - 1 and 2k are the cosine and the sine of frequency k.
    cosine = parts[:, 2 * frequency - 1]
    # An even order has no sine of its highest frequency.
    has_sine = 2 * frequency < parts.shape[1]
    sine = parts[:, 2 * frequency] if has_sine else np.zeros_like(cosine)
    return parts[np.argsort(np.arctan2(sine, cosine))]


def _norms_above_components(
    circuit: Circuit, parts: NDArray[Any], label: str
) -> Figure:
    """Draw the norms over rows [rows, n] as bars, and below them the rows."""
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(1, 2))
    bars(above, np.linalg.norm(parts, axis=0))
    above.set_ylabel("norm over neurons")
    bar_legend(above)
    scale = style.scale_from_zero(parts, signed=True)
    # Component j covers j/2 to (j+1)/2, as its bar above does.
    extent = (0, circuit.order / 2, 0, len(parts))
    draw_map(below, parts, scale, extent=extent, aspect="auto")
    below.set_ylabel(label)
    below.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    below.tick_params(labelsize=style.LABEL)
    for axes in (above, below):
        name_keys(axes.xaxis, circuit, inches=8.4)
    below.set_xlabel(f"output {frequency_label(circuit)}")
    colour_bar(figure, scale, below, "component of W_L")
    return figure
