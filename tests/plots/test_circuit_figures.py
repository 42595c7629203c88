"""Every figure of a circuit is drawn, and no text lies on another."""

import jax
import pytest
from drawn import STAGES, measured, overlaps, planted
from matplotlib.figure import Figure

from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import read
from jaxgrok.grid import setups
from jaxgrok.plots.circuit_figures import FIGURES, figures
from tiny import config

pytestmark = pytest.mark.filterwarnings("error")

CASES = {
    "odd": {},
    "even, with n/2": {"n": 12, "keys": (3, 6), "heads": 1},
    "no key frequency": {"keys": ()},
    "attention only": {"mlp": False},
    "x-y": {"sign": -1},
    "more than can be named": {"n": 31, "keys": tuple(range(1, 15)), "width": 2},
    "the post's": {"n": 113, "keys": (14, 35, 41, 42, 52)},
}


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


MARKS = dict.fromkeys(("attention only", "the post's"), pytest.mark.long)
DRAWN = [
    pytest.param(case, id=name, marks=MARKS.get(name, pytest.mark.slow))
    for name, case in CASES.items()
]


@pytest.mark.parametrize("case", DRAWN)
def test_every_figure_is_drawn_and_no_text_lies_on_another(case):
    network, found = planted(**case)
    made = dict(figures(network, found, measured(found), STAGES))
    without = {"neuron_0", "neurons_2d", "W_L"} if network.neurons is None else set()
    assert set(made) == set(FIGURES.names()) - without
    for name, figure in made.items():
        assert overlaps(figure) == [], name


def test_without_measures_there_is_no_training_to_draw():
    assert list(dict(figures(*planted()))) == [
        "embedding_norms",
        "attention",
        "neuron_0",
        "neurons_2d",
        "logits_2d",
        "W_L",
        "pca_and_circles",
    ]


def test_a_figure_that_a_network_has_nothing_for_is_refused():
    task, model = setups.build(config(model="mlp", d_mlp=16).to_dict())
    params = jax.jit(model.init)(jax.random.key(0), task.pool()[0])["params"]
    network = read(task, model, params)
    found = circuit(network)
    assert "attention" not in dict(figures(network, found))
    assert list(dict(figures(network, found, names=["neurons_2d"]))) == ["neurons_2d"]
    with pytest.raises(
        ValueError,
        match="figure 'attention': this network has no attention; available: emb",
    ):
        next(figures(network, found, names=["attention"]))
    with pytest.raises(
        ValueError, match="figure 'nothing': there is none of this name; av"
    ):
        next(figures(network, found, names=["nothing"]))
