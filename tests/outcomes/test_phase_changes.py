"""Phase changes that were put there are found; what has none has none."""

import numpy as np
import pytest

from jaxgrok.outcomes.phase_changes import NON_CONVEX, phase_change

STEPS = np.arange(0, 4001, 25)


def sigmoid(middle, width, low=0.01, high=2.3):
    """A loss that falls from high to low, log-linearly steepest at `middle`."""
    share = 0.5 - 0.5 * np.tanh((STEPS - middle) / (2 * width))
    return np.exp(np.log(low) + share * (np.log(high) - np.log(low)))


@pytest.mark.parametrize("middle", [800, 2000, 3210])
@pytest.mark.parametrize("width", [40, 150])
def test_a_planted_change_is_found_with_its_width(middle, width):
    found = phase_change(STEPS, sigmoid(middle, width))
    # A sigmoid falls by 1 of its 5.44 nats in so many steps around its middle.
    share = 0.5 + 0.5 / np.log(230)
    want = 2 * width * np.log(share / (1 - share))
    assert abs(found.step - middle) <= 25
    assert abs(found.width - want) <= 0.1 * want + 12
    assert found.non_convex and found.depth > 1


@pytest.mark.parametrize(
    "loss",
    [
        2.3 * np.exp(-STEPS / 500),
        2.3 * (1 + STEPS / 100.0) ** -1.5,
        1 / (STEPS + 10.0),
    ],
    ids=["exponential", "power law", "hyperbola"],
)
def test_a_convex_curve_is_said_to_be_one(loss):
    found = phase_change(STEPS, loss)
    assert found.depth < 1e-6 and not found.non_convex


def test_evaluation_noise_is_no_phase_change():
    noise = np.exp(np.random.default_rng(0).normal(scale=0.25, size=len(STEPS)))
    clean = phase_change(STEPS, sigmoid(1000, 60))
    found = phase_change(STEPS, sigmoid(1000, 60) * noise)
    assert abs(found.step - clean.step) <= 60 and found.non_convex


def test_a_rise_before_the_fall_is_not_counted():
    rising = np.where(STEPS < 1000, 2 + STEPS / 100, 0)
    falling = np.where(STEPS >= 1000, 12 * np.exp(-(((STEPS - 1000) / 700.0) ** 4)), 0)
    found = phase_change(STEPS, np.maximum(rising + falling, 1e-3))
    assert found.step > 1500 and found.non_convex


@pytest.mark.parametrize(
    "loss",
    [
        np.full(len(STEPS), 2.3),
        2.3 + STEPS / 1000,
        2.3 - STEPS / 40_000,
        np.full(len(STEPS), np.nan),
        np.zeros(len(STEPS)),
    ],
    ids=["constant", "rising", "hardly falling", "nan", "zero"],
)
def test_a_loss_that_does_not_fall_has_none(loss):
    assert phase_change(STEPS, loss) is None


def test_a_small_fall_is_found_at_half_its_size():
    found = phase_change(STEPS, sigmoid(2000, 50, low=1.2, high=2.3))
    assert abs(found.step - 2000) <= 25


@pytest.mark.parametrize("evals", [0, 1, 2])
def test_too_few_evaluations_have_none(evals):
    assert phase_change(STEPS[:evals], sigmoid(50, 5)[:evals]) is None


def test_what_is_not_finite_is_left_out():
    loss = sigmoid(2000, 50)
    loss[::7] = np.nan
    assert abs(phase_change(STEPS, loss).step - 2000) <= 50


def test_the_threshold_is_the_constant():
    assert phase_change(STEPS, sigmoid(2000, 50)).depth > NON_CONVEX


def test_a_single_outlier_is_no_fall():
    loss = sigmoid(2000, 50)
    loss[20] *= 1e-2
    assert abs(phase_change(STEPS, loss).step - 2000) <= 25
