"""A network's arrays in the order of the cyclic group that its task adds in.

>>> rows = pair_rows(task)                    # [n, n] pool row of each pair (a, b)
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from jaxgrok.tasks import Reading, Task
from jaxgrok.tasks.modular import READABLE


def reading_of(task: Task) -> Reading:
    """The task's Fourier reading; ValueError naming those that have one."""
    reading = task.reading
    if reading is None:
        raise ValueError(
            f"{task} has no Fourier reading; these operations have one: "
            + ", ".join(READABLE)
        )
    return reading


def check_is_train(task: Any, is_train: ArrayLike) -> np.ndarray:
    """`is_train` as bool [pool]; ValueError where it is something else."""
    train = np.asarray(is_train)
    if train.shape != (task.pool_size,) or train.dtype != bool:
        raise ValueError(
            f"is_train is {train.dtype} {list(train.shape)}: allowed is one bool for "
            f"each of the {task.pool_size} pairs of the task's pool"
        )
    return train


@functools.cache
def pair_rows(task: Any) -> np.ndarray:
    """The pool row of each pair (a, b) of group elements: [n, n] int."""
    tokens, _ = task.pool()
    row_of = {(int(x), int(y)): row for row, (x, y, *_) in enumerate(tokens)}
    elements = reading_of(task).elements
    return np.array([[row_of[x, y] for y in elements] for x in elements])


def embedding(params: Mapping[str, Any]) -> Any:
    """W_E [vocab, model]; of an MLP, whose look-up table it is, W_in [vocab, mlp]."""
    return params["embed.W_E" if "embed.W_E" in params else "mlp.W_in"]


def neuron_logits(params: Mapping[str, Any], elements: np.ndarray) -> Any:
    """W_L = W_out @ W_U of the last layer, [mlp, n]; None in an attention-only network.

    The effect of a neuron on the logits of the group's elements; of an MLP, W_out. The
    scale of a final layer norm is left out.
    """
    if "mlp.W_out" in params:
        return params["mlp.W_out"][:, elements]
    names = [name for name in params if name.endswith(".mlp.W_out")]
    if not names:
        return None
    last = max(names, key=lambda name: int(name.split(".")[1]))
    return params[last] @ params["unembed.W_U"][:, elements]
