"""The tasks that a config can name; user code registers its own.

>>> jaxgrok.tasks.register("copy", Copy)      # then: config.task = "copy"
"""

import inspect
from typing import Any

from jaxgrok.fields.registry import Registry
from jaxgrok.tasks.digits import Digits
from jaxgrok.tasks.modular import Modular
from jaxgrok.tasks.multitask import Multitask
from jaxgrok.tasks.parity import Parity
from jaxgrok.tasks.repeats import Repeats
from jaxgrok.tasks.task import Pool, Sampled, Task
from jaxgrok.tasks.trigrams import Trigrams


def _check(words: str, task: Any) -> None:
    """Refuse what is not a complete, frozen dataclass of a task."""
    if not isinstance(task, type) or not issubclass(task, Pool | Sampled):
        raise ValueError(
            f"{words} must be a class derived from jaxgrok.tasks.Pool or Sampled, "
            f"not {task!r:.60}"
        )
    # In the class itself: a subclass without the decorator would inherit its parent's
    # parameters, while its own annotations became no fields.
    parameters = vars(task).get("__dataclass_params__")
    if parameters is None or not parameters.frozen:
        raise ValueError(
            f"{words} must be frozen: put @dataclasses.dataclass(frozen=True) before "
            f"class {task.__name__}"
        )
    if inspect.isabstract(task):
        missing = ", ".join(sorted(task.__abstractmethods__))
        raise ValueError(f"{words} must define {missing}; see jaxgrok.tasks.Task")


TASKS: Registry[type[Task]] = Registry(
    "task",
    {
        "modular": Modular,
        "digits": Digits,
        "repeats": Repeats,
        "trigrams": Trigrams,
        "parity": Parity,
        "multitask": Multitask,
    },
    _check,
)


def register(name: str, task: type[Task]) -> None:
    """Make a task known by name.

    Args:
        name: what `config.task` calls it.
        task: a frozen dataclass derived from `Pool` or `Sampled`.

    Raises:
        ValueError: the name is taken, or the class is not a complete task.
    """
    TASKS.register(name, task)
