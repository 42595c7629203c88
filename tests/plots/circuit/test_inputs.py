"""Activations and embeddings of planted circuits say what was planted."""

import numpy as np
import pytest
from drawn import image, planted, ticks, title

from jaxgrok.circuits.circuit import circuit
from jaxgrok.fourier import basis
from jaxgrok.plots.circuit import attention, neuron, pca_and_circles

pytestmark = pytest.mark.filterwarnings("error")


def test_a_group_in_another_order_than_its_tokens_says_so(as_read):
    network, found, _ = as_read
    assert network.elements[1] == 3
    panel = attention(network, found).axes[0]
    assert panel.get_xlabel() == "a, x = 3^a" and panel.get_ylabel() == "b, y = 3^b"
    assert attention(*planted()).axes[0].get_xlabel() == "x"


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
