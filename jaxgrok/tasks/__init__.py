"""The registry of tasks: name → frozen dataclass that describes the data.

A task owns its vocabulary, tokens and labels; it knows no model and no training. It is
a frozen dataclass (so that it is static and hashable) with the attributes of `Task`,
and either `pool` or `sample`. User code registers its own without touching the package:

    >>> jaxgrok.tasks.register("copy", Copy)      # then: config.task = "copy"
"""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.tasks.digits import Digits
from jaxgrok.tasks.example import Example
from jaxgrok.tasks.modular import Modular
from jaxgrok.tasks.multitask import Multitask
from jaxgrok.tasks.parity import Parity
from jaxgrok.tasks.repeats import Repeats
from jaxgrok.tasks.trigrams import Trigrams

__all__ = [
    "TASKS",
    "Example",
    "Pool",
    "Sampled",
    "Task",
    "blank",
    "component_names",
    "draw",
    "is_pool",
    "register",
    "title",
    "universe",
]


class Task(Protocol):
    """What the rest of the package asks of every task.

    Optional attributes: `title`, the task in a few words; `components`, names of the
    parts (digits, say) that a prediction can belong to, with a method
    `component(tokens, labels)` that tells which, an index [examples, read] or [read];
    `unembeddings`, the number of unembeddings, if each component has one of its own;
    `mlp_input`, "sum" or "signs", if an MLP can read the task (see
    `jaxgrok.models.mlp`).
    """

    @property
    def vocab_in(self) -> int:
        """Number of input tokens."""

    @property
    def vocab_out(self) -> int:
        """Number of classes of the output softmax."""

    @property
    def read(self) -> tuple[int, ...] | None:
        """Positions whose logits are read, ascending; None: each example has its own.

        Only sampled tasks may have None; their examples then say where.
        """

    @property
    def fixed_tokens(self) -> tuple[int | None, ...]:
        """For each position, the token it always holds, or None: [pos]."""


class Pool(Task, Protocol):
    """A task over a finite pool of examples, which is split into train and test."""

    @property
    def pool_size(self) -> int:
        """Number of examples that exist."""

    def pool(self) -> tuple[np.ndarray, np.ndarray]:
        """Every example: tokens [examples, pos] and labels [examples, read]."""


class Sampled(Task, Protocol):
    """A task whose examples are drawn: there are too many of them to list."""

    @property
    def universe(self) -> int:
        """Number of examples that exist, or an upper bound."""

    def sample(self, key: Any) -> Example:
        """Draw one example from a JAX key: tokens [pos], labels [read]; traceable."""


TASKS: dict[str, type] = {
    "modular": Modular,
    "digits": Digits,
    "repeats": Repeats,
    "trigrams": Trigrams,
    "parity": Parity,
    "multitask": Multitask,
}


def register(name: str, task: type) -> None:
    """Make `task` (a frozen dataclass with the attributes of `Task`) known by name."""
    TASKS[name] = task


def is_pool(task: Any) -> bool:
    """Whether the examples of a task can be listed."""
    return hasattr(task, "pool")


def universe(task: Any) -> int:
    """Number of examples that exist, or an upper bound."""
    return task.pool_size if is_pool(task) else task.universe


def component_names(task: Any) -> tuple[str, ...]:
    """Names of the parts a prediction can belong to; () where there is only one."""
    names = tuple(getattr(task, "components", ()))
    return names if len(names) > 1 else ()


def title(task: Any) -> str:
    """The task in a few words, for figures."""
    return getattr(task, "title", "") or type(task).__name__.lower()


def draw(task: Any, key: jax.Array, count: int) -> Example:
    """Draw `count` examples; each has a key of its own, so that fewer are a prefix."""
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(count))
    return jax.vmap(task.sample)(keys)


def blank(task: Any) -> Example:
    """One example of zeros, for shapes: tokens [1, pos]."""
    pos = len(task.fixed_tokens)
    if is_pool(task):
        return Example(
            jnp.zeros((1, pos), jnp.int32), jnp.zeros((1, len(task.read)), jnp.int32)
        )
    shapes = jax.eval_shape(lambda: draw(task, jax.random.key(0), 1))
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
