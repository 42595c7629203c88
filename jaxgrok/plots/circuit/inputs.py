"""Draw activations over all pairs (x, y), and where the tokens lie.

x runs to the right and y upwards, both in the order of the task's group.

    save(neuron(network, circuit, 0), "neuron_0.png")
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jaxgrok.circuits.circuit import Circuit
from jaxgrok.circuits.network import Network
from jaxgrok.fourier import basis
from jaxgrok.plots import style
from jaxgrok.plots.circuit.fourier_axes import (
    MOST_NAMED,
    components,
    is_named,
    key_components,
    terms,
)
from jaxgrok.plots.circuit.maps import colour_bar, draw_map, require


def attention(network: Network, circuit: Circuit) -> Figure:
    """Draw attention from `=` to x over all pairs and, below, its Fourier components.

    One column a head. The colours of the attention go from 0 to 1 for all heads, those
    of the components are shared too, and leave the means out. Where there are few
    enough key frequencies to name, only their terms are drawn, with their share of the
    variance.
    """
    # [x, y, heads]: position 0 holds x.
    to_x = require(network.pattern, "pattern")[..., 0]
    parts = require(circuit.attention_2d, "attention_2d").copy()
    heads = to_x.shape[-1]
    figure = Figure(figsize=(2.1 * heads + 1.7, 5.2), layout="constrained")
    above, below = figure.subplots(2, heads, squeeze=False)
    attention_scale = ScalarMappable(Normalize(0, 1), style.MAGNITUDE_MAP)
    # The means are far larger than what varies.
    parts[:, 0, 0] = 0.0
    component_scale = style.scale_from_zero(parts, signed=True)
    for head in range(heads):
        _over_pairs(above[head], to_x[..., head], network, attention_scale)
        mean = to_x[..., head].mean()
        title = f"head {head}: mean {mean:.2f}"
        above[head].set_title(title, fontsize=style.SMALL_TITLE)
        _attention_terms(below[head], parts[head], circuit, component_scale)
    # All columns have the same axes: the first one's labels serve them all.
    for axes in (*above[1:], *below[1:]):
        axes.set_ylabel("")
        axes.tick_params(labelleft=False)
    colour_bar(figure, attention_scale, list(above), "attention from = to x")
    colour_bar(figure, component_scale, list(below), "Fourier component")
    return figure


def _attention_terms(
    axes: Axes, parts: NDArray[Any], circuit: Circuit, scale: ScalarMappable
) -> None:
    """Draw the components of a head, only the key ones if these can be named."""
    if not is_named(circuit):
        components(axes, parts, circuit, scale)
        return
    key_components(axes, parts, circuit.key_frequencies, scale)
    axes.tick_params(labelsize=style.TINY_LABEL)
    rows, _ = terms(circuit.key_frequencies, circuit.order)
    # The basis is orthonormal and the mean left out: the squares add up to the variance
    # times n². A head whose attention never changes has none.
    total = (parts**2).sum()
    share = (parts[np.ix_(rows, rows)] ** 2).sum() / total if total else 0.0
    axes.set_title(f"key terms: {share:.0%}", fontsize=style.SMALL_TITLE)


def neuron(network: Network, circuit: Circuit, i: int = 0) -> Figure:
    """Draw one neuron over all pairs, and its 2-D Fourier components without the mean.

    Where there are few enough key frequencies to name, a third panel magnifies their
    terms and those of the neuron's own frequency.

    Args:
        network: with neurons.
        circuit: with the frequency of each neuron.
        i: index of the neuron.
    """
    values = require(network.neurons, "neurons")[..., i]
    own = int(circuit.neuron_frequency[i])
    named = is_named(circuit)
    figure = Figure(figsize=(13.2 if named else 9.2, 4.0), layout="constrained")
    panels = list(figure.subplots(1, 2 + named))
    scale = style.scale_from_zero(values, signed=bool((values < 0).any()))
    _over_pairs(panels[0], values, network, scale)
    colour_bar(figure, scale, panels[0], "activation")
    # The mean would dwarf the components that vary.
    parts = basis.transform_2d(values - values.mean())
    scale = style.scale_from_zero(parts, signed=True)
    components(panels[1], parts, circuit, scale)
    if named:
        # Frequency 0 is that of a neuron that never changes.
        key_components(panels[2], parts, {*circuit.key_frequencies, own} - {0}, scale)
    colour_bar(figure, scale, panels[1:], "Fourier component")
    verdict = "it never changes"
    if own:
        share = circuit.neuron_explained[i]
        verdict = f"frequency {own} explains {share:.1%} of its variance"
    title = f"Neuron {i}, mean {values.mean():.3g}: {verdict}"
    figure.suptitle(title, fontsize=style.TITLE)
    return figure


def _over_pairs(
    axes: Axes, values: NDArray[Any], network: Network, scale: ScalarMappable
) -> None:
    """Map values over all pairs [n (x), n (y)]."""
    draw_map(axes, values.T, scale)
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        axis.set_label_text(input_name(network, name))
        axis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(labelsize=style.SMALL_LABEL)


def input_name(network: Network, name: str) -> str:
    """Name an input: `x`, or `a, x = 3^a` where the group is not in tokens' order."""
    elements = network.elements
    if tuple(elements) == tuple(range(len(elements))):
        return name
    # The token of group element a is g^a, so that element 1 is the root g itself.
    exponent = {"x": "a", "y": "b"}[name]
    return f"{exponent}, {name} = {elements[1]}^{exponent}"


def pca_and_circles(network: Network, circuit: Circuit) -> Figure:
    """Draw a PCA of W_E by token, and W_E along each key frequency's cosine and sine.

    A colour is an angle: of token a in the PCA, of k·a around a circle of frequency k,
    where a line joins the tokens in that order. Of more than MOST_NAMED key
    frequencies, those with the largest norm.
    """
    n = circuit.order
    # Principal components in pairs: (0, 1) and (2, 3), where there are so many.
    pairs = range(0, circuit.pca.shape[1] - 1, 2)[:2]
    keys = _largest_keys(circuit)
    count = len(pairs) + len(keys)
    columns = min(4, max(count, 2))
    rows = max(1, -(-count // columns))
    size = (2.6 * columns + 0.9, 2.65 * rows + 0.4)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(wspace=0.06))
    panels = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axes, first in zip(panels, pairs, strict=False):
        _draw_pca(axes, circuit, first)
    for axes, k in zip(panels[len(pairs) :], keys, strict=False):
        _draw_circle(axes, circuit, k)
    for axes in panels[count:]:
        axes.remove()
    if len(keys) < len(circuit.circles):
        title = f"the {len(keys)} largest of {len(circuit.circles)} key frequencies"
        figure.suptitle(title, fontsize=style.SMALL_TITLE)
    scale = ScalarMappable(Normalize(0, n), style.CYCLIC_MAP)
    label = "token a; in circles k·a mod n" if keys else "token a"
    if network.elements != tuple(range(n)):
        label = label.replace("token", "exponent")
    colour_bar(figure, scale, panels[:count], label)
    return figure


def _largest_keys(circuit: Circuit) -> list[int]:
    """Return the key frequencies, of too many those with the largest norm of W_E."""

    def norm(k: int) -> float:
        # Cosine and sine together.
        return float(np.linalg.norm(circuit.W_E_norms[2 * k - 1 : 2 * k + 1]))

    return sorted(sorted(circuit.circles, key=norm, reverse=True)[:MOST_NAMED])


def _draw_pca(axes: Axes, circuit: Circuit, first: int) -> None:
    """Draw the tokens along two principal components, `first` and the next."""
    _scatter(axes, circuit.pca[:, first : first + 2], np.arange(circuit.order))
    share, next_share = circuit.pca_shares[first : first + 2]
    axes.set_xlabel(f"component {first + 1} ({share:.0%} of variance)")
    axes.set_ylabel(f"component {first + 2} ({next_share:.0%})")
    axes.set_title("PCA of W_E", fontsize=style.SMALL_TITLE)


def _draw_circle(axes: Axes, circuit: Circuit, k: int) -> None:
    """Draw the tokens along the cosine and the sine of a frequency."""
    n = circuit.order
    # Token a lies k·a n-ths of a turn around the circle. Where k and n have a common
    # divisor, several share an angle: the stable sort keeps these in order.
    angles = k * np.arange(n) % n
    tokens = np.argsort(angles, kind="stable")
    points = circuit.circles[k]
    # Back to the first token, so that the line closes.
    closed = points[[*tokens, tokens[0]]]
    axes.plot(*closed.T, color=style.PALE_GREY, lw=0.7, zorder=0)
    _scatter(axes, points, angles)
    axes.set(xlabel=f"along cos {k}", ylabel=f"along sin {k}")
    if 2 * k == n:
        axes.set_ylabel(f"(there is no sin {k})")
    axes.set_title(f"frequency {k}", fontsize=style.SMALL_TITLE)


def _scatter(axes: Axes, points: NDArray[Any], angles: NDArray[Any]) -> None:
    """Draw points [n, 2] at one scale in both directions, coloured by angles mod n."""
    scale = ScalarMappable(Normalize(0, len(points)), style.CYCLIC_MAP)
    axes.scatter(
        points[:, 0],
        points[:, 1],
        s=12,
        c=scale.to_rgba(angles),
        edgecolors="#55555555",
        linewidths=0.3,
    )
    axes.set_aspect("equal", adjustable="datalim")
    axes.tick_params(labelsize=style.SMALL_LABEL)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(3))
        axis.label.set_fontsize(style.LABEL)
