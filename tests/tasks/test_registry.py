"""Tasks of users: what `register` takes, and what it refuses in one line."""

import dataclasses

import pytest

import jaxgrok
from jaxgrok.tasks import TASKS, Pool
from jaxgrok.tasks.modular import Modular


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(TASKS, "_entries", dict(TASKS))


@dataclasses.dataclass(frozen=True)
class Twice(Modular):
    """A shipped task with a field more."""

    times: int = 2


@dataclasses.dataclass(frozen=True)
class Partial(Pool):
    """A task that lacks most of what one needs."""

    vocab_in = 3


class Undecorated(Modular):
    """A task that is no dataclass of its own."""


def test_a_task_is_registered_from_the_package():
    jaxgrok.tasks.register("twice", Twice)
    assert TASKS["twice"](modulus=5).times == 2


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Twice(), "task 'mine' must be a class derived from jaxgrok.tasks.Pool or"),
        (int, "task 'mine' must be a class derived from jaxgrok.tasks.Pool or Sampled"),
        (Undecorated, "task 'mine' must be frozen: put @dataclasses.dataclass"),
        (Partial, "task 'mine' must define fixed_tokens, pool, pool_size, read, vocab"),
    ],
)
def test_what_is_no_complete_task_is_refused(task, message):
    with pytest.raises(ValueError, match=message) as error:
        jaxgrok.tasks.register("mine", task)
    assert "\n" not in str(error.value)


def test_a_shipped_name_is_taken():
    with pytest.raises(ValueError, match="task='modular' is taken"):
        jaxgrok.tasks.register("modular", Twice)
