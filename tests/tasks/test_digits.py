"""Sums of numbers, digit by digit, against Python's integers."""

import numpy as np
import pytest

from jaxgrok.tasks.digits import Digits
from samples import components, sample


@pytest.mark.parametrize("digits", [1, 2, 5, 15])
def test_digits_are_the_sum(digits):
    task = Digits(digits)
    examples = sample(task)
    for tokens, labels in zip(examples.tokens, examples.labels, strict=True):
        words = "".join("0123456789+="[token] for token in tokens)
        sum_of, _, answer = words.partition("=")
        x, _, y = sum_of.partition("+")
        assert len(x) == len(y) == digits and len(answer) == digits + 1
        assert int(x) + int(y) == int(answer)
        assert answer == "".join(map(str, labels))
        # Each digit of the answer is read one place before it stands.
        assert [tokens[pos + 1] for pos in task.read] == labels.tolist()


def test_the_post_s_own_example_has_this_layout():
    tokens = [1, 3, 4, 5, 2, 10, 5, 8, 3, 2, 1, 11, 0, 7, 1, 7, 7, 3]
    task = Digits(5)
    assert len(task.fixed_tokens) == len(tokens) == 18
    assert task.read == (11, 12, 13, 14, 15, 16)
    assert [t for t in task.fixed_tokens if t is not None] == [10, 11]
    assert (task.vocab_in, task.vocab_out, task.universe) == (12, 10, 10**10)
    assert int("".join(map(str, tokens[12:]))) == 13452 + 58321


def test_digits_are_uniform_and_leading_zeros_allowed():
    tokens = sample(Digits(3), 4000).tokens
    for pos in (0, 1, 2, 4, 5, 6):
        counts = np.bincount(tokens[:, pos], minlength=10)
        assert counts.sum() == 4000 and (np.abs(counts - 400) < 100).all()


def test_each_digit_is_a_component():
    task = Digits(2)
    assert task.components == ("digit 0", "digit 1", "digit 2")
    assert components(task, sample(task, 3)).tolist() == [list(task.components)] * 3


def test_a_summand_has_a_digit():
    with pytest.raises(ValueError, match="digits=0 must be at least 1"):
        Digits(0)
