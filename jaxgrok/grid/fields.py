"""Every field of a config, gathered from the dataclasses that own them.

>>> general()["weight_decay"].low
0
>>> own({"task": "parity", "model": "mlp", "optimiser": "sgd"})["bits"].default
40
"""

import functools
from collections.abc import Mapping
from typing import Any

from jaxgrok.fields.field import Field, rows
from jaxgrok.grid.settings import Settings
from jaxgrok.grid.snapshot_schedule import Schedule
from jaxgrok.models import MODELS, presets
from jaxgrok.outcomes.outcomes import Thresholds
from jaxgrok.tasks import TASKS
from jaxgrok.training.optimisers import OPTIMISERS
from jaxgrok.training.setup import Lane, Setup

OWNERS = {"task": TASKS, "model": MODELS, "optimiser": OPTIMISERS}
"""Fields that choose who owns further fields, and their registries."""


@functools.cache
def general() -> dict[str, Field]:
    """Return the fields that every config has."""
    fields: dict[str, Field] = {}
    for owner in (Settings, Setup, Thresholds, Schedule, Lane):
        fields |= rows(owner)
    return fields


def rows_of(kind: str, name: str) -> dict[str, Field]:
    """Return the fields of one task, model or optimiser.

    Args:
        kind: a key of `OWNERS`.
        name: its name in the registry.

    Raises:
        ValueError: the name is unknown, or a field has the name of a general one.
    """
    if kind == "optimiser":
        fields = OPTIMISERS[name].rows
    else:
        fields = rows(OWNERS[kind][name], plain=True)
    for field in fields:
        if field in general():
            raise ValueError(
                f"{kind} {name!r}: its field {field!r} has the name of one that every "
                "config has; choose another"
            )
    return fields


def own(values: Mapping[str, Any]) -> dict[str, Field]:
    """Return the fields of the task, model and optimiser that some values name."""
    fields: dict[str, Field] = {}
    for kind in OWNERS:
        fields |= rows_of(kind, values[kind])
    return fields


def every() -> dict[str, Field]:
    """Return the general fields, and those of everything that is registered."""
    fields = dict(general())
    for kind, registry in OWNERS.items():
        for name in registry:
            fields = rows_of(kind, name) | fields
    return fields


def traced() -> dict[str, Field]:
    """Return the traced fields, in the order of a dataset's dimensions.

    Each is a scalar of its lane, and always an axis.
    """
    fields = [field for field in every().values() if field.traced]
    return {field.name: field for field in sorted(fields, key=lambda f: f.axis_order)}


def shared() -> tuple[str, ...]:
    """Return the names of the fields that have one value for the whole sweep."""
    return tuple(name for name, field in general().items() if field.shared)


def defaults(values: Mapping[str, Any], scale: str) -> dict[str, Any]:
    """Return what a task, model and optimiser set unless a user does.

    Args:
        values: names the task, model and optimiser.
        scale: the scale whose presets to take.

    Returns:
        The fields of the three that have a default, and any field in their presets.
    """
    fields = {
        name: field.axis if field.traced else field.default
        for name, field in own(values).items()
        if field.default is not None
    }
    task = TASKS[values["task"]]
    return fields | {**presets(values["model"], scale), **task.presets.get(scale, {})}


def arguments(fields: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a dataclass' fields by attribute, to construct it."""
    present = [name for name in fields if name in values]
    return {fields[name].attribute: values[name] for name in present}
