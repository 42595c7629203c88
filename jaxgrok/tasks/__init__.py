"""What there is to learn: vocabulary, tokens and labels of every task."""

from jaxgrok.tasks.registry import TASKS, register
from jaxgrok.tasks.task import (
    Example,
    Pool,
    Reading,
    Sampled,
    Task,
    blank,
    component_names,
    draw,
    is_pool,
)

__all__ = [
    "TASKS",
    "Example",
    "Pool",
    "Reading",
    "Sampled",
    "Task",
    "blank",
    "component_names",
    "draw",
    "is_pool",
    "register",
]
