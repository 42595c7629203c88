"""What is added to the mean loss: nothing, or losses of chosen frequencies.

>>> term = OBJECTIVES["frequencies"].rule(setup, lane, step)     # a number
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.fields.field import MOST, Field
from jaxgrok.fields.registry import Registry
from jaxgrok.fields.values import shown
from jaxgrok.fourier.group_order import reading_of
from jaxgrok.fourier.pair_projections import fit, orthonormal, wave, waves
from jaxgrok.tasks import Example, Reading
from jaxgrok.tasks.modular import READABLE
from jaxgrok.training.losses import cross_entropy
from jaxgrok.training.method import Method

if TYPE_CHECKING:
    from jaxgrok.training.lane import Lane
    from jaxgrok.training.setup import Setup


class Step(NamedTuple):
    """What a step trains on, and what the network says of it."""

    examples: Example
    weights: jax.Array
    """[examples] weight of each in the mean loss; 0 for padding."""
    logits: jax.Array
    """[examples, read, vocab]"""


Rule: TypeAlias = Callable[["Setup", "Lane", Step], jax.Array]
"""Makes the number that is added to the mean loss."""
Objective = Method[Rule]
"""An objective and the fields that it alone has."""


def frequency_terms(setup: Setup, lane: Lane, step: Step) -> jax.Array:
    """Weigh the excluded and the trig loss of the chosen frequencies.

    Both are the loss of changed logits over the pairs of the step: the excluded loss,
    of the logits without what the frequencies explain; the trig loss, of that alone,
    with a constant for each class. What they explain is fitted over the same pairs: no
    test pair is seen. Classes and pairs are those of the task's group, without `=`.

    A positive weight on the excluded loss trains a network that does not need the
    frequencies; a negative one, one that fails without them. A positive weight on the
    trig loss trains one that needs nothing else. A term of negative weight has no
    lower bound: weight decay sets one.
    """
    reading = reading_of(setup.task)
    index = _indices(reading, setup.task.vocab_out)
    answers = jnp.asarray(index)[step.examples.labels[:, 0]]
    weights = jnp.where(answers >= 0, step.weights, 0)
    answers = jnp.maximum(answers, 0)
    table = waves(reading.order, numbers_of(setup.own["frequencies"], reading.order))
    single = wave(reading.order, lane.own["frequency"], answers)
    logits = step.logits[:, 0][:, np.array(reading.elements)]
    with jax.default_matmul_precision("highest"):
        columns = jnp.concatenate([jnp.asarray(table)[answers], single], axis=1)
        columns = columns.astype(logits.dtype)
        directions = orthonormal(columns, weights)
        constant, periodic = fit(logits, directions, weights)
    excluded, trig = (
        jnp.sum(weights * cross_entropy(changed, answers, setup.loss))
        for changed in (logits - periodic, constant + periodic)
    )
    excluded_weight = lane.own["excluded_weight"].astype(setup.dtype)
    trig_weight = lane.own["trig_weight"].astype(setup.dtype)
    term: jax.Array = excluded_weight * excluded + trig_weight * trig
    return term


@functools.cache
def _indices(reading: Reading, vocab: int) -> np.ndarray:
    """Return the group element of each class: [vocab], -1 for one that is none."""
    index = np.full(vocab, -1)
    index[list(reading.elements)] = np.arange(reading.order)
    index.setflags(write=False)
    return index


def numbers_of(frequencies: str, order: int) -> tuple[int, ...]:
    """Return the frequencies that a field names.

    Args:
        frequencies: such as "3,17".
        order: of the group; its frequencies are 1 … order//2.

    Raises:
        ValueError: it holds something else, a number twice, or one that is no
            frequency.
    """
    if not frequencies:
        return ()
    setting = f"frequencies={shown(frequencies)}"
    try:
        numbers = tuple(int(word) for word in frequencies.split(","))
    except ValueError:
        raise ValueError(
            f"{setting} must be whole numbers with commas, such as frequencies='3,17'"
        ) from None
    for number in numbers:
        _refuse_beyond(f"{setting}: {number}", number, order)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{setting} holds one twice; drop it")
    return numbers


def _refuse_beyond(words: str, number: int, order: int) -> None:
    """Refuse a number that is no frequency of a group."""
    if not 1 <= number <= order // 2:
        raise ValueError(
            f"{words} must be in 1 … {order // 2}, up to half of the {order} numbers "
            "of the group"
        )


def _refuse(setup: Setup) -> None:
    """Refuse a task without frequencies, and frequencies that it does not have."""
    if setup.task.reading is None:
        raise ValueError(
            "objective='frequencies' needs a task with a Fourier reading: task=modular "
            f"with operation={', '.join(READABLE)}"
        )
    numbers_of(setup.own["frequencies"], setup.task.reading.order)


def _refuse_numbers(setup: Setup, own: Mapping[str, Any]) -> None:
    """Refuse a lane's frequency that its task does not have, and lanes without any."""
    number = own["frequency"]
    if number:
        _refuse_beyond(f"frequency={number}", number, reading_of(setup.task).order)
    elif not setup.own["frequencies"]:
        raise ValueError(
            "objective='frequencies' needs some: give frequency=(3,), an axis, or "
            "frequencies='3,17', which are taken together"
        )


FREQUENCIES: Objective = Method(
    frequency_terms,
    fields=(
        Field(
            "frequency",
            0,
            low=0,
            high=MOST,
            help="one more frequency beside those of frequencies; 0 for none",
        ),
        Field(
            "excluded_weight",
            0.0,
            help="weight of the loss without the frequencies; negative: to need them",
        ),
        Field(
            "trig_weight",
            0.0,
            help="weight of the loss of the frequencies alone",
        ),
    ),
    static=(Field("frequencies", "", help="frequencies together, such as 3,17"),),
    refuse=_refuse,
    refuse_numbers=_refuse_numbers,
)


def _check(words: str, objective: Any) -> None:
    """Refuse an objective that is no function, or whose own fields cannot be."""
    objective.check(words, "setup, lane and step")


OBJECTIVES: Registry[Objective] = Registry(
    "objective",
    {
        "loss": Method(lambda setup, lane, step: jnp.zeros((), setup.dtype)),
        "frequencies": FREQUENCIES,
    },
    _check,
)
