"""Planted datasets and networks for tests of figures, and readers of figures."""

import itertools
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.legend import Legend
from matplotlib.text import Text

from jaxgrok.circuits.assumptions import Assumptions
from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import Network
from jaxgrok.fourier import basis

NAN = float("nan")

WEIGHT_DECAYS, FRACTIONS, SEEDS = [0.0, 0.1, 1.0], [0.3, 0.7], [0, 1]

SHAPE = (3, 2, 2)

STEP = np.arange(0, 5001, 250)

# [weight_decay][train_fraction][seed]: phase, grok step
TABLE = [
    [
        [("memorisation", NAN), ("memorisation", NAN)],
        [("memorisation", NAN), ("grokking", 1600)],
    ],
    [
        [("confusion", NAN), ("", NAN)],
        [("grokking", 1000), ("grokking", 2000)],
    ],
    [
        [("diverged", NAN), ("diverged", NAN)],
        [("comprehension", 500), ("diverged", NAN)],
    ],
]

STAGES = {
    "memorisation": [0, 1400],
    "interpolation": [1400, 9000],
    "generalisation": [8000, 12000],
    "clean_up": [9000, 13000],
    "stability": [13000, 40000],
}

SHORT = np.arange(0, 101, 10)
"""Steps of `along`."""


def phase_table(**replaced) -> xr.Dataset:
    """The table as a product grid; `replaced` are per-cell variables [3, 2, 2]."""
    axes = ("weight_decay", "train_fraction", "seed")
    cells = [cell for row in TABLE for square in row for cell in square]
    phase = np.array([phase for phase, _ in cells], dtype=object).reshape(SHAPE)
    per_cell = {
        "phase": phase,
        "status": np.where(phase == "", "pending", "done").astype(object),
        "memorise_step": np.where(phase == "confusion", np.nan, 250.0),
        "grok_step": np.array([step for _, step in cells], float).reshape(SHAPE),
        "n_train": np.broadcast_to(np.array([288, 672])[:, None], SHAPE).copy(),
        "steps": np.full(SHAPE, 5000),
    } | replaced
    falling = np.broadcast_to(np.exp(-STEP / 500), (*SHAPE, len(STEP)))
    curve = np.where((phase == "")[..., None], np.nan, falling)
    names = ("train_loss", "test_loss", "max_train_loss")
    per_step = {name: curve.copy() for name in names}
    per_step |= {name: 1 - curve for name in ("train_accuracy", "test_accuracy")}
    return xr.Dataset(
        {name: (axes, value) for name, value in per_cell.items()}
        | {name: ((*axes, "step"), value) for name, value in per_step.items()}
        | {"sum_of_squares": ((*axes, "matrix"), np.ones((*SHAPE, 2)))},
        dict(zip(axes, (WEIGHT_DECAYS, FRACTIONS, SEEDS), strict=True))
        | {"step": STEP, "matrix": ["W_E", "W_U"]},
        {"title": "wd_vs_frac · test", "steps": 5000},
    )


def as_cells(product: xr.Dataset, order=None) -> xr.Dataset:
    """The same cells along one `cell` dimension."""
    axes = product["phase"].dims
    flat = product.stack(cell=axes, create_index=False)
    flat = flat.transpose("cell", ...)
    return flat if order is None else flat.isel(cell=order)


class Square(NamedTuple):
    """A polygon of a heat map, by its lower left corner and its width."""

    row: int
    column: int
    left: float
    low: float
    width: float
    colour: tuple
    hatch: str | None


def squares(axes) -> list[Square]:
    """The squares of a heat map and their strips, row by row from the left."""
    found = []
    for artist in axes.collections:
        if not isinstance(artist, PolyCollection):
            continue
        paths, colours = artist.get_paths(), artist.get_facecolors()
        for i, path in enumerate(paths):
            (left, low), (right, high) = path.vertices.min(0), path.vertices.max(0)
            place = round((low + high) / 2), round((left + right) / 2)
            colour = tuple(colours[i % len(colours)].tolist())
            square = left, low, right - left, colour, artist.get_hatch()
            found.append(Square(*place, *square))
    return sorted(found, key=lambda square: square[:3])


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def note(figure) -> str:
    return figure.legends[0].get_title().get_text()


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def planted(n=13, keys=(2, 5), *, heads=4, width=6, model=64, mlp=True, sign=1):
    """A network that adds by `keys` with `width` neurons each, and its circuit."""
    generator = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    turn = 2 * np.pi / n
    W_E = 0.02 * generator.normal(size=(n, model))
    for k in keys:
        rows = basis.basis(n)[[j for j in (2 * k - 1, 2 * k) if j < n]]
        W_E += rows.T @ generator.normal(size=(len(rows), model))
    neurons, out = [], []
    for k in keys:
        for phase in np.arange(width) * 2 * np.pi / width:
            waves = np.cos(turn * k * x + phase) + np.cos(turn * k * sign * y + phase)
            neurons.append(np.maximum(waves, 0))
            out.append(np.cos(turn * k * np.arange(n) + 2 * phase))
    for _ in range(0 if keys else 2 * width):
        neurons.append(np.maximum(generator.normal(size=(n, n)), 0))
        out.append(generator.normal(size=n))
    neurons, out = np.stack(neurons, -1), np.stack(out)
    logits = neurons @ out + 0.02 * generator.normal(size=(n, n, n))
    to_x = [
        0.45 + 0.25 * np.cos(turn * (keys or (1,))[0] * (x - y + h))
        for h in range(heads)
    ]
    to_x = np.stack(to_x, -1)
    pattern = np.stack([to_x, 0.9 - to_x, np.full_like(to_x, 0.1)], -1)
    network = Network(
        params={},
        W_E=W_E,
        logits=logits,
        labels=(x + sign * y) % n,
        is_train=None,
        neurons=neurons if mlp else None,
        pattern=pattern,
        W_L=out if mlp else None,
        sign=sign,
        elements=tuple(range(n)),
        pool_loss=np.zeros(n * n),
        pool_is_right=np.ones(n * n, bool),
        pool_is_train=None,
        classes=n,
        assumed=Assumptions(),
    )
    return network, circuit(network, key_frequencies=keys)


def measured(circuit, snaps=41, last=40_000):
    """Measures in the shape of the post's main line, by the names of `progress`."""
    n, steps = circuit.order, np.linspace(0, last, snaps).round().astype(int)
    grown = 1 / (1 + np.exp(-(steps - 0.2 * last) / (0.03 * last)))
    late = 1 / (1 + np.exp(-(steps - 0.26 * last) / (0.01 * last)))
    fit = np.exp(-steps / (0.005 * last))
    key = np.isin(np.arange(1, n // 2 + 1), circuit.key_frequencies)
    sums = {"W_E": 115.0, "W_in": 512.0, "b_in": 0.1, "W_out": 513.0, "W_U": 128.0}
    measures = {
        "steps": steps,
        "train_loss": 1e-7 + 4.7 * fit,
        "test_loss": 10 ** (0.7 + 0.7 * (1 - fit) - 7.5 * late),
        "trig_loss_all": 10 ** (0.7 - 8 * grown),
        "trig_loss_train": 10 ** (0.7 - 8.1 * grown),
        "trig_loss_test": 10 ** (0.7 - 7.9 * grown),
        "excluded_loss_2d_full": 4.7 * fit + 0.3 + 12 * grown,
        "excluded_loss_3d_full": 4.7 * fit + 0.2 + 9 * grown,
        "excluded_loss_2d": 1e-7 + 4.7 * fit[:, None] + 3 * grown[:, None] * key,
        "cos_coefficients": 40 * grown[:, None] * key * (1 + np.arange(n // 2) / n),
        "gini_W_E": 0.1 + 0.7 * grown,
        "gini_W_L": 0.1 + 0.8 * grown,
        "gini_neurons": 0.1 + 0.85 * grown,
        "attention_to_equals": np.outer(0.33 * (1.1 - grown), [1, 0.9, 0.8, 0.7]),
        "W_E_norms": 1 + grown[:, None] * (circuit.W_E_norms - 1),
    } | {f"sum_of_squares/{name}": sums[name] * (1.5 - grown) for name in sums}
    return measures | {"sum_of_squares/total": sum(sums.values()) * (1.5 - grown)}


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels() if label.get_text()]


def title(axes):
    return axes.get_title() or axes.get_title(loc="left")


def image(axes):
    (drawn,) = axes.get_images()
    return np.asarray(drawn.get_array())


def heights(axes):
    return np.array([bar.get_height() for bar in axes.patches])


def overlaps(figure):
    """Texts of a figure that lie on one another, in pairs."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    unseen = {id(text) for axes in figure.findobj(Axes) for text in not_drawn(axes)}
    texts = [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in unseen
    ]
    legends = figure.findobj(Legend)
    inside = {id(text) for legend in legends for text in legend.findobj(Text)}
    for legend in legends:
        box = legend.get_window_extent(renderer)
        for text in texts:
            other = text.get_window_extent(renderer)
            if id(text) not in inside and box.overlaps(other):
                return [("legend", text.get_text())]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    return [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1
        and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]


def not_drawn(axes):
    """Labels of ticks beyond the limits and, where axes are off, of all ticks."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not (axes.axison and low <= tick.get_loc() <= high):
                yield from (tick.label1, tick.label2)


def along(axis, values, memorise, grok, *, spikes=0.0, other=None):
    """A product over an axis and two seeds; memorise and grok steps [values, 2]."""
    dims, shape = (axis, "seed"), (len(values), 2)
    falling = np.broadcast_to(np.exp(-SHORT / 10.0), (*shape, len(SHORT)))
    per_cell = {
        "phase": np.full(shape, "grokking", object),
        "status": np.full(shape, "done", object),
        "memorise_step": np.array(memorise, float),
        "grok_step": np.array(grok, float),
        "n_train": np.full(shape, 5),
        "steps": np.full(shape, 100.0),
        "spikes": np.broadcast_to(np.asarray(spikes, float), shape).copy(),
    }
    curves = ("train_loss", "test_loss", "max_train_loss")
    curves += ("train_accuracy", "test_accuracy")
    return xr.Dataset(
        {name: (dims, value) for name, value in per_cell.items()}
        | {name: ((*dims, "step"), falling.copy()) for name in curves},
        {axis: list(values), "seed": [0, 1], "step": SHORT},
        {"title": "a test"},
    )
