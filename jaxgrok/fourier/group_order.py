"""A network's arrays in the order of the cyclic group that its task adds in.

>>> rows = pair_rows(task)                    # [n, n] pool row of each pair (a, b)
"""

import functools
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from jaxgrok.fourier.basis import Array
from jaxgrok.tasks import Reading, Task
from jaxgrok.tasks.modular import READABLE


class ReadableTask(Protocol):
    """A task over pairs of numbers whose operation is addition in a cyclic group."""

    def __hash__(self) -> int:
        """Hash its fields: what is computed once a task is cached."""

    @property
    def modulus(self) -> int:
        """Number of tokens that stand for numbers."""

    @property
    def read(self) -> tuple[int, ...]:
        """The one position whose logits are read."""

    @property
    def reading(self) -> Reading | None:
        """How its operation is addition or subtraction; None if it is neither."""

    @property
    def pool_size(self) -> int:
        """Number of pairs."""

    def pool(self) -> tuple[np.ndarray, np.ndarray]:
        """Return every pair: tokens [pool, pos] and labels [pool, 1]."""


def reading_of(task: Task | ReadableTask) -> Reading:
    """Return the task's Fourier reading; ValueError if it has none."""
    reading = task.reading
    if reading is None:
        raise ValueError(
            f"{task} has no Fourier reading; these operations have one: "
            + ", ".join(READABLE)
        )
    return reading


def check_is_train(task: ReadableTask, is_train: ArrayLike) -> np.ndarray:
    """Return `is_train` as bool [pool]; ValueError if it is something else."""
    train = np.asarray(is_train)
    if train.shape != (task.pool_size,) or train.dtype != bool:
        raise ValueError(
            f"is_train={train.dtype} {list(train.shape)} must be one bool for each of "
            f"the {task.pool_size} pairs of the task's pool"
        )
    return train


@functools.cache
def pair_rows(task: ReadableTask) -> np.ndarray:
    """Return the pool row of each pair (a, b) of group elements: [n, n] int."""
    tokens, _ = task.pool()
    row_of = {(int(x), int(y)): row for row, (x, y, *_) in enumerate(tokens)}
    elements = reading_of(task).elements
    n = len(elements)
    rows = np.empty((n, n), int)
    for a, b in np.ndindex(n, n):
        rows[a, b] = row_of[elements[a], elements[b]]
    return rows


def embedding(params: Mapping[str, Array]) -> Array:
    """Return W_E [vocab, model]; of an MLP, its look-up table W_in [vocab, mlp]."""
    return params["embed.W_E" if "embed.W_E" in params else "mlp.W_in"]


def neuron_logits(params: Mapping[str, Array], elements: np.ndarray) -> Array | None:
    """Return W_L = W_out @ W_U of the last layer, [mlp, n]; None without an MLP layer.

    It is the effect of a neuron on the logits of the group's elements; for an MLP
    model, W_out. The scale of a final layer norm is left out.
    """
    if "mlp.W_out" in params:
        return params["mlp.W_out"][:, elements]
    names = [name for name in params if name.endswith(".mlp.W_out")]
    if not names:
        return None
    # As a number: as text, block 10 would come before block 2.
    last = max(names, key=lambda name: int(name.split(".")[1]))
    return params[last] @ params["unembed.W_U"][:, elements]
