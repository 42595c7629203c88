"""Portraits: the figures of planted circuits say what was planted."""

import itertools

import jax
import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import Network, read
from jaxgrok.circuits.trajectory import trajectory
from jaxgrok.fourier import basis
from jaxgrok.grid import setups
from jaxgrok.plots.circuit import (
    PORTRAITS,
    TRAINING,
    W_L,
    attention,
    embedding_norms,
    embedding_norms_over_training,
    figures,
    logits_2d,
    neuron,
    neurons_2d,
    pca_and_circles,
    phase_share,
    progress,
    seeds,
)
from tiny import config

pytestmark = pytest.mark.filterwarnings("error")

NAN = float("nan")


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
        pool_is_train=None,
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


STAGES = {
    "memorisation": [0, 1400],
    "interpolation": [1400, 9000],
    "generalisation": [8000, 12000],
    "clean_up": [9000, 13000],
    "stability": [13000, 40000],
}


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


def test_texts_on_one_another_are_seen():
    figure = Figure()
    figure.text(0.5, 0.5, "one")
    figure.text(0.5, 0.9, "above")
    assert overlaps(figure) == []
    figure.text(0.52, 0.5, "other")
    assert overlaps(figure) == [("one", "other")]
    axes = Figure().subplots()
    axes.plot([0], [0], label="line")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1))
    axes.set_title("title", loc="left")
    assert overlaps(axes.figure) == [("legend", "title")]


CASES = {
    "odd": {},
    "even, with n/2": {"n": 12, "keys": (3, 6), "heads": 1},
    "no key frequency": {"keys": ()},
    "attention only": {"mlp": False},
    "x-y": {"sign": -1},
    "more than can be named": {"n": 31, "keys": tuple(range(1, 15)), "width": 2},
    "the post's": {"n": 113, "keys": (14, 35, 41, 42, 52)},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_figure_is_drawn_and_no_text_lies_on_another(case):
    network, found = planted(**case)
    made = dict(figures(network, found, measured(found), STAGES))
    without = {"neuron_0", "neurons_2d", "W_L"} if network.neurons is None else set()
    assert set(made) == {*PORTRAITS, *TRAINING} - without
    for name, figure in made.items():
        assert overlaps(figure) == [], name


def test_without_measures_there_is_no_training_to_draw():
    assert list(dict(figures(*planted()))) == list(PORTRAITS)


@pytest.fixture(scope="module")
def as_read():
    """A network of x*y mod 7 with random weights, and measures of two snapshots."""
    task, model = setups.build(dict(config(operation="x*y")))
    like = jax.eval_shape(model.init, jax.random.key(0), task.pool()[0][:1])["params"]
    generator = np.random.default_rng(0)
    params = {name: generator.normal(size=like[name].shape) for name in like}
    is_train = np.arange(task.pool_size) % 2 == 0
    snaps = {name: np.stack([value, value]) for name, value in params.items()}
    network = read(task, model, params, is_train)
    measures = trajectory(task, model, [0, 10], snaps, is_train, (1, 3))
    return network, circuit(network, key_frequencies=(1, 3)), measures


def test_every_panel_of_a_trajectory_as_it_is_measured_has_lines(as_read):
    _, found, measures = as_read
    panels = progress(found, measures, dict.fromkeys(STAGES)).axes[1:]
    assert len(panels) == 6
    labels = [{line.get_label() for line in axes.get_lines()} for axes in panels]
    assert labels[0] == {
        "train",
        "test",
        "trig, all pairs",
        "trig, train",
        "trig, test",
        "excluded, 2-D",
        "excluded, 3-D",
    }
    assert labels[1] == labels[2] == {"k = 1", "k = 3", "other k"}
    assert {"total", "W_E", "W_pos", "W_Q", "W_out", "b_out"} <= labels[3]
    assert labels[4:] == [{"W_E", "W_L", "neurons"}, {"head 0", "head 1"}]


def test_matrices_of_two_layers_are_told_apart():
    _, found = planted()
    names = "embed.W_E", "blocks.0.attn.W_Q", "blocks.1.attn.W_Q"
    sums = {f"sum_of_squares/{name}": [1.0, 2.0] for name in names}
    _, axes = progress(found, {"steps": [0, 10]} | sums, {}).axes
    labels = [line.get_label() for line in axes.get_lines()]
    assert labels == ["W_E", "0.attn.W_Q", "1.attn.W_Q"]


def test_a_bias_is_dotted_in_the_colour_of_its_matrix():
    _, found = planted()
    names = "blocks.0.mlp.W_in", "blocks.0.mlp.b_in", "unembed.W_U", "total"
    sums = {f"sum_of_squares/{name}": [1.0, 2.0] for name in names}
    sums["sum_of_squares/blocks.0.mlp.b_in"] = [0.0, 1e-9]
    _, axes = progress(found, {"steps": [0, 10]} | sums, {}).axes
    look = [(line.get_linestyle(), line.get_color()) for line in axes.get_lines()]
    (solid, colour), (dotted, same), (_, other), (dashed, black) = look
    assert (solid, dotted, dashed, black) == ("-", ":", "--", "black")
    assert colour == same != other
    assert axes.get_ylim()[0] == pytest.approx(2e-4)  # four decades below the largest
    labels = [line.get_label() for line in axes.get_lines()]
    assert labels == ["W_in", "b_in (below)", "W_U", "total"]


def test_a_group_in_another_order_than_its_tokens_says_so(as_read):
    network, found, _ = as_read
    assert network.elements[1] == 3
    panel = attention(network, found).axes[0]
    assert panel.get_xlabel() == "a, x = 3^a" and panel.get_ylabel() == "b, y = 3^b"
    assert attention(*planted()).axes[0].get_xlabel() == "x"


def test_embedding_norms_are_bars_in_the_order_of_the_basis():
    network, found = planted()
    (axes,) = embedding_norms(network, found).axes
    np.testing.assert_array_equal(heights(axes), found.W_E_norms)
    centres = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
    np.testing.assert_allclose(centres[:5], [0.25, 0.75, 1.25, 1.75, 2.25])
    colours = [bar.get_facecolor() for bar in axes.patches]
    assert colours[1::2] == [colours[1]] * 6 and colours[2::2] == [colours[2]] * 6
    assert len({*colours[:3]}) == 3
    assert ticks(axes.xaxis) == ["2", "5"]
    assert found.verdict in title(axes)


def test_embedding_norms_over_training_are_of_the_nearest_snapshots():
    _, found = planted()
    measures = measured(found)
    figure = embedding_norms_over_training(found, measures, at=(0, 8_400, 1e9))
    assert len(figure.axes) == 3
    for axes, row in zip(figure.axes, (0, 8, 40), strict=True):
        np.testing.assert_array_equal(heights(axes), measures["W_E_norms"][row])
        step = measures["steps"][row]
        assert axes.texts[0].get_text() == f"step {step // 1000}k".replace(" 0k", " 0")
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    every = embedding_norms_over_training(found, measures).axes
    assert [axes.texts[0].get_text() for axes in every][::5] == ["step 0", "step 40k"]


def test_attention_is_on_one_scale_and_its_components_are_centred_at_zero():
    network, found = planted()
    panels = attention(network, found).axes[:8]
    for head in range(4):
        to_x = network.pattern[:, :, head, 0]
        np.testing.assert_array_equal(image(panels[head]), to_x.T)
        assert panels[head].get_images()[0].get_clim() == (0, 1)
        low, high = panels[4 + head].get_images()[0].get_clim()
        parts = basis.transform_2d(to_x)
        assert -low == high >= np.abs(parts[1:, 1:]).max()
        rows = [0, 3, 4, 9, 10]
        shown = image(panels[4 + head])
        np.testing.assert_allclose(shown[1:, 1:], parts[np.ix_(rows, rows)].T[1:, 1:])
    names = ["1", "cos 2", "sin 2", "cos 5", "sin 5"]
    assert ticks(panels[4].xaxis) == ticks(panels[4].yaxis) == names
    assert title(panels[4]) == "key terms: 100%"


def test_a_neuron_on_the_grid_and_its_components():
    network, found = planted()
    grid_panel, whole, key = neuron(network, found, 7).axes[:3]
    values = network.neurons[..., 7]
    parts = basis.transform_2d(values - values.mean())
    np.testing.assert_array_equal(image(grid_panel), values.T)
    np.testing.assert_array_equal(image(whole), parts.T)
    assert whole.get_images()[0].get_extent() == [0, 6.5, 0, 6.5]
    np.testing.assert_array_equal(image(key)[0, 1:3], parts[[3, 4], 0])
    assert grid_panel.get_images()[0].get_clim() == (0, values.max())
    low, high = whole.get_images()[0].get_clim()
    assert -low == high == np.abs(parts).max()


def test_a_signed_activation_has_colours_centred_at_zero():
    network, found = planted()
    network.neurons[0, 0, 0] = -5.0
    panel = neuron(network, found).axes[0]
    assert panel.get_images()[0].get_clim() == (-5, 5)


def test_a_neuron_whose_frequency_is_not_key_is_shown_with_its_own_terms():
    network, _ = planted()
    other = circuit(network, key_frequencies=(2,))
    assert "cos 5" in ticks(neuron(network, other, 7).axes[2].xaxis)


@pytest.mark.parametrize(
    ("draw", "field"), [(neurons_2d, "neurons_2d"), (logits_2d, "logits_2d")]
)
def test_norms_in_two_dimensions(draw, field):
    network, found = planted()
    norms = getattr(found, field)
    norms[3, 0], norms[0, 0] = 700.0, 900.0
    figure = draw(network, found)
    np.testing.assert_array_equal(image(figure.axes[0]), norms.T)
    assert figure.axes[0].get_images()[0].get_clim() == (0, 700)
    assert ticks(figure.axes[0].xaxis) == ["2", "5"]
    assert "900, off the scale" in figure.get_suptitle()
    assert image(figure.axes[1])[0, 1] == 700.0  # cos 2 of x is to the right


def test_neighbours_that_would_overlap_share_a_name_but_not_a_tick():
    network, found = planted(113, (14, 35, 41, 42, 52))
    axis = logits_2d(network, found).axes[0].xaxis
    assert ticks(axis) == ["14", "35", "41, 42", "52"]
    assert list(axis.get_minorticklocs()) == [14, 35, 41, 42, 52]


def test_W_L_of_a_cluster():
    network, found = planted()
    above, below = W_L(network, found, 5).axes[:2]
    parts = basis.transform(network.W_L[list(found.clusters[5])], axis=1)
    shown = image(below)
    np.testing.assert_allclose(np.sort(shown, axis=0), np.sort(parts, axis=0))
    assert (np.diff(np.arctan2(shown[:, 10], shown[:, 9])) >= 0).all()
    np.testing.assert_allclose(heights(above), found.W_L_clusters[5], atol=1e-9)
    low, high = below.get_images()[0].get_clim()
    assert -low == high == np.abs(parts).max()


def test_W_L_is_by_default_of_the_largest_cluster_and_refuses_one_there_is_not():
    network, found = planted()
    found.clusters[5] += (0,)
    assert "7 neurons of frequency 5" in title(W_L(network, found).axes[0])
    with pytest.raises(ValueError, match=r"frequency = 3: clusters are \[2, 5\]"):
        W_L(network, found, 3)
    assert "no cluster" in title(W_L(*planted(keys=())).axes[0])


@pytest.mark.parametrize("draw", [neuron, neurons_2d, W_L])
def test_what_an_attention_only_network_lacks_is_said(draw):
    with pytest.raises(ValueError, match="this network has none to draw"):
        draw(*planted(mlp=False))


def test_pca_and_a_circle_for_every_key_frequency():
    network, found = planted()
    panels = pca_and_circles(network, found).axes[:4]
    titles = ["PCA of W_E", "PCA of W_E", "frequency 2", "frequency 5"]
    assert [title(axes) for axes in panels] == titles
    expected = found.pca[:, :2], found.pca[:, 2:4], found.circles[2], found.circles[5]
    for axes, points in zip(panels, expected, strict=True):
        np.testing.assert_array_equal(axes.collections[0].get_offsets(), points)
        assert axes.get_aspect() == 1
    by_token, by_phase = (panels[i].collections[0].get_facecolors() for i in (0, 2))
    np.testing.assert_array_equal(by_phase, by_token[2 * np.arange(13) % 13])
    line = panels[2].get_lines()[0].get_xydata()
    np.testing.assert_array_equal(line[:3], found.circles[2][[0, 7, 1]])


def test_of_many_circles_those_of_the_largest_norm_are_drawn():
    network, found = planted(31, tuple(range(1, 15)), width=2)
    found.W_E_norms[[1, 2, 5, 6]] = 0.0
    figure = pca_and_circles(network, found)
    titles = [title(axes) for axes in figure.axes]
    assert sum("frequency" in text for text in titles) == 12
    assert not {"frequency 1", "frequency 3"} & set(titles)
    assert figure.get_suptitle() == "the 12 largest of 14 key frequencies"


def test_progress_draws_what_it_is_given():
    _, found = planted()
    measures = measured(found)
    stages, losses, excluded, coefficients, sums, gini, heads = progress(
        found, measures, STAGES
    ).axes
    lines = {line.get_label(): line for line in losses.get_lines()}
    np.testing.assert_array_equal(lines["test"].get_xdata(), measures["steps"])
    np.testing.assert_array_equal(lines["test"].get_ydata(), measures["test_loss"])
    assert [axes.get_yscale() for axes in (losses, excluded, sums)] == ["log"] * 3
    assert coefficients.get_yscale() == "linear"
    lines = {line.get_label(): line for line in coefficients.get_lines()}
    of_five = measures["cos_coefficients"][:, 4]
    np.testing.assert_array_equal(lines["k = 5"].get_ydata(), of_five)
    assert len(coefficients.get_lines()) == len(excluded.get_lines()) == 6
    assert gini.get_ylim() == heads.get_ylim() == (0, 1)
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in stages.patches]
    assert spans == [tuple(span) for span in STAGES.values()]
    assert len({bar.get_y() for bar in stages.patches}) == 5
    for axes in (losses, heads):
        shaded = [(p.get_x(), p.get_x() + p.get_width()) for p in axes.patches]
        assert shaded == spans


def test_progress_without_some_measures_and_stages():
    _, found = planted(keys=())
    measures = {"steps": [0, 10], "test_loss": [4.0, 0.0], "gini_W_E": [0.1, NAN]}
    measures["train_loss"] = [NAN, NAN]  # where the train pairs are unknown
    stages = {"memorisation": [0, 10], "clean_up": None}
    top, losses, gini = progress(found, measures, stages).axes
    assert ticks(top.yaxis)[0] == "memorisation"
    assert all(name.endswith("(none)") for name in ticks(top.yaxis)[1:])
    assert np.isnan(losses.get_lines()[0].get_ydata()[1])  # no log of zero
    assert [line.get_label() for line in losses.get_lines()] == ["test"]
    assert gini.get_ylabel() == "Gini"


ROWS = [
    {"seed": 0, "key_frequencies": [2, 5], "clusters": {"2": [0, 1, 2], "5": [3]}},
    {"seed": 1, "key_frequencies": [5, 6], "clusters": {5: 4}, "grok_step": 900},
    {"seed": 2, "key_frequencies": [], "clusters": {}, "grok_step": NAN},
]
ROWS = [{"order": 13, "grok_step": None, "cell": i + 7} | r for i, r in enumerate(ROWS)]


def test_seeds_show_which_frequencies_how_many_how_large_and_when():
    figure = seeds(ROWS)
    raster, number, clusters, steps, below = figure.axes[:5]
    squares = [p for p in raster.patches if isinstance(p, Rectangle)]
    at = [tuple(np.add(p.get_xy(), (0.45, 0.4)).round(6)) for p in squares]
    assert at == [(2, 0), (5, 0), (5, 1), (6, 1)]
    by_size = {p.get_facecolor() for p in squares}
    assert len(by_size) == 4  # clusters of 3, 1, 4 and no neurons
    assert [bar.get_width() for bar in number.patches] == [2, 2, 0]
    assert [bar.get_width() for bar in clusters.patches] == [3, 1, 4]
    assert [bar.get_x() for bar in clusters.patches] == [0, 3, 0]
    np.testing.assert_array_equal(steps.get_lines()[0].get_xdata(), [NAN, 900, NAN])
    assert [text.get_position()[1] for text in steps.texts] == [0, 2]
    assert {text.get_text() for text in steps.texts} == {"not grokked"}
    assert heights(below).tolist() == [1, 2, 1]
    assert raster.get_ylabel() == "seed" and ticks(raster.yaxis) == ["0", "1", "2"]
    assert below.get_ylabel() == "seeds"
    assert overlaps(figure) == []


def test_rows_with_the_same_seed_are_named_by_their_cells():
    rows = [row | {"seed": 0} for row in ROWS]
    raster = seeds(rows).axes[0]
    assert raster.get_ylabel() == "cell" and ticks(raster.yaxis) == ["7", "8", "9"]


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="table is empty"):
        seeds([])


SHARE = [[0.25, NAN, 1.0], [0.5, 0.0, NAN]]
LEAD = [[1600.0, NAN, 12_500.0], [0.0, 800.0, NAN]]
AXES = {"x_values": [0.1, 1.0, 3.0], "y_values": [0.3, 0.5]}


def test_shares_and_leads_are_squares_and_nan_is_none():
    figure = phase_share(SHARE, LEAD, title="wd_vs_frac", **AXES)
    left, right = figure.axes[:2]
    words = {t.get_position(): t.get_text() for t in left.texts}
    assert words == {(0, 0): "0.25", (2, 0): "1.00", (0, 1): "0.50", (1, 1): "0.00"}
    assert [t.get_text() for t in right.texts] == ["1.6k", "12.5k", "0", "800"]
    for axes in (left, right):
        hatched = [p.get_xy() for p in axes.patches if p.get_hatch()]
        np.testing.assert_allclose(hatched, [(0.54, -0.46), (1.54, 0.54)])
        assert ticks(axes.xaxis) == ["0.1", "1", "3"]
        assert ticks(axes.yaxis) == ["0.3", "0.5"]
        assert axes.get_xlabel() == "weight decay"
        assert axes.get_ylabel() == "train fraction"
    colours = [p.get_facecolor() for p in left.patches if not p.get_hatch()]
    assert len(set(colours)) == 4
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "none: no sparse spectrum, no grok, or no rise"
    ]
    assert overlaps(figure) == []


def test_a_share_has_the_same_colour_whatever_the_others_are():
    def colour(share):
        return phase_share(share, share, x_values=[1], y_values=[1, 2]).axes[0].patches

    one, other = colour([[0.3], [0.4]]), colour([[0.3], [0.9]])
    assert one[0].get_facecolor() == other[0].get_facecolor()
    assert one[1].get_facecolor() != other[1].get_facecolor()


def test_a_lead_below_zero_centres_the_colours_there():
    figure = phase_share(SHARE, np.negative(LEAD), **AXES)
    assert figure.axes[1].texts[0].get_text() == "−1.6k"
    colours = [p.get_facecolor() for p in figure.axes[1].patches if not p.get_hatch()]
    middle = matplotlib.colormaps["PuOr"](0.5)
    np.testing.assert_allclose(colours[2], middle)


def test_nothing_measured_at_all():
    nothing = np.full((2, 3), NAN)
    left = phase_share(nothing, nothing, **AXES).axes[0]
    assert len(left.patches) == 6 and not left.texts


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"lead has shape \(3, 2\).*\(2, 3\)"):
        phase_share(SHARE, np.transpose(LEAD), **AXES)


def test_a_figure_that_a_network_has_nothing_for_is_refused():
    task, model = setups.build(dict(config(model="mlp", d_mlp=16)))
    params = jax.jit(model.init)(jax.random.key(0), task.pool()[0])["params"]
    network = read(task, model, params)
    found = circuit(network)
    assert "attention" not in dict(figures(network, found))
    assert list(dict(figures(network, found, names=["neurons_2d"]))) == ["neurons_2d"]
    with pytest.raises(ValueError, match="'attention' shows attention, which this"):
        next(figures(network, found, names=["attention"]))
    with pytest.raises(ValueError, match="'nothing' is unknown; there are embedding"):
        next(figures(network, found, names=["nothing"]))


def test_without_key_frequencies_the_clusters_are_shown():
    row = {"order": 11, "key_frequencies": (), "grok_step": 100}
    table = [
        row | {"seed": 0, "clusters": {1: 4, 3: 2}},
        row | {"seed": 1, "clusters": {}},
    ]
    figure = seeds(table)
    raster, how_many = figure.axes[0], figure.axes[1]
    squares = [(p.get_x() + 0.45, p.get_y() + 0.4) for p in raster.patches]
    np.testing.assert_allclose(sorted(squares), [(1, 0), (3, 0)])
    assert how_many.get_xlabel() == "clusters"
    table[1]["key_frequencies"] = (2,)
    assert seeds(table).axes[1].get_xlabel() == "key frequencies"
