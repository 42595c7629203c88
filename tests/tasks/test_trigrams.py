"""Skip trigrams against their rule, written out by hand."""

import pytest

from jaxgrok.tasks.trigrams import Trigrams
from samples import components, sample


def test_trigrams_have_one_large_token_and_it_is_the_answer():
    task = Trigrams(small=3, large=4, entries=5)
    assert (task.vocab_in, task.vocab_out, task.read) == (9, 4, (6,))
    assert task.fixed_tokens == (7, None, None, None, None, None, 8)
    examples, places = sample(task, 400), set()
    for tokens, (label,) in zip(examples.tokens, examples.labels, strict=True):
        large = [(pos, t) for pos, t in enumerate(tokens[1:-1]) if t >= 3]
        ((pos, token),) = large
        assert token == 3 + label
        places.add((pos, int(label)))
    assert len(places) == 5 * 4
    names = components(task, examples)
    assert names[:, 0].tolist() == [f"trigram {3 + c}" for c in examples.labels[:, 0]]
    assert task.universe == 5 * 4 * 3**4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"small": 0}, "small=0 must be at least 1"),
        ({"large": 1}, "large=1 must be at least 2"),
        ({"entries": 0}, "entries=0 must be at least 1"),
    ],
)
def test_what_is_impossible_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Trigrams(**fields)
