"""What is less, and in which order, where memory is short."""

import pytest

from jaxgrok.engine.at_once import AtOnce


def ladder(first, devices, *, is_shared):
    steps, step = [], first
    while step := step.less(devices, is_shared=is_shared):
        steps.append(step)
    return steps


def test_devices_of_one_memory_first_train_fewer_blocks_then_evaluate_in_turn():
    assert ladder(AtOnce(12), 4, is_shared=True) == [
        AtOnce(4),
        AtOnce(4, in_turn=True),
        AtOnce(2, in_turn=True),
        AtOnce(1),
    ]


def test_devices_of_their_own_memory_gain_nothing_in_turn():
    assert ladder(AtOnce(4), 2, is_shared=False) == [AtOnce(2), AtOnce(1)]


@pytest.mark.parametrize(
    ("at_once", "words"),
    [
        (AtOnce(2), ""),
        (AtOnce(1), "memory is short: 1 block of 2 trains at a time"),
        (AtOnce(2, True), "memory is short: one device evaluates after the other"),
    ],
)
def test_words_say_what_is_less(at_once, words):
    assert at_once.in_words(2) == words
