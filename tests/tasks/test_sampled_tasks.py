"""What holds for every task whose examples are drawn."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxgrok.tasks.digits import Digits
from jaxgrok.tasks.parity import Parity
from jaxgrok.tasks.repeats import Repeats
from jaxgrok.tasks.trigrams import Trigrams
from samples import sample

EVERY = [
    Digits(1),
    Digits(2),
    Digits(5),
    Repeats(),
    Repeats(symbols=9, length=14, repeat_length=4, occurrences=2, end=True),
    Repeats(symbols=3, length=12, repeat_length=4, occurrences=3, begin=False),
    Trigrams(),
    Trigrams(small=3, large=4, entries=5),
    Parity(bits=10, secret=3),
    Parity(bits=4, secret=4),
]


@pytest.mark.parametrize("task", EVERY, ids=str)
def test_shapes_types_and_fixed_tokens_are_as_declared(task):
    examples = sample(task)
    assert examples.tokens.shape == (200, len(task.fixed_tokens))
    assert examples.tokens.dtype == examples.labels.dtype == np.int32
    assert examples.tokens.min() >= 0 and examples.tokens.max() < task.vocab_in
    assert examples.labels.min() >= 0 and examples.labels.max() < task.vocab_out
    for pos, token in enumerate(task.fixed_tokens):
        if token is not None:
            assert (examples.tokens[:, pos] == token).all()
        else:
            assert len(set(examples.tokens[:, pos].tolist())) > 1
    read = read_of(task, examples)
    assert read.shape == examples.labels.shape
    assert (np.diff(read, axis=1) > 0).all()
    assert read.max() < examples.tokens.shape[1]
    assert hash(task) == hash(dataclasses.replace(task))


@pytest.mark.long
@pytest.mark.parametrize("task", EVERY, ids=str)
def test_fewer_draws_are_a_prefix_of_more(task):
    few, many = sample(task, 5), sample(task, 50)
    for one, other in zip(jax.tree.leaves(few), jax.tree.leaves(many), strict=True):
        np.testing.assert_array_equal(one, other[:5])


def read_of(task, examples):
    """Read positions [examples, read]."""
    if examples.read is not None:
        return examples.read
    return np.broadcast_to(np.array(task.read), examples.labels.shape)
