"""The pace of a group, learned from its dispatches."""

import pytest

from jaxgrok.engine.pace import FIRST_STEPS, LEAST_SECONDS, Pace

SECONDS = 4 * LEAST_SECONDS


def learned(sizes, *, lane_seconds=1e-3, lanes=4):
    pace = Pace()
    for size in sizes:
        steps = round(SECONDS / lane_seconds / lanes)
        for _ in range(2):  # the first one is left out
            pace.learn(size, steps=steps, lane_steps=steps * lanes, seconds=SECONDS)
    return pace


def test_nothing_is_known_at_first():
    pace = Pace()
    assert not pace.known
    assert (pace.steps(40, 1.0), pace.seconds(40)) == (FIRST_STEPS, 0.0)


def test_the_first_dispatch_of_a_program_is_left_out():
    pace = Pace()
    pace.learn(40, steps=10, lane_steps=40, seconds=100.0)
    assert not pace.known
    pace.learn(40, steps=10, lane_steps=40, seconds=SECONDS)
    assert pace.known
    assert pace.seconds(40) == pytest.approx(SECONDS / 40)


def test_seconds_are_in_proportion_to_the_nearest_size():
    pace = learned([40, 400])
    assert pace.seconds(40) == pytest.approx(1e-3)
    assert pace.seconds(80) == pytest.approx(2e-3)  # from 40
    assert pace.seconds(380) == pytest.approx(0.95e-3)  # from 400


def test_steps_fill_the_seconds_that_are_asked_for():
    pace = learned([40])
    assert pace.steps(40, SECONDS) == pytest.approx(SECONDS / 4e-3, rel=0.02)
    assert pace.steps(40, 0.0) == 1


def test_a_pace_that_changes_is_a_range():
    pace = learned([40])
    assert pace.spread(40) == pytest.approx((1e-3, 1e-3))
    for _ in range(80):
        pace.learn(40, steps=10, lane_steps=40, seconds=40 * 5e-3)
    low, high = pace.spread(40)
    assert high == pytest.approx(5e-3, rel=0.02)
    assert 1e-3 < low < 4e-3
    assert Pace().spread(40) == (0.0, 0.0)


def test_the_past_fades():
    pace = learned([40])
    for _ in range(80):
        pace.learn(40, steps=10, lane_steps=40, seconds=40 * 5e-3)
    assert pace.seconds(40) == pytest.approx(5e-3, rel=0.02)
