"""⊥Grad by hand, in float64; what is left of a gradient."""

import numpy as np
import pytest

from jaxgrok.training.optimisers.orthogonal import off
from stepped import RATE, adam_step, by_hand, check, run, same


def off_weights(w, g, memory, count, decay):
    left = g - (w * g).sum() / (w * w).sum() * w
    left *= np.linalg.norm(g) / np.linalg.norm(left)
    return w - RATE * (adam_step(left, memory, count) + decay * w)


def test_the_gradient_leaves_the_weights_and_keeps_its_norm():
    check(off_weights, optimiser="orthogonal")


def test_what_does_not_decay_is_projected_too():
    chosen = by_hand(off_weights, decays=lambda name: "W_E" in name)
    same(run(optimiser="orthogonal", decay_on="W_E"), chosen)


@pytest.mark.parametrize("shape", [(3,), (4, 5), (2, 3, 4)])
def test_each_parameter_is_projected_as_a_whole(shape):
    generator = np.random.default_rng(0)
    grad, weights = generator.normal(size=(2, *shape)).astype(np.float32)
    left = np.asarray(off(grad, weights), np.float64)
    scale = np.linalg.norm(grad) * np.linalg.norm(weights)
    assert abs((left * weights).sum()) < 1e-6 * scale
    np.testing.assert_allclose(np.linalg.norm(left), np.linalg.norm(grad), rtol=1e-6)


def test_weights_or_gradients_of_zero_pass():
    grad, zeros = np.arange(3, dtype=np.float32), np.zeros(3, np.float32)
    np.testing.assert_allclose(off(grad, zeros), grad, rtol=1e-6)
    np.testing.assert_array_equal(off(zeros, grad), zeros)
