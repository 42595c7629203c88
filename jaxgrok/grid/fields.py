"""Every field of a config, collected from the dataclasses that own them.

>>> general()["weight_decay"].low
0
>>> own({"task": "parity", "model": "mlp", "optimiser": "sgd"})["bits"].default
40
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from jaxgrok.fields.field import MOST, MOST_WIDE, Field, field, rows
from jaxgrok.fields.registry import Registry
from jaxgrok.grid.snapshot_schedule import Schedule
from jaxgrok.models import MODELS, presets
from jaxgrok.outcomes.outcomes import Thresholds
from jaxgrok.tasks import TASKS
from jaxgrok.training.lane import Lane
from jaxgrok.training.method import Method
from jaxgrok.training.objectives import OBJECTIVES
from jaxgrok.training.optimisers import OPTIMISERS
from jaxgrok.training.optimisers.schedules import SCHEDULES
from jaxgrok.training.setup import Setup


@dataclasses.dataclass(frozen=True)
class Settings:
    """The fields of a sweep as a whole, and those that choose the owners of others.

    It holds their rows; no object of it is made.
    """

    scale: str = field(
        "laptop",
        shared=True,
        decides=False,
        help="name of the sizes, written --grid FILE:SCALE; a label afterwards",
    )
    task: str = field("modular", help="what there is to learn")
    model: str = field("transformer", help="the network")
    train_fraction: float = field(
        0.3,
        traced=True,
        above=0,
        high=1,
        axis_order=110,
        help="share of the pool to train on, rounded down; or give n_train",
    )
    train_size: int = field(
        0,
        low=0,
        high=MOST,
        shared=True,
        decides=False,
        unit="examples",
        help="size that every training set is padded to; 0 rounds n_train up, to few "
        "programs",
    )
    block_width: int = field(
        0,
        low=0,
        high=MOST_WIDE,
        shared=True,
        decides=False,
        unit="lanes",
        help="lanes of a block, the unit of rounding; 0 for the device's default",
    )
    snapshots: str = field(
        "none",
        shared=True,
        decides=False,
        help="cells whose parameters are kept: none, all, phases (one of each), or "
        "selectors, as seed=0;seed=1",
    )
    final_states: str = field(
        "small",
        choices=("small", "all", "none"),
        shared=True,
        decides=False,
        help="last lanes of cells that spend their budget, from which a longer one "
        "goes on: small, kept while all take less than 1 GB; all; none",
    )
    zip: str = field(
        "", shared=True, decides=False, help="axes that go in step, as seed,steps"
    )
    chain: dict[str, Any] = field(
        {},
        shared=True,
        decides=False,
        help="grids one after the other: a dict of fields for each part",
    )


METHODS: dict[str, Registry[Method[Any]]] = {
    "optimiser": OPTIMISERS,
    "schedule": SCHEDULES,
    "objective": OBJECTIVES,
}
"""Fields that choose a method of training, and their registries."""
OWNERS: dict[str, Registry[Any]] = {"task": TASKS, "model": MODELS, **METHODS}
"""Fields that choose who owns further fields, and their registries."""


# Cached, unlike `every`: its owners are fixed, while registries grow.
@functools.cache
def general() -> dict[str, Field]:
    """Return the fields that every config has."""
    fields: dict[str, Field] = {}
    for owner in (Settings, Setup, Thresholds, Schedule, Lane):
        fields |= rows(owner)
    return fields


@functools.cache
def neutral() -> dict[str, Any]:
    """Return the fields that a config may lack, at what they are then."""
    return {name: row.default for name, row in general().items() if row.neutral}


def rows_of(kind: str, name: str) -> dict[str, Field]:
    """Return the fields of one task, model or method.

    Args:
        kind: a key of `OWNERS`.
        name: its name in the registry.

    Raises:
        ValueError: the name is unknown, or a field has the name of a general one.
    """
    if kind in METHODS:
        fields = METHODS[kind][name].rows
    else:
        # A user's task or model need not describe its attributes with `field`.
        fields = rows(OWNERS[kind][name], plain=True)
    for clash in fields.keys() & general().keys():
        raise ValueError(
            f"{kind} {name!r}: its field {clash!r} has the name of one that every "
            "config has; choose another"
        )
    return fields


def own(values: Mapping[str, Any]) -> dict[str, Field]:
    """Return the fields of the task, model and methods that some values name."""
    values = neutral() | dict(values)
    fields: dict[str, Field] = {}
    for kind in OWNERS:
        further = rows_of(kind, values[kind])
        for name in fields.keys() & further.keys():
            raise ValueError(
                f"{kind} {values[kind]!r}: its field {name!r} is also one of the "
                "task's, model's or methods' beside it; rename one of them"
            )
        fields |= further
    return fields


def every() -> dict[str, Field]:
    """Return the general fields, and those of everything that is registered."""
    fields = dict(general())
    for kind, registry in OWNERS.items():
        for name in registry:
            # Where several have a field of one name, the first one's row stands for it.
            fields = rows_of(kind, name) | fields
    return fields


def named(name: str) -> list[Field]:
    """Return the fields of one name of all tasks, models and optimisers."""
    fields: list[Field] = []
    for kind, registry in OWNERS.items():
        for owner in registry:
            row = rows_of(kind, owner).get(name)
            if row is not None:
                fields.append(row)
    return fields


def traced() -> dict[str, Field]:
    """Return the traced fields, in the order of a dataset's dimensions.

    Each is a scalar of its lane, and always an axis.
    """
    fields = [row for row in every().values() if row.traced]
    return {row.name: row for row in sorted(fields, key=lambda f: f.axis_order)}


def shared() -> tuple[str, ...]:
    """Return the names of the fields that have one value for the whole sweep."""
    return tuple(name for name, row in general().items() if row.shared)


def defaults(values: Mapping[str, Any], scale: str) -> dict[str, Any]:
    """Return what a task, model and optimiser set unless a user does.

    Args:
        values: names the task, model and optimiser.
        scale: the scale whose presets to take.

    Returns:
        The fields of the three that have a default, and any field in their presets.
    """
    fields = {
        name: row.axis if row.traced else row.default
        for name, row in own(values).items()
        if row.default is not None
    }
    # Presets beat defaults, and a task's beat a model's.
    of_task = _presets_of_task(values["task"], values["model"], scale)
    return fields | {**presets(values["model"], scale), **of_task}


def _presets_of_task(task: str, model: str, scale: str) -> Mapping[str, Any]:
    """Return what a task sets at a scale, beside a model."""
    preset = TASKS[task].presets.get(scale, {})
    # Its sizes are those of the model it is written for: another one has its own.
    if model == preset.get("model", general()["model"].default):
        return preset
    of_model = rows_of("model", model)
    return {name: value for name, value in preset.items() if name not in of_model}


def arguments(fields: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a dataclass' fields by attribute, to construct it."""
    present = [name for name in fields if name in values]
    return {fields[name].attribute: values[name] for name in present}
