"""The grok rule: by hand, and the same in a loop, over an array and inside jit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.outcomes.grok_rule import (
    ends_by_rule,
    evaluations_to_hold,
    first_held,
    run_length,
)

NAN = float("nan")
CONFIG = {"stop": "grokked", "accuracy_threshold": 0.9, "hold": 2, "eval_every": 10}


@pytest.mark.parametrize(
    ("values", "hold", "expected"),
    [
        ([0, 0, 1, 1, 1], 3, 200),  # a run that ends with the curve is full
        ([0, 0, 0, 1, 1], 3, None),  # two of three: censored
        ([1, 1, 0, 1, 1, 1, 0], 3, 300),  # a short run does not count
        ([1, 1, 1, 0, 0], 3, 0),  # held once, lost later: still the first
        ([1, 1, NAN, 1, 1, 1], 3, 300),  # NaN breaks a run
        ([NAN, NAN, NAN], 1, None),
        ([0, 1, 0], 1, 100),
        ([0.989999, 0.99, 0.99, 0.99], 3, 100),  # the threshold itself counts
        ([], 3, None),
    ],
)
def test_first_held_by_hand(values, hold, expected):
    steps = np.arange(len(values)) * 100
    assert first_held(steps, values, 0.99, hold) == expected


def test_first_held_returns_the_recorded_step_as_int():
    found = first_held(np.array([0, 7, 50]), np.array([0.0, 1.0, 1.0]), 0.5, 2)
    assert found == 7
    assert type(found) is int


def test_first_held_refuses_unequal_lengths_and_no_hold():
    with pytest.raises(ValueError, match=r"steps.*\(3,\).*values.*\(2,\)"):
        first_held([0, 1, 2], [1.0, 1.0], 0.5, 1)
    with pytest.raises(ValueError, match="hold=0 must be"):
        first_held([0], [1.0], 0.5, 0)


@pytest.mark.parametrize(
    ("values", "hold", "expected"),
    [
        ([], 3, 3),
        ([1, 1, 0], 3, 3),  # a run that broke does not count
        ([0, 1], 3, 2),
        ([1, 1], 3, 1),
        ([0, 1, 1, 1], 3, 0),
        ([1, 1, 1, 1, 1], 3, 0),
        ([1, NAN, 1], 2, 1),
    ],
)
def test_evaluations_to_hold_by_hand(values, hold, expected):
    assert evaluations_to_hold(values, 0.99, hold) == expected


@pytest.mark.parametrize("threshold", [0.95, 0.1, 0.99])
def test_numpy_jax_and_the_look_ahead_agree(threshold):
    # Values of float32 at, just below and just above a threshold that it cannot hold.
    at = np.float32(threshold)
    choices = [at, np.nextafter(at, np.float32(0)), np.nextafter(at, np.float32(2))]
    values = np.random.default_rng(0).choice([*choices, np.float32(NAN)], 200)
    hold = 3

    def step(length, value):
        length = run_length(length, value >= threshold)
        return length, length

    _, lengths = jax.lax.scan(step, jnp.int32(0), jnp.asarray(values))
    lengths = np.asarray(lengths)
    assert lengths.dtype == np.int32 and lengths.max() >= hold
    for end in range(1, len(values) + 1):
        expected = max(hold - int(lengths[end - 1]), 0)
        assert evaluations_to_hold(values[:end], threshold, hold) == expected
    first = int(np.flatnonzero(lengths == hold)[0]) - hold + 1
    assert first_held(np.arange(200), values, threshold, hold) == first


@pytest.mark.parametrize(
    ("past", "last", "ends"), [(0, 20, False), (0, 30, True), (10, 30, False)]
)
def test_the_rule_ends_a_cell_once_its_accuracy_was_high_for_long_enough(
    past, last, ends
):
    accuracies = [0.1, 0.2, 0.95, 0.95, 0.95][: last // 10 + 1]
    config = CONFIG | {"steps_past_grok": past}
    assert ends_by_rule(accuracies, last, config) is ends
    assert ends_by_rule(accuracies, last, config | {"stop": "steps"}) is False
