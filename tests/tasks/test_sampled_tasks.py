"""Tasks whose examples are drawn, against their rules written out by hand."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxgrok import tasks
from jaxgrok.tasks import Example, draw
from jaxgrok.tasks.digits import Digits
from jaxgrok.tasks.parity import Parity
from jaxgrok.tasks.repeats import Repeats
from jaxgrok.tasks.trigrams import Trigrams

KEY = jax.random.key(7)


def drawn(task, count=200):
    """Examples as NumPy arrays."""
    examples = jax.jit(draw, static_argnums=(0, 2))(task, KEY, count)
    return jax.tree.map(np.asarray, examples)


def read_of(task, examples):
    """Read positions [examples, read]."""
    if examples.read is not None:
        return examples.read
    return np.broadcast_to(np.array(task.read), examples.labels.shape)


def component_of(task, examples):
    """Component of every prediction [examples, read], as names."""
    index = np.asarray(task.component(examples.tokens, examples.labels))
    names = np.array(task.components)
    return np.broadcast_to(names[index], examples.labels.shape)


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
    examples = drawn(task)
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


@pytest.mark.parametrize("task", EVERY, ids=str)
def test_fewer_draws_are_a_prefix_of_more(task):
    few, many = drawn(task, 5), drawn(task, 50)
    for one, other in zip(jax.tree.leaves(few), jax.tree.leaves(many), strict=True):
        np.testing.assert_array_equal(one, other[:5])


@pytest.mark.parametrize("digits", [1, 2, 5, 15])
def test_digits_are_the_sum(digits):
    task = Digits(digits)
    examples = drawn(task)
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
    tokens = drawn(Digits(3), 4000).tokens
    for pos in (0, 1, 2, 4, 5, 6):
        counts = np.bincount(tokens[:, pos], minlength=10)
        assert counts.sum() == 4000 and (np.abs(counts - 400) < 100).all()


def test_each_digit_is_a_component():
    task = Digits(2)
    assert task.components == ("digit 0", "digit 1", "digit 2")
    assert component_of(task, drawn(task, 3)).tolist() == [list(task.components)] * 3


@pytest.mark.parametrize("task", [task for task in EVERY if isinstance(task, Repeats)])
def test_repeats_hold_the_subsequence_once_in_each_part(task):
    examples = drawn(task)
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
    examples = drawn(task, 2)
    assert examples.labels.shape == (2, 30)
    assert task.components == ("occurrence 2", "occurrence 3")
    names = component_of(task, examples)[0].tolist()
    assert names == ["occurrence 2"] * 15 + ["occurrence 3"] * 15


def test_repeats_in_the_form_of_the_text():
    task = Repeats(
        symbols=9, length=14, repeat_length=4, occurrences=2, begin=False, end=True
    )
    assert task.fixed_tokens == (None,) * 14 + (10,)
    assert (task.vocab_in, task.vocab_out) == (11, 10)
    assert tasks.component_names(task) == ()


def test_trigrams_have_one_large_token_and_it_is_the_answer():
    task = Trigrams(small=3, large=4, entries=5)
    assert (task.vocab_in, task.vocab_out, task.read) == (9, 4, (6,))
    assert task.fixed_tokens == (7, None, None, None, None, None, 8)
    examples, places = drawn(task, 400), set()
    for tokens, (label,) in zip(examples.tokens, examples.labels, strict=True):
        large = [(pos, t) for pos, t in enumerate(tokens[1:-1]) if t >= 3]
        ((pos, token),) = large
        assert token == 3 + label
        places.add((pos, int(label)))
    assert len(places) == 5 * 4
    names = component_of(task, examples)
    assert names[:, 0].tolist() == [f"trigram {3 + c}" for c in examples.labels[:, 0]]
    assert task.universe == 5 * 4 * 3**4


def test_parity_is_that_of_the_secret_bits():
    task = Parity(bits=10, secret=3)
    assert len(set(task.secret_bits.tolist())) == 3
    examples = drawn(task)
    for tokens, (label,) in zip(examples.tokens, examples.labels, strict=True):
        assert label == sum(int(tokens[pos]) for pos in task.secret_bits) % 2
    assert (task.universe, task.read, task.fixed_tokens[-1]) == (1024, (10,), 2)
    assert set(Parity(bits=10, secret=3, secret_seed=1).secret_bits.tolist()) != set(
        task.secret_bits.tolist()
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Digits(0), "digits=0 must be at least 1"),
        (
            lambda: Repeats(length=20, repeat_length=12, occurrences=2),
            "repeat_length=12 does not fit: length=20 is 2 parts of 10 tokens",
        ),
        (
            lambda: Repeats(length=21, repeat_length=4, occurrences=2),
            "length=21 is not a multiple of occurrences=2; take 20",
        ),
        (lambda: Repeats(repeat_length=1), "repeat_length=1 must be at least 2"),
        (lambda: Repeats(occurrences=1), "occurrences=1 must be at least 2"),
        (lambda: Repeats(symbols=1), "symbols=1 must be at least 2"),
        (lambda: Trigrams(small=0), "small=0 must be at least 1"),
        (lambda: Trigrams(large=1), "large=1 must be at least 2"),
        (lambda: Trigrams(entries=0), "entries=0 must be at least 1"),
        (
            lambda: Parity(bits=3, secret=4),
            "secret=4 must be at most bits=3",
        ),
        (lambda: Parity(bits=3, secret=0), "secret=0 must be at least 1"),
    ],
)
def test_what_is_impossible_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_example_without_read_positions_says_none():
    assert Example(0, 1).read is None
