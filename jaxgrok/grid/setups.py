"""From static fields to a program: the task, the model, and the setups made of them.

>>> program = program_of(values, {"loss": "exact"})
>>> program.setup(lane)
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
from flax import linen as nn

from jaxgrok.fields.checks import check, unknown_field
from jaxgrok.fields.field import Field, rows
from jaxgrok.grid import fields
from jaxgrok.models import MODELS, parameter_names, training_form
from jaxgrok.outcomes.outcomes import Thresholds
from jaxgrok.tasks import TASKS, Task
from jaxgrok.training.optimisers import decayed
from jaxgrok.training.setup import Setup, refuse_numbers


def refuse_missing(values: Mapping[str, Any]) -> None:
    """Check that the fields of every config are there."""
    for name, field in fields.general().items():
        if name not in values and not field.neutral:
            raise ValueError(
                f"field {name!r} is missing; start from jaxgrok.grid.base(scale)"
            )


def complete(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of one program, each in its type.

    Fields of its task and model that nobody set have their presets and defaults. Those
    of another task or model may stay where they are.

    Raises:
        ValueError: a field is missing or unknown, or its value is not allowed.
    """
    refuse_missing(values)
    values = fields.neutral() | dict(values)
    own = fields.own(values)
    defaults = fields.defaults(values, values["scale"])
    settings = {name: defaults[name] for name in own if name in defaults}
    # What the config holds wins over presets.
    settings |= values
    for name in own:
        if name not in settings:
            raise ValueError(f"field {name!r} is missing; give it a value")
    readable = fields.general() | own
    for name in settings.keys() - fields.every().keys():
        raise ValueError(unknown_field(name, readable))
    for name, field in readable.items():
        if not field.traced:
            settings[name] = check(field, settings[name])
    # Nothing reads them, but the manifest has them.
    for name in settings.keys() - readable.keys():
        settings[name] = _check_unread(name, settings[name])
    return settings


def _check_unread(name: str, value: Any) -> Any:
    """Check a field that only tasks, models or optimisers of other names have."""
    candidates = fields.named(name)
    # An axis, which is checked elsewhere; manifests have lists for tuples.
    if isinstance(value, list) or candidates[0].traced:
        return value
    error = ValueError()
    for row in candidates:
        try:
            return check(row, value)
        except ValueError as refusal:
            error = refusal
    raise error


def build(values: Mapping[str, Any]) -> tuple[Task, nn.Module]:
    """Make the task and the model of a config's values.

    Raises:
        ValueError: a field is missing or unknown, or its value is not allowed.
    """
    values = complete(values)
    task_type, model_type = TASKS[values["task"]], MODELS[values["model"]]
    of_task = fields.rows_of("task", values["task"])
    of_model = fields.rows_of("model", values["model"])
    task = task_type(**fields.arguments(of_task, values))
    model = model_type(**fields.arguments(of_model, values))
    return task, model.build(task, values["dtype"])


class Program:
    """The task and model of some static fields, and the setups made of them."""

    def __init__(self, values: Mapping[str, Any], static: Mapping[str, Any]) -> None:
        self.values = complete({**values, **static})
        self.task, self.model = build(self.values)
        self._setups: dict[tuple[int, bool, bool], Setup] = {}

    @functools.cached_property
    def fields(self) -> dict[str, Field]:
        """The fields that it reads."""
        return fields.general() | fields.own(self.values)

    @functools.cached_property
    def static(self) -> dict[str, Any]:
        """The values of its static fields."""
        traced = fields.traced()
        return {name: v for name, v in self.values.items() if name not in traced}

    @functools.cached_property
    def decisive(self) -> dict[str, Any]:
        """The static fields that decide a result."""
        names = [
            name
            for name, field in self.fields.items()
            if field.decides and not field.traced and not self._is_neutral(field)
        ]
        # Padding decides bits, but 0 stands for what was there before the field was.
        if self.values["train_size"]:
            names.append("train_size")
        return {name: self.values[name] for name in sorted(names)}

    def _is_neutral(self, field: Field) -> bool:
        """Tell whether a training is what it was before there was a field."""
        return field.neutral and bool(self.values[field.name] == field.default)

    @property
    def online(self) -> bool:
        """Whether it trains on fresh examples every step."""
        return bool(self.values["regime"] == "online")

    def lane(self, traced: Mapping[str, Any], n_train: int) -> dict[str, Any]:
        """Return the scalars of a lane, without the numbers of other optimisers."""
        lane = {name: value for name, value in traced.items() if name in self.fields}
        lane.pop("train_fraction", None)
        return lane | {"n_train": n_train}

    def setup(self, lane: Mapping[str, Any]) -> Setup:
        """Return the setup of a lane: its padded size, and what is more than zero."""
        size = self.values["batch_size"]
        if not self.online:
            size = self.values["train_size"]
            size = size or padded(lane["n_train"], self.task.universe)
            if size < lane["n_train"]:
                raise ValueError(
                    f"train_size={size} is less than n_train={lane['n_train']}; give "
                    "at least the largest, or 0"
                )
        # A program leaves out the terms that are zero in all of its lanes.
        key = size, lane["l1"] > 0, lane["dropout"] > 0
        if key not in self._setups:
            self._setups[key] = _setup(self, *key)
        refuse_numbers(self._setups[key], lane)
        return self._setups[key]


SMALL_POOL = 512
"""Examples up to which every training set of a pool is padded to all of it.

There a step costs less than the programs of many sizes take to compile.
"""


def program_of(values: Mapping[str, Any], static: Mapping[str, Any]) -> Program:
    """Make the program of a config with some static fields of its own.

    Raises:
        ValueError: whatever makes no sense, patterns of `decay_on` included.
    """
    program = Program(values, static)
    # Without this mode JAX would compute in float32, with a warning at most.
    if program.values["dtype"] == "float64" and not jax.config.read("jax_enable_x64"):
        raise ValueError(
            "dtype='float64' needs JAX's 64-bit mode; set JAX_ENABLE_X64=1, or take "
            "dtype='float32'"
        )
    if program.values["decay_on"] != "all":
        names = parameter_names(program.model, program.task)
        # For its ValueError alone, where a pattern fits no parameter.
        decayed(program.values["decay_on"], names)
    return program


def round_up(value: int, multiple: int) -> int:
    """Return the smallest multiple that is at least `value`."""
    return -(-value // multiple) * multiple


def padded(n: int, most: int) -> int:
    """Return the size that a training set is padded to, so that few programs do.

    That of a small pool is the whole pool. Elsewhere it is rounded up to five
    significant bits (at most 6% waste), and never past `most`.

    Args:
        n: training examples.
        most: examples that exist.
    """
    if most <= SMALL_POOL:
        return most
    # From 16 on, `n` is 16 to 32 of these steps: rounding adds less than 1/16.
    step = 1 << max(n.bit_length() - 5, 0)
    return min(round_up(n, step), most)


def _setup(program: Program, size: int, l1: bool, dropout: bool) -> Setup:
    values = program.values
    if program.online and values["batch_size"] < 1:
        raise ValueError(
            f"batch_size={values['batch_size']} must be at least 1 where regime is "
            "online"
        )
    return Setup(
        task=program.task,
        model=training_form(program.model),
        train_size=size,
        thresholds=Thresholds(**fields.arguments(rows(Thresholds), values)),
        l1=l1,
        dropout=dropout,
        own={name: values[name] for name in _own_static(program)},
        **fields.arguments(rows(Setup), values),
    )


def _own_static(program: Program) -> list[str]:
    """Return the untraced fields of a program's optimiser and its other methods."""
    own: dict[str, Field] = {}
    for kind in fields.METHODS:
        own |= fields.rows_of(kind, program.values[kind])
    return [name for name, row in own.items() if not row.traced]
