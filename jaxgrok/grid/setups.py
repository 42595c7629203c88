"""From static fields to a program: the task, the model, and the setups made of them.

Owns which fields a task and a model take, and the padded size of a training set.
Refuses fields that nothing reads.

    >>> program = program_of(values, {"loss": "exact"})
    >>> program.setup(lane)
"""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from jaxgrok import models, tasks
from jaxgrok.fields.checks import (
    KINDS,
    OWN,
    SETUP,
    THRESHOLDS,
    TRACED,
    listed,
    static_value,
    unknown_field,
)
from jaxgrok.grid.presets import POST
from jaxgrok.training.optimisers import decayed


def refuse_missing(values: Mapping[str, Any]) -> None:
    """Check what must be there before axes can be combined."""
    for name in (*OWN, *TRACED):
        if name not in values:
            raise ValueError(
                f"field {name!r} is missing; start from jaxgrok.grid.base(scale)"
            )
    static_value("zip", values["zip"], "")


def build(values: dict[str, Any]) -> tuple[Any, Any]:
    """Make (task, model) of a config's values, and refuse fields that nothing reads.

    Writes the values back in the type of their defaults.
    """
    refuse_missing(values)
    for name, registry in (("task", tasks.TASKS), ("model", models.MODELS)):
        if static_value(name, values[name], "") not in registry:
            raise ValueError(
                f"{name}={values[name]!r} is unknown; choose one of {listed(registry)}"
            )
    task_type, builder = tasks.TASKS[values["task"]], models.MODELS[values["model"]]
    of_task, of_model = _fields(task_type), _fields(builder)
    of_model.pop("task", None)
    known = {*OWN, *TRACED, *of_task, *of_model}
    defaults = POST | of_model | of_task
    for name, default in (of_model | of_task).items():
        if default is inspect.Parameter.empty and name not in values:
            raise ValueError(f"field {name!r} is missing; give it a value")
        if type(default) in KINDS:
            values.setdefault(name, default)
    for name, value in values.items():
        # A field of another task or model may stay where it is.
        if name not in known and name not in POST:
            raise ValueError(unknown_field(name, known))
        if name not in (*TRACED, "chain"):
            values[name] = static_value(name, value, defaults.get(name))
    for name, least in (("eval_every", 1), ("block_width", 0), ("train_size", 0)):
        if values[name] < least:
            raise ValueError(f"{name}={values[name]} must be at least {least}")
    task = task_type(**{k: v for k, v in values.items() if k in of_task})
    model = builder(task, **{k: v for k, v in values.items() if k in of_model})
    return task, model


def _fields(builder: Any) -> dict[str, Any]:
    """The arguments of a task or model, and their defaults."""
    parameters = inspect.signature(builder).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


class Program:
    """The task and model of some static fields, and the setups made of them."""

    def __init__(self, values: dict[str, Any], static: dict[str, Any]) -> None:
        self.values = values | static
        self.task, self.model = build(self.values)
        self._setups: dict[tuple[Any, ...], Any] = {}

    @functools.cached_property
    def decisive(self) -> dict[str, Any]:
        """The static fields that decide a result."""
        read = {"task", "model", *SETUP, *THRESHOLDS}
        read |= _fields(tasks.TASKS[self.values["task"]]).keys()
        read |= _fields(models.MODELS[self.values["model"]]).keys()
        # Padding decides bits, but 0 stands for what was there before the field was.
        read |= {"train_size"} if self.values["train_size"] else set()
        return {name: self.values[name] for name in sorted(read & self.values.keys())}

    @property
    def online(self) -> bool:
        return self.values["regime"] == "online"

    def setup(self, lane: Mapping[str, Any]) -> Any:
        """The setup of a lane: its padded size, and what of it is more than zero."""
        size = self.values["batch_size"]
        if not self.online:
            size = self.values["train_size"]
            size = size or padded(lane["n_train"], tasks.universe(self.task))
            if size < lane["n_train"]:
                raise ValueError(
                    f"train_size={size} is less than n_train={lane['n_train']}; give "
                    "at least the largest, or 0"
                )
        key = size, lane["l1"] > 0, lane["dropout"] > 0
        if key not in self._setups:
            self._setups[key] = _setup(self.values, self.task, self.model, *key)
        return self._setups[key]


def program_of(values: dict[str, Any], static: dict[str, Any]) -> Program:
    """The program of a config's values, some static fields taking others."""
    program = Program(values, static)
    if program.values["decay_on"] != "all":
        names = models.parameter_names(program.model, program.task)
        decayed(program.values["decay_on"], names)  # ValueError for what fits none
    return program


def round_up(value: int, multiple: int) -> int:
    """The smallest multiple that is at least `value`."""
    return -(-value // multiple) * multiple


def padded(n: int, most: int) -> int:
    """Round up to five significant bits (at most 6% waste), and never past `most`."""
    step = 1 << max(n.bit_length() - 5, 0)
    return min(round_up(n, step), most)


def _setup(
    values: dict[str, Any], task: Any, model: Any, size: int, l1: bool, dropout: bool
) -> Any:
    import jax

    from jaxgrok.outcomes.outcomes import Thresholds
    from jaxgrok.training.setup import Setup

    try:
        thresholds = Thresholds(**{to: values[n] for n, to in THRESHOLDS.items()})
    except ValueError as error:  # it calls a field by its own, shorter name
        short = {to: n for n, to in THRESHOLDS.items()}
        name, _, rest = str(error).partition(" ")
        raise ValueError(f"{short.get(name, name)} {rest}") from None
    fields = {name: values[name] for name in SETUP}
    if values["regime"] == "online" and values["batch_size"] < 1:
        raise ValueError(
            f"batch_size={values['batch_size']} is not enough: online training needs "
            "at least 1 example a step"
        )
    if fields["dtype"] == "float64" and not jax.config.read("jax_enable_x64"):
        raise ValueError(
            "dtype='float64' needs JAX's 64-bit mode; set JAX_ENABLE_X64=1, or take "
            "dtype='float32'"
        )
    return Setup(
        task,
        models.training_form(model),
        size,
        thresholds=thresholds,
        l1=l1,
        dropout=dropout,
        **fields,
    )
