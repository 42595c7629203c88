"""Repeated subsequences against their rule, written out by hand."""

import numpy as np
import pytest

from jaxgrok import tasks
from jaxgrok.tasks.repeats import Repeats
from samples import components, sample

FORMS = [
    Repeats(),
    Repeats(symbols=9, length=14, repeat_length=4, occurrences=2, end=True),
    Repeats(symbols=3, length=12, repeat_length=4, occurrences=3, begin=False),
]


@pytest.mark.parametrize("task", FORMS, ids=str)
def test_repeats_hold_the_subsequence_once_in_each_part(task):
    examples = sample(task)
    part, size = task.length // task.occurrences, task.repeat_length
    places = set()
    for tokens, labels, read in zip(*examples, strict=True):
        if task.begin:
            assert tokens[0] == 0
        if task.end:
            assert tokens[-1] == task.symbols + 1
        inside = tokens[task.begin : task.begin + task.length]
        assert inside.min() >= 1 and inside.max() <= task.symbols
        predictions = read.reshape(task.occurrences - 1, size - 1)
        starts = predictions[:, 0] - task.begin
        for number, start in enumerate(starts, 1):
            assert number * part <= start <= (number + 1) * part - size
        found = [inside[start : start + size].tolist() for start in starts]
        assert all(copy == found[0] for copy in found)
        first = [inside[i : i + size].tolist() for i in range(part - size + 1)]
        assert found[0] in first
        places.add((first.index(found[0]), *starts))
        wanted = [copy[1:] for copy in found]
        assert labels.reshape(predictions.shape).tolist() == wanted
        np.testing.assert_array_equal(tokens[read + 1], labels)
        assert (np.diff(predictions, axis=1) == 1).all()
    if part > size:
        assert len(places) > 5


def test_repeats_in_the_sizes_of_the_published_runs():
    task = Repeats()
    assert (len(task.fixed_tokens), task.vocab_in, task.vocab_out) == (85, 128, 128)
    examples = sample(task, 2)
    assert examples.labels.shape == (2, 30)
    assert task.components == ("occurrence 2", "occurrence 3")
    names = components(task, examples)[0].tolist()
    assert names == ["occurrence 2"] * 15 + ["occurrence 3"] * 15


def test_repeats_in_the_form_of_the_text():
    task = Repeats(
        symbols=9, length=14, repeat_length=4, occurrences=2, begin=False, end=True
    )
    assert task.fixed_tokens == (None,) * 14 + (10,)
    assert (task.vocab_in, task.vocab_out) == (11, 10)
    assert tasks.component_names(task) == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"length": 20, "repeat_length": 12, "occurrences": 2},
            "repeat_length=12 does not fit: length=20 is 2 parts of 10 tokens",
        ),
        (
            {"length": 21, "repeat_length": 4, "occurrences": 2},
            "length=21 is not a multiple of occurrences=2; take 20",
        ),
        ({"repeat_length": 1}, "repeat_length=1 must be at least 2"),
        ({"occurrences": 1}, "occurrences=1 must be at least 2"),
        ({"symbols": 1}, "symbols=1 must be at least 2"),
    ],
)
def test_what_is_impossible_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Repeats(**fields)
