"""Spectra of planted circuits say what was planted."""

import numpy as np
import pytest
from drawn import heights, image, measured, planted, ticks, title

from jaxgrok.fourier import basis
from jaxgrok.plots.circuit import (
    W_L,
    embedding_norms,
    embedding_norms_over_training,
    logits_2d,
    neuron,
    neurons_2d,
)

pytestmark = pytest.mark.filterwarnings("error")


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
    assert found.verdict in title(axes).replace("\n", " ")


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
    with pytest.raises(ValueError, match=r"frequency=3 must be one of \[2, 5\]"):
        W_L(network, found, 3)
    assert "no cluster" in title(W_L(*planted(keys=())).axes[0])


@pytest.mark.parametrize("draw", [neuron, neurons_2d, W_L])
def test_what_an_attention_only_network_lacks_is_said(draw):
    with pytest.raises(ValueError, match="this network has none to draw"):
        draw(*planted(mlp=False))
