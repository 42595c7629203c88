"""The fields of a config: their kinds, and what each accepts.

Owns the checks of a single value. Knows no defaults and no cells.

    >>> axis_values("seed", (0, 1))
    (0, 1)
"""

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

TRACED = (
    "learning_rate",
    "beta1",
    "beta2",
    "momentum",
    "l1",
    "dropout",
    "init_scale",
    "steps",
    "weight_decay",
    "n_train",
    "train_fraction",
    "seed",
)
"""Fields that are tuples and can be axes, in the order of the dataset's dimensions."""

THRESHOLDS = {
    "accuracy_threshold": "accuracy",
    "hold": "hold",
    "grok_ratio": "grok_ratio",
}
"""Fields that become `outcomes.Thresholds`, and their names there."""
SETUP = (
    "eval_every",
    "regime",
    "batch_size",
    "test_size",
    "loss",
    "optimiser",
    "decay_on",
    "warmup_steps",
    "eps",
    "precision",
    "dtype",
    "stop",
    "steps_past_grok",
    "measures",
)
"""Fields that become `config.Setup`'s of the same name."""
SCHEDULE = {
    "snapshot_every": "every",
    "snapshot_early_every": "early_every",
    "snapshot_early_until": "early_until",
}
"""Fields that become `schedule.Schedule`, and their names there."""
INCIDENTAL = ("scale", "block_width", "snapshots", *SCHEDULE)
"""Static fields that decide no result, and are no part of who a cell is."""
OWN = (
    *INCIDENTAL,
    "task",
    "model",
    "train_size",
    "zip",
    "chain",
    *SETUP,
    *THRESHOLDS,
)
"""Static fields of every config; tasks and models add their own."""
SINGLE = (
    *INCIDENTAL,
    "train_size",
    "zip",
    "chain",
    "eval_every",
    "stop",
    "steps_past_grok",
    "measures",
    "dtype",
    *THRESHOLDS,
)
"""Static fields of the sweep as a whole: every other one can be an axis."""
KINDS: dict[type, tuple[type, str]] = {
    bool: (bool, "True or False"),
    int: (Integral, "a whole number"),
    float: (Real, "a finite number"),
    str: (str, "a string"),
}
"""What a static field accepts, by the type of its default."""


def static_value(name: str, value: Any, default: Any) -> Any:
    """Check a static field by its default's type; the value in that type."""
    kind = type(default)
    if kind not in KINDS:
        return value
    accepted, words = KINDS[kind]
    good = isinstance(value, accepted) and isinstance(value, bool) == (kind is bool)
    if not good or (kind is float and not math.isfinite(value)):
        raise ValueError(f"{name}={value!r} is not allowed; it takes {words}")
    return kind(value)


def axis_values(name: str, axis: Any, *, zipped: bool = False) -> tuple[Any, ...]:
    """Check an axis; its values as int or float, so that 1 and 1.0 are one value.

    A value may stand twice only where the axis is zipped with another.
    """
    refuse_other_than_tuple(name, axis)
    field = name.rsplit(".", 1)[-1]
    whole = field in ("seed", "n_train", "steps")
    for value in axis:
        good = isinstance(value, Integral if whole else Real)
        if not good or isinstance(value, bool) or not math.isfinite(value):
            kind = "whole numbers" if whole else "finite numbers"
            raise ValueError(f"{name}={value!r} is not allowed; the axis takes {kind}")
    if not zipped:
        refuse_twice(name, axis)
    return tuple(int(v) if whole else float(v) for v in axis)


def at_least(name: str, value: Any, least: Any) -> None:
    """Raise ValueError for a value below the least that is allowed."""
    if value < least:
        raise ValueError(f"{name}={value} must be at least {least}")


def one_of(name: str, value: Any, choices: Iterable[Any]) -> None:
    """Raise ValueError for a value that is not among the choices."""
    choices = tuple(choices)
    if value not in choices:
        raise ValueError(
            f"{name}={value!r} is unknown; choose one of {listed(map(str, choices))}"
        )


def refuse_twice(name: str, axis: tuple[Any, ...]) -> None:
    """Raise ValueError for an axis that holds a value twice."""
    if len(set(axis)) < len(axis):
        twice = next(value for value in axis if axis.count(value) > 1)
        raise ValueError(f"{name}={axis!r} holds {twice!r} twice; drop one")


def refuse_other_than_tuple(name: str, axis: Any) -> None:
    """Raise ValueError for an axis that is not a tuple, with the way to write it."""
    if not isinstance(axis, tuple):
        example = tuple(axis) if isinstance(axis, list) else (axis,)
        raise ValueError(
            f"{name}={axis!r} is {article(axis)}; axes are tuples: write {example!r}"
        )


def article(value: Any) -> str:
    """The value's type in words: a list, an int."""
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def unknown_field(name: str, known: Iterable[str]) -> str:
    """The words that refuse a field: the nearest one, and all there are."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"field {name!r} is unknown; {hint}allowed: {listed(names) or 'none'}"


def listed(names: Iterable[str]) -> str:
    return ", ".join(names)
