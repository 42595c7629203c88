"""What a task is: its vocabulary, tokens and labels, whatever network reads them.

A task is a frozen dataclass, so that it is static and hashable, derived from `Pool`
(its examples can be listed) or `Sampled` (they are drawn):

    >>> @dataclasses.dataclass(frozen=True)
    ... class Copy(Pool):
    ...     letters: int = field(4, low=1, help="number of letters")
"""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np

Presets = Mapping[str, Mapping[str, Any]]
"""For each scale, fields of a config, whoever owns them, and their values."""

LAPTOP: Mapping[str, Any] = {
    "d_model": 32,
    "d_head": 8,
    "d_mlp": 128,
    "learning_rate": (3e-3,),
    "steps": (3_000,),
    "eval_every": 50,
    "snapshot_every": 50,
}
"""Sizes at which a modular task shows every phase in minutes on two cores."""


class Example(NamedTuple):
    """One example, or many with a leading axis [examples, ...].

    Attributes:
        tokens: [pos].
        labels: [read], the class that each read position should predict.
        read: [read], positions that are read, ascending, where each example has its
            own; None where they are the task's.
    """

    # Any: arrays of NumPy or JAX, tracers too; () where there is no training set.
    tokens: Any
    labels: Any
    read: Any = None


class Reading(NamedTuple):
    """An operation as addition in a cyclic group; group elements are numbered from 0.

    x+y and x-y add in Z_p itself. x*y and x/y add in the exponents of a primitive root,
    the discrete logarithms, which are Z_{p-1}; token 0 has none and is left out.

    Attributes:
        order: n, the number of group elements.
        elements: the token of each group element a = 0 … n-1.
        sign: +1 where the answer is a + b (mod n), -1 where it is a - b.
    """

    order: int
    elements: tuple[int, ...]
    sign: int


class Task(abc.ABC):
    """Everything that the package asks of a task; derive from `Pool` or `Sampled`.

    Attributes:
        presets: for each scale, the fields of a config that differ from their defaults.
    """

    presets: ClassVar[Presets] = {"laptop": LAPTOP}

    # A plain class attribute, such as vocab_in = 12, also defines these.
    @property
    @abc.abstractmethod
    def vocab_in(self) -> int:
        """Number of input tokens."""

    @property
    @abc.abstractmethod
    def vocab_out(self) -> int:
        """Number of classes of the output softmax."""

    @property
    @abc.abstractmethod
    def read(self) -> tuple[int, ...] | None:
        """Positions whose logits are read, ascending.

        None where each example has its own, as only drawn examples may.
        """

    @property
    @abc.abstractmethod
    def fixed_tokens(self) -> tuple[int | None, ...]:
        """For each position, the token it always holds, or None: [pos]."""

    @property
    @abc.abstractmethod
    def universe(self) -> int:
        """Number of examples that exist, or an upper bound."""

    @property
    def title(self) -> str:
        """The task in a few words, for figures."""
        return type(self).__name__.lower()

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the parts, such as digits, that a prediction can belong to."""
        return ()

    def component(self, tokens: Any, labels: Any) -> Any:
        """Tell the component of each prediction: an index [examples, read] or [read].

        Args:
            tokens: [examples, pos], or [pos].
            labels: [examples, read], or [read].
        """
        # One number a read position: every prediction belongs to component 0.
        return np.zeros(labels.shape[-1:], np.int32)

    @property
    def unembeddings(self) -> int:
        """Number of unembeddings: 1, or one for each component."""
        return 1

    @property
    def mlp_input(self) -> str:
        """How an MLP reads the tokens: "sum", "signs", or "" where it cannot."""
        return ""

    @property
    def reading(self) -> Reading | None:
        """How a Fourier transform reads the task; None where there is no way."""
        return None

    @property
    def induction(self) -> bool:
        """Whether the task rewards induction heads."""
        return False


class Pool(Task):
    """A task over a finite pool of examples, which is split into train and test."""

    @property
    @abc.abstractmethod
    def pool_size(self) -> int:
        """Number of examples that exist."""

    @abc.abstractmethod
    def pool(self) -> tuple[np.ndarray, np.ndarray]:
        """List every example: tokens [examples, pos] and labels [examples, read]."""

    @property
    def universe(self) -> int:
        return self.pool_size


class Sampled(Task):
    """A task whose examples are drawn: there are too many of them to list."""

    @abc.abstractmethod
    def sample(self, key: jax.Array) -> Example:
        """Draw one example from a JAX key: tokens [pos], labels [read]; traceable."""


def is_pool(task: Task) -> TypeGuard[Pool]:
    """Tell whether the examples of a task can be listed."""
    return isinstance(task, Pool)


def component_names(task: Task) -> tuple[str, ...]:
    """Return the parts a prediction can belong to; () where there is only one."""
    return task.components if len(task.components) > 1 else ()


def draw(task: Task, key: jax.Array, count: int) -> Example:
    """Draw `count` examples; each has a key of its own, so that fewer are a prefix."""
    assert isinstance(task, Sampled)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(count))
    examples: Example = jax.vmap(task.sample)(keys)
    return examples


def blank(task: Task) -> Example:
    """Return one example of zeros, for shapes: tokens [1, pos]."""
    if isinstance(task, Sampled):
        # Nothing is drawn: this traces the task's own code for shapes and dtypes.
        shapes = jax.eval_shape(lambda: draw(task, jax.random.key(0), 1))
        zeros: Example = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        return zeros
    # Only drawn examples may have read positions of their own.
    assert task.read is not None
    tokens = jnp.zeros((1, len(task.fixed_tokens)), jnp.int32)
    return Example(tokens, jnp.zeros((1, len(task.read)), jnp.int32))
