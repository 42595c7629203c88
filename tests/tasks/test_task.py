"""What every task inherits, and the helpers that ask a task for examples."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.tasks import Example, Pool, Sampled, Task, blank, component_names
from jaxgrok.tasks.digits import Digits
from jaxgrok.tasks.modular import Modular
from jaxgrok.tasks.parity import Parity
from jaxgrok.tasks.repeats import Repeats
from jaxgrok.tasks.task import is_pool
from samples import DRAW


@dataclasses.dataclass(frozen=True)
class Copy(Pool):
    """The least that a pool must define: the class is the letter."""

    letters: int = 4
    read = (0,)

    @property
    def vocab_in(self):
        return self.letters

    vocab_out = vocab_in

    @property
    def fixed_tokens(self):
        return (None,)

    @property
    def pool_size(self):
        return self.letters

    def pool(self):
        letters = np.arange(self.letters, dtype=np.int32)[:, None]
        return letters, letters


@dataclasses.dataclass(frozen=True)
class Keys(Sampled):
    """An example is the key that it is drawn from, and read at a place of its own."""

    vocab_in = vocab_out = universe = 2**31 - 1
    fixed_tokens = (None, None)
    read = None

    def sample(self, key):
        tokens = jax.random.key_data(key).astype(jnp.int32)
        return Example(tokens, tokens[1:], jnp.zeros(1, jnp.int32))


def test_a_pool_has_the_plain_answer_to_all_that_it_leaves_out():
    task = Copy()
    assert (task.title, task.universe, task.unembeddings) == ("copy", 4, 1)
    assert (task.components, task.mlp_input) == ((), "")
    assert task.reading is None
    assert not task.induction
    tokens, labels = task.pool()
    assert task.component(tokens, labels).tolist() == [0]
    assert task.component(tokens[0], labels[0]).tolist() == [0]
    assert task.presets["laptop"]["d_model"] == 32


@pytest.mark.parametrize("kind", [Task, Pool, Sampled])
def test_an_incomplete_task_cannot_be_made(kind):
    with pytest.raises(TypeError, match=r"abstract methods .*vocab_in"):
        kind()


def test_only_a_pool_can_be_listed():
    assert is_pool(Copy())
    assert not is_pool(Keys())


def test_one_component_needs_no_name():
    assert component_names(Digits(1)) == ("digit 0", "digit 1")
    one = Repeats(symbols=3, length=6, repeat_length=2, occurrences=2)
    assert one.components == ("occurrence 2",)
    assert component_names(one) == component_names(Copy()) == ()


def test_each_example_is_drawn_from_a_key_of_its_own():
    key = jax.random.key(7)
    tokens = DRAW(Keys(), key, 4).tokens
    assert len({tuple(row) for row in tokens.tolist()}) == 4
    last = jax.random.key_data(jax.random.fold_in(key, 3)).astype(jnp.int32)
    np.testing.assert_array_equal(tokens[3], last)


@pytest.mark.parametrize(
    ("task", "read"), [(Modular(modulus=5), 1), (Parity(bits=4, secret=2), 1)]
)
def test_a_blank_example_has_the_shapes_of_one(task, read):
    example = blank(task)
    assert example.tokens.shape == (1, len(task.fixed_tokens))
    assert example.labels.shape == (1, read)
    assert example.tokens.dtype == example.labels.dtype == np.int32
    assert not example.tokens.any()
    assert example.read is None


def test_a_blank_example_has_read_positions_where_each_has_its_own():
    example = blank(Keys())
    assert [array.shape for array in example] == [(1, 2), (1, 1), (1, 1)]
    assert not any(array.any() for array in example)


def test_an_example_without_read_positions_says_none():
    assert Example(0, 1).read is None
