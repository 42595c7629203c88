"""Parities of secret bits against a sum by hand."""

import pytest

from jaxgrok.tasks.parity import Parity
from samples import sample


def test_parity_is_that_of_the_secret_bits():
    task = Parity(bits=10, secret=3)
    assert len(set(task.secret_bits.tolist())) == 3
    examples = sample(task)
    for tokens, (label,) in zip(examples.tokens, examples.labels, strict=True):
        assert label == sum(int(tokens[pos]) for pos in task.secret_bits) % 2
    assert (task.universe, task.read, task.fixed_tokens[-1]) == (1024, (10,), 2)
    assert set(Parity(bits=10, secret=3, secret_seed=1).secret_bits.tolist()) != set(
        task.secret_bits.tolist()
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bits": 3, "secret": 4}, "secret=4 must be at most bits=3"),
        ({"bits": 3, "secret": 0}, "secret=0 must be at least 1"),
    ],
)
def test_what_is_impossible_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Parity(**fields)
