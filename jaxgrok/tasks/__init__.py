"""The registry of tasks: name → frozen dataclass that describes the data.

A task owns its vocabulary, tokens and labels; it knows no model and no training.
It is a frozen dataclass (so that it is static and hashable) with the attributes of
`Task`. User code registers its own without touching the package:

    >>> jaxgrok.tasks.register("copy", Copy)      # then: config.task = "copy"
"""

from typing import Protocol

import numpy as np

from jaxgrok.tasks.modular import Modular


class Task(Protocol):
    """What the rest of the package asks of a task over a finite pool of examples."""

    @property
    def vocab_in(self) -> int:
        """Number of input tokens."""

    @property
    def vocab_out(self) -> int:
        """Number of classes of the output softmax."""

    @property
    def read(self) -> tuple[int, ...]:
        """Positions whose logits are read, ascending."""

    @property
    def fixed_tokens(self) -> tuple[int | None, ...]:
        """For each position, the token it always holds, or None: [pos]."""

    @property
    def pool_size(self) -> int:
        """Number of examples that exist."""

    def pool(self) -> tuple[np.ndarray, np.ndarray]:
        """Every example: tokens [examples, pos] and labels [examples, read]."""


TASKS: dict[str, type] = {"modular": Modular}


def register(name: str, task: type) -> None:
    """Make `task` (a frozen dataclass with the attributes of `Task`) known by name."""
    TASKS[name] = task
