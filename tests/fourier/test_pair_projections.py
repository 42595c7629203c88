"""Fits over some pairs, against NumPy's least squares in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.fourier.logit_projections import by_answer, projections
from jaxgrok.fourier.pair_projections import fit, orthonormal, wave, waves

generator = np.random.default_rng(3)


def pairs_of(n, count):
    """Answers [count] of random pairs, and logits [count, n]."""
    return generator.integers(n, size=count), generator.normal(size=(count, n)) + 3


def least_squares(table, answers, logits, weights):
    """The mean of the fit by `lstsq`, and what varies around it."""
    root = np.sqrt(weights)[:, None]
    columns = table[answers]
    whole = columns @ np.linalg.lstsq(root * columns, root * logits)[0]
    mean = np.broadcast_to(np.average(logits, 0, weights), whole.shape)
    return mean, whole - mean


@pytest.mark.parametrize("frequencies", [(1,), (3, 5), (2, 6, 4)])
@pytest.mark.parametrize("n", [12, 13])
def test_a_fit_is_the_least_squares_one_over_what_counts(n, frequencies):
    answers, logits = pairs_of(n, 60)
    counts = np.arange(60) < 45
    weights = counts / 45
    table = waves(n, frequencies)
    want = least_squares(table, answers, logits, weights)
    directions = orthonormal(table[answers], weights)
    found = fit(logits, directions, weights)
    for part, truth in zip(found, want, strict=True):
        np.testing.assert_allclose(part[counts], truth[counts], atol=1e-12)
    # What does not count has no say, whatever stands there.
    again = fit(np.where(counts[:, None], logits, 1e6), directions, weights)
    np.testing.assert_allclose(again[1][counts], found[1][counts], atol=1e-12)
    lanes = jax.vmap(lambda x: fit(x, jnp.asarray(directions, x.dtype), weights))
    both = lanes(jnp.asarray(np.stack([logits, 2 * logits]), jnp.float32))
    np.testing.assert_allclose(both[1][1][counts], 2 * want[1][counts], atol=3e-5)


def test_over_all_pairs_it_is_the_projection_of_the_analysis():
    n, k = 11, 4
    logits = generator.normal(size=(n, n, n))
    grouped = by_answer(logits, 1)
    answers = np.repeat(np.arange(n), n)
    weights = np.full(n * n, 1 / n**2)
    directions = orthonormal(waves(n, (k,))[answers], weights)
    _, periodic = fit(grouped.reshape(n * n, n), directions, weights)
    whole = projections(grouped.mean(1))[..., k - 1]
    np.testing.assert_allclose(periodic, whole[answers], atol=1e-12)


def test_directions_are_orthonormal_and_dependent_ones_are_left_out():
    n = 8
    answers = generator.integers(n, size=40)
    weights = np.full(40, 1 / 40, np.float32)
    # The sine of n/2 is 0; a frequency that stands twice is explained by itself.
    table = waves(n, (4, 1, 1)).astype(np.float32)
    directions = np.asarray(orthonormal(jnp.asarray(table)[answers], weights))
    gram = directions.T @ (weights[:, None] * directions)
    want = np.diag([1, 1, 0, 1, 1, 0, 0]).astype(float)
    np.testing.assert_allclose(gram, want, atol=1e-6)


def test_fewer_pairs_than_waves_are_explained_in_full():
    n = 13
    answers = np.array([2, 5, 5, 9])
    weights = np.full(4, 0.25)
    logits = generator.normal(size=(4, n))
    directions = orthonormal(waves(n, (1, 2, 3))[answers], weights)
    constant, periodic = fit(logits, directions, weights)
    logits[1:3] = logits[1:3].mean(0)  # two pairs of one answer
    np.testing.assert_allclose(constant + periodic, logits, atol=1e-12)


@pytest.mark.parametrize("n", [12, 13])
def test_a_traced_wave_is_one_of_the_waves(n):
    answers = np.arange(n)
    for k in range(1, n // 2 + 1):
        found = wave(n, k, answers)
        scale = np.sqrt(2) if 2 * k == n else 1  # a cosine of ±1 has mean square 1
        np.testing.assert_allclose(found, scale * waves(n, (k,))[:, 1:], atol=1e-12)
        traced = jax.jit(lambda k: wave(n, k, jnp.arange(n)))(k)
        np.testing.assert_allclose(traced, found, atol=1e-6)
    assert (wave(n, 0, answers) == 0).all()
    assert (wave(12, 6, np.arange(12))[:, 1] == 0).all()


def test_waves_have_mean_square_one():
    np.testing.assert_allclose((waves(13, (2, 6)) ** 2).mean(0), 1)
    np.testing.assert_allclose((waves(12, (6,)) ** 2).mean(0), [1, 1, 0])
