"""The basis and what is computed with it, against plain loops and literals."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.fourier import basis

SIZES = (1, 2, 3, 4, 5, 8, 31)


def test_basis_of_four_by_hand():
    half, root = 0.5, math.sqrt(0.5)
    expected = [
        [half, half, half, half],
        [root, 0, -root, 0],
        [0, root, 0, -root],
        [half, -half, half, -half],
    ]
    np.testing.assert_allclose(basis.basis(4), expected, atol=1e-15)


@pytest.mark.parametrize("p", SIZES)
def test_basis_is_the_normalised_cosines_and_sines(p):
    rows = [[1.0] * p]
    for k in range(1, p // 2 + 1):
        rows.append([math.cos(2 * math.pi * k * x / p) for x in range(p)])
        if 2 * k < p:
            rows.append([math.sin(2 * math.pi * k * x / p) for x in range(p)])
    expected = [[v / math.sqrt(sum(u * u for u in row)) for v in row] for row in rows]
    np.testing.assert_allclose(basis.basis(p), expected, atol=1e-13)


@pytest.mark.parametrize("p", SIZES)
def test_basis_is_orthonormal(p):
    rows = basis.basis(p)
    np.testing.assert_allclose(rows @ rows.T, np.eye(p), atol=1e-14)


def test_basis_is_shared_so_nobody_may_write_to_it():
    with pytest.raises(ValueError, match="read-only"):
        basis.basis(5)[0, 0] = 1


def test_no_basis_without_points():
    with pytest.raises(ValueError, match="p=0 must be at least 1"):
        basis.basis(0)


def test_frequencies_of_odd_and_even_p():
    assert basis.frequencies(5).tolist() == [0, 1, 1, 2, 2]
    assert basis.frequencies(6).tolist() == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(("p", "k", "row"), [(7, 2, 3), (8, 3, 5), (8, 4, 7)])
def test_a_cosine_has_one_component(p, k, row):
    wave = np.array([3 * math.cos(2 * math.pi * k * x / p) for x in range(p)])
    expected = np.zeros(p)
    expected[row] = 3 * math.sqrt(p if 2 * k == p else p / 2)
    np.testing.assert_allclose(basis.transform(wave), expected, atol=1e-13)


@pytest.mark.parametrize("p", [5, 6])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_transform_keeps_energy_and_comes_back(p, axis):
    shape = [2, 3, 4]
    shape[axis] = p
    x = np.random.default_rng(0).normal(size=shape)
    found = basis.transform(x, axis)
    assert found.shape == x.shape
    np.testing.assert_allclose((found**2).sum(axis), (x**2).sum(axis))
    np.testing.assert_allclose(basis.inverse(found, axis), x, atol=1e-14)
    moved = np.moveaxis(found, axis, 0)
    expected = np.einsum("jx,x...->j...", basis.basis(p), np.moveaxis(x, axis, 0))
    np.testing.assert_allclose(moved, expected, atol=1e-14)


@pytest.mark.parametrize("p", [3, 4])
def test_two_dimensional_components_by_explicit_sums(p):
    x = np.random.default_rng(1).normal(size=(p, p, 2))
    rows, found = basis.basis(p), basis.transform_2d(x)
    for i in range(p):
        for j in range(p):
            for channel in range(2):
                total = sum(
                    rows[i, a] * rows[j, b] * x[a, b, channel]
                    for a in range(p)
                    for b in range(p)
                )
                assert found[i, j, channel] == pytest.approx(total, abs=1e-13)
    np.testing.assert_allclose((found**2).sum(), (x**2).sum())
    np.testing.assert_allclose(basis.inverse_2d(found), x, atol=1e-14)


def test_energy_by_frequency_of_odd_and_even_p():
    energy = np.array([100.0, 1.0, 2.0, 3.0, 4.0])
    assert basis.by_frequency(energy, 5).tolist() == [3, 7]
    energy = np.array([[100.0, 1.0, 2.0, 3.0], [200.0, 5.0, 6.0, 7.0]])
    assert basis.by_frequency(energy, 4, axis=1).tolist() == [[3, 3], [11, 7]]


def test_split_fills_the_missing_sine_with_zeros():
    cosines, sines = basis.split(np.arange(6.0), 6)
    assert (cosines.tolist(), sines.tolist()) == ([1, 3, 5], [2, 4, 0])
    cosines, sines = basis.split(np.arange(5.0), 5)
    assert (cosines.tolist(), sines.tolist()) == ([1, 3], [2, 4])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3, 4], 0.25),
        ([4, 1, 3, 2], 0.25),
        ([2, 2, 2], 0.0),
        ([0, 0, 7, 0], 0.75),
        ([0, 0, 1, 1, 0], 0.6),
        ([0, 0, 0], 0.0),
    ],
)
def test_gini_by_hand(values, expected):
    assert float(basis.gini(np.array(values, float))) == pytest.approx(expected)


@pytest.mark.parametrize("p", [5, 6])
def test_inside_jit_as_on_the_host(p):
    x = np.random.default_rng(2).normal(size=(p, p, 3))

    def everything(x):
        squares = basis.transform(x[:, 0]) ** 2
        return (
            basis.transform(x, 1),
            basis.inverse_2d(basis.transform_2d(x) * 2),
            basis.by_frequency(squares, p),
            basis.gini(squares[:, 0]),
        )

    with jax.enable_x64(True):
        for inside, outside in zip(jax.jit(everything)(x), everything(x), strict=True):
            np.testing.assert_allclose(inside, outside, rtol=1e-12, atol=1e-13)
            assert inside.dtype == np.float64
    for inside, outside in zip(
        jax.jit(everything)(jnp.asarray(x, jnp.float32)), everything(x), strict=True
    ):
        np.testing.assert_allclose(inside, outside, rtol=1e-4, atol=1e-5)
        assert inside.dtype == np.float32
