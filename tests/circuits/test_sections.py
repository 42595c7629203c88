"""Weights and attention: spectra, maps, components and circles, checked by hand."""

import dataclasses
import math

import numpy as np
import pytest

import planted
from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.sections import (
    MOST_PCA,
    attention_section,
    embedding_section,
    spectrum_section,
    sum_of_squares,
)

ANGLES = 2 * np.pi * np.arange(7) / 7


def test_squares_are_summed_by_array_and_in_total():
    params = {"b": np.array([3.0]), "a": np.array([[1.0, -2.0]])}
    sums = sum_of_squares(params)
    assert sums == {"a": 5, "b": 9, "total": 14}
    assert list(sums) == ["a", "b", "total"]


def test_shares_are_of_the_squared_norms_in_the_key_frequencies():
    # Components: the constant, then cosine and sine of 1, 2 and 3.
    W_E = np.array([0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 5.0])
    W_L = np.array([0.0, 0.0, 0.0, 0.8, 0.0, 0.6, 0.0])
    fields = spectrum_section(W_E, W_L, [2], threshold=0.25)
    assert fields["W_E_frequencies"] == (1, 3)
    assert fields["W_E_share"] == 0
    assert fields["W_L_share"] == pytest.approx(0.64)
    assert fields["W_L_residual"] == pytest.approx(0.6)
    assert fields["W_E_norms"] is W_E and fields["W_L_norms"] is W_L
    assert spectrum_section(W_E, W_L, [3], 0.25)["W_E_share"] == pytest.approx(0.5)
    # At a threshold of 1 no frequency is above the largest.
    assert spectrum_section(W_E, W_L, [3], 1.0)["W_E_frequencies"] == ()


def test_a_share_past_one_leaves_no_residual():
    W_L = np.array([0.0, 0.1, 0.2, 0.0, 0.0, 0.3, 0.7])
    fields = spectrum_section(W_L, W_L, [1, 2, 3], threshold=0.25)
    assert fields["W_L_share"] == pytest.approx(1)
    assert fields["W_L_residual"] == pytest.approx(0, abs=1e-7)


def test_without_an_mlp_there_is_no_spectrum_of_it():
    W_E = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    fields = spectrum_section(W_E, None, [1], threshold=0.25)
    assert fields["W_L_norms"] is None
    unknown = fields["W_L_share"], fields["W_L_residual"], fields["gini"]["W_L"]
    assert np.isnan(unknown).all()


def test_without_key_frequencies_there_is_no_share():
    fields = spectrum_section(np.ones(7), np.ones(7), [], threshold=0.25)
    names = ("W_E_share", "W_L_share", "W_L_residual")
    assert np.isnan([fields[name] for name in names]).all()


def test_attention_is_mapped_by_head_and_component():
    pattern = np.full((5, 5, 2, 3), 1 / 3)
    pattern[..., 1, 0] = 0.5 + 0.25 * np.cos(2 * np.pi * np.arange(5) / 5)[:, None]
    pattern[..., 1, 2] = 0.2
    network = dataclasses.replace(planted.arrays(5, {1: 3.0}), pattern=pattern)
    fields = attention_section(network)
    assert fields["attention_2d"].shape == (2, 5, 5)
    # A constant c has the component 5c along F_0 F_0, cos(a) that of √(5/2)·√5.
    expected = np.zeros((2, 5, 5))
    expected[0, 0, 0], expected[1, 0, 0] = 5 / 3, 2.5
    expected[1, 1, 0] = 0.25 * math.sqrt(2.5 * 5)
    np.testing.assert_allclose(fields["attention_2d"], expected, atol=1e-13)
    np.testing.assert_allclose(fields["attention_to_equals"], [1 / 3, 0.2])


def test_a_network_without_attention_has_none_to_map():
    fields = attention_section(planted.arrays(5, {1: 3.0}))
    assert fields == {"attention_2d": None, "attention_to_equals": None}


def test_components_are_centred_ordered_and_of_a_fixed_sign():
    # Two directions of the embedding; the offset is the same in every row.
    W_E = np.stack([np.cos(ANGLES), -5 * np.cos(2 * ANGLES), 0 * ANGLES + 9], 1)
    fields = embedding_section(W_E, [])
    np.testing.assert_allclose(fields["pca_shares"], [25 / 26, 1 / 26, 0], atol=1e-12)
    first, second = fields["pca"].T[:2]
    # Of cos 2x the largest in size is at 0; of cos x it is there too.
    np.testing.assert_allclose(first, 5 * np.cos(2 * ANGLES), atol=1e-12)
    np.testing.assert_allclose(second, np.cos(ANGLES), atol=1e-12)
    assert fields["circles"] == {}


def test_the_largest_score_of_a_component_is_positive():
    generator = np.random.default_rng(0)
    for W_E in generator.normal(size=(8, 7, 6)):
        scores = embedding_section(W_E, [])["pca"]
        assert (scores.max(0) == np.abs(scores).max(0)).all()


def test_there_are_at_most_four_components():
    network = planted.noisy(7, 1)
    W_E = np.random.default_rng(0).normal(size=(7, 6))
    assert embedding_section(W_E, [])["pca"].shape == (7, MOST_PCA)
    assert circuit(network).pca.shape[1] == MOST_PCA == 4
    same_rows = embedding_section(np.ones((7, 6)), [])
    assert np.isnan(same_rows["pca_shares"]).all()


def test_a_circle_is_traversed_as_often_as_its_frequency():
    generator = np.random.default_rng(0)
    directions = np.linalg.qr(generator.normal(size=(4, 4)))[0]
    waves = [2 * np.cos(3 * ANGLES), 2 * np.sin(3 * ANGLES), np.cos(ANGLES)]
    W_E = np.stack(waves, 1) @ directions[:3]
    circle = embedding_section(W_E, [3])["circles"][3]
    expected = 2 * np.stack([np.cos(3 * ANGLES), np.sin(3 * ANGLES)], 1)
    np.testing.assert_allclose(circle, expected, atol=1e-12)


def test_half_the_order_has_no_sine():
    W_E = np.outer(np.cos(np.pi * np.arange(6)), [3.0, 4.0])
    circle = embedding_section(W_E, [3])["circles"][3]
    np.testing.assert_allclose(circle[:, 0], [5, -5] * 3)
    assert not circle[:, 1].any()
