"""Inputs: activations over all pairs (x, y), and where the tokens lie.

Owns the figures of attention, of one neuron and of the embedding's geometry. x runs
to the right and y upwards, both in the order of the task's group. Arrays in, a
Figure out.

    save(neuron(network, circuit, 0), "neuron_0.png")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jaxgrok.fourier import basis
from jaxgrok.plots.circuit.spectra import (
    MOST_NAMED,
    colour_bar,
    components,
    is_named,
    key_components,
    look,
    needed,
    scale_of,
    terms,
)

if TYPE_CHECKING:
    from jaxgrok.circuits.circuit import Circuit
    from jaxgrok.circuits.network import Network

CYCLIC = "hsv"


def attention(network: Network, circuit: Circuit) -> Figure:
    """Attention from `=` to x over all pairs and, below, its Fourier components.

    One column a head. The colours of the attention go from 0 to 1 for all heads, those
    of the components are shared too, and leave the means out. Where there are few
    enough key frequencies to name, only their terms are shown, with their share of the
    variance.
    """
    to_x = needed(network.pattern, "pattern")[..., 0]
    parts = needed(circuit.attention_2d, "attention_2d").copy()
    heads = to_x.shape[-1]
    figure = Figure(figsize=(2.1 * heads + 1.7, 5.2), layout="constrained")
    above, below = figure.subplots(2, heads, squeeze=False)
    shares = ScalarMappable(Normalize(0, 1), "viridis")
    parts[:, 0, 0] = 0.0
    scale = scale_of(parts, signed=True)
    for head in range(heads):
        _grid(above[head], to_x[..., head], network, shares)
        mean = to_x[..., head].mean()
        above[head].set_title(f"head {head}: mean {mean:.2f}", fontsize=9)
        _attention_terms(below[head], parts[head], circuit, scale)
    for axes in (*above[1:], *below[1:]):
        axes.set_ylabel("")
        axes.tick_params(labelleft=False)
    colour_bar(figure, shares, list(above), "attention from = to x")
    colour_bar(figure, scale, list(below), "Fourier component")
    return figure


def _attention_terms(
    axes: Axes, parts: NDArray, circuit: Circuit, scale: ScalarMappable
) -> None:
    if not is_named(circuit):
        components(axes, parts, circuit, colours=scale)
        return
    key_components(axes, parts, circuit.key_frequencies, colours=scale)
    axes.tick_params(labelsize=6)
    rows, _ = terms(circuit.key_frequencies, circuit.order)
    total = (parts**2).sum()
    share = (parts[np.ix_(rows, rows)] ** 2).sum() / total if total else 0.0
    axes.set_title(f"key terms: {share:.0%}", fontsize=9)


def neuron(network: Network, circuit: Circuit, i: int = 0) -> Figure:
    """One neuron over all pairs, and its 2-D Fourier components with the mean removed.

    Where there are few enough key frequencies to name, a third panel magnifies their
    terms and those of the neuron's own frequency.
    """
    values = needed(network.neurons, "neurons")[..., i]
    own = int(circuit.neuron_frequency[i])
    named = is_named(circuit)
    figure = Figure(figsize=(13.2 if named else 9.2, 4.0), layout="constrained")
    panels = list(figure.subplots(1, 2 + named))
    scale = scale_of(values, signed=bool((values < 0).any()))
    _grid(panels[0], values, network, scale)
    colour_bar(figure, scale, panels[0], "activation")
    parts = basis.transform_2d(values - values.mean())
    scale = scale_of(parts, signed=True)
    components(panels[1], parts, circuit, colours=scale)
    if named:
        shown = {*circuit.key_frequencies, own} - {0}
        key_components(panels[2], parts, shown, colours=scale)
    colour_bar(figure, scale, panels[1:], "Fourier component")
    said = "it never changes"
    if own:
        share = circuit.neuron_explained[i]
        said = f"frequency {own} explains {share:.1%} of its variance"
    figure.suptitle(f"Neuron {i}, mean {values.mean():.3g}: {said}", fontsize=10)
    return figure


def _grid(axes: Axes, values: NDArray, network: Network, scale: ScalarMappable) -> None:
    """A map over all pairs [n, n]: x to the right, y upwards."""
    axes.imshow(values.T, origin="lower", **look(scale))
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        axis.set_label_text(_input_name(network, name))
        axis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(labelsize=7)


def _input_name(network: Network, name: str) -> str:
    """`x` or, where the group is not in the order of its tokens, `a, x = 3^a`."""
    elements = network.elements
    if tuple(elements) == tuple(range(len(elements))):
        return name
    exponent = {"x": "a", "y": "b"}[name]
    return f"{exponent}, {name} = {elements[1]}^{exponent}"


def pca_and_circles(network: Network, circuit: Circuit) -> Figure:
    """PCA of W_E by token, and W_E along its cosine and sine of each key frequency.

    A colour is an angle: of token a in the PCA, of k·a around a circle of frequency k,
    where a line joins the tokens in that order. Of more than MOST_NAMED key
    frequencies, those with the largest norm.
    """
    n = circuit.order
    pairs = range(0, circuit.pca.shape[1] - 1, 2)[:2]
    keys = sorted(circuit.circles, key=_norm_of(circuit), reverse=True)[:MOST_NAMED]
    keys.sort()
    count = len(pairs) + len(keys)
    columns = min(4, max(count, 2))
    rows = max(1, -(-count // columns))
    size = (2.6 * columns + 0.9, 2.65 * rows + 0.4)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(wspace=0.06))
    panels = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axes, first in zip(panels, pairs, strict=False):
        _scatter(axes, circuit.pca[:, first : first + 2], np.arange(n))
        shares = [f"{share:.0%}" for share in circuit.pca_shares[first : first + 2]]
        axes.set_xlabel(f"component {first + 1} ({shares[0]} of variance)")
        axes.set_ylabel(f"component {first + 2} ({shares[1]})")
        axes.set_title("PCA of W_E", fontsize=9)
    for axes, k in zip(panels[len(pairs) :], keys, strict=False):
        phase = k * np.arange(n) % n
        around = np.argsort(phase, kind="stable")
        points = circuit.circles[k]
        axes.plot(*points[[*around, around[0]]].T, color="#cccccc", lw=0.7, zorder=0)
        _scatter(axes, points, phase)
        axes.set(xlabel=f"along cos {k}", ylabel=f"along sin {k}")
        if 2 * k == n:
            axes.set_ylabel(f"(there is no sin {k})")
        axes.set_title(f"frequency {k}", fontsize=9)
    for axes in panels[count:]:
        axes.remove()
    if len(keys) < len(circuit.circles):
        told = f"the {len(keys)} largest of {len(circuit.circles)} key frequencies"
        figure.suptitle(told, fontsize=9)
    scale = ScalarMappable(Normalize(0, n), CYCLIC)
    label = "token a; in circles k·a mod n" if keys else "token a"
    if network.elements != tuple(range(n)):
        label = label.replace("token", "exponent")
    colour_bar(figure, scale, panels[:count], label)
    return figure


def _norm_of(circuit: Circuit) -> Callable[[int], float]:
    """The norm of W_E at a frequency, cosine and sine together."""
    norms = circuit.W_E_norms
    return lambda k: float(np.linalg.norm(norms[2 * k - 1 : 2 * k + 1]))


def _scatter(axes: Axes, points: NDArray, phase: NDArray) -> None:
    """Points [n, 2] at one scale in both directions, coloured by an angle mod n."""
    colours = ScalarMappable(Normalize(0, len(points)), CYCLIC).to_rgba(phase)
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=12,
        c=colours,
        edgecolors="#55555555",
        linewidths=0.3,
    )
    axes.set_aspect("equal", adjustable="datalim")
    axes.tick_params(labelsize=7)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
