"""What a task draws: one example, or many of them with a leading axis."""

from typing import Any, NamedTuple


class Example(NamedTuple):
    """One example; [examples, ...] where there are several.

    tokens: [pos]. labels: [read], the class that each read position should predict.
    read: [read] positions that are read, ascending, where each example has its own;
    None where they are the task's.
    """

    tokens: Any
    labels: Any
    read: Any = None
