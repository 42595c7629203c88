"""Checks of a single value against its field; every message names the way out.

>>> check(Field(name="bits", kind=int, low=1), 0)
ValueError: bits=0 must be at least 1
"""

import dataclasses
import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from jaxgrok.fields.field import Field, rows

# Integral and Real take NumPy's numbers too, most of which are no int or float.
KINDS: dict[type, tuple[Any, str]] = {
    bool: (bool, "True or False"),
    int: (Integral, "a whole number"),
    float: (Real, "a finite number"),
    str: (str, "a string"),
    dict: (dict, "a dict"),
}
"""For each kind of field: the types that it accepts, and these in words."""


def check(field: Field, value: Any) -> Any:
    """Return a value in the type of its field.

    NumPy numbers become Python's, so that 1 and np.int64(1) are one value.

    Raises:
        ValueError: the value has another type, or lies outside what is allowed.
    """
    # The type first: a string cannot be compared with a bound.
    value = _of_kind(field, value)
    names = field.names
    if names and value not in names:
        raise ValueError(f"{field.name}={value!r} must be one of {listed(names)}")
    if not _in_range(field, value):
        raise ValueError(f"{field.name}={value} must be {allowed(field)}")
    return value


def check_all(owner: object) -> None:
    """Check every field of a dataclass instance; call it from `__post_init__`."""
    kind: type = type(owner)
    for row in rows(kind).values():
        check(row, getattr(owner, row.attribute))


def check_axis(
    field: Field, axis: Any, *, name: str = "", zipped: bool = False
) -> tuple[Any, ...]:
    """Check the axis of a traced field and return its values as int or float.

    Args:
        field: the traced field.
        axis: what the config holds.
        name: what messages call it; by default the field's name.
        zipped: whether a value may stand twice, as in an axis that goes in step with
            another.

    Raises:
        ValueError: the axis is no tuple, holds a value twice, or one of another type.
    """
    field = dataclasses.replace(field, name=name or field.name)
    refuse_other_than_tuple(field.name, axis)
    values = tuple(check(field, value) for value in axis)
    if not zipped:
        refuse_twice(field.name, axis)
    return values


def allowed(field: Field) -> str:
    """Return what a field accepts, in words: in [0, 1), at least 1, one of a, b."""
    if field.names:
        return f"one of {listed(field.names)}"
    low = field.low if field.above is None else field.above
    high = field.high if field.below is None else field.below
    if low is not None and high is not None:
        if field.kind is int:
            return f"{low} … {high}"
        # As intervals are written: a parenthesis leaves its end out.
        left = "[" if field.above is None else "("
        right = "]" if field.below is None else ")"
        return f"in {left}{low:g}, {high:g}{right}"
    if low is not None:
        return f"{'at least' if field.above is None else 'more than'} {low:g}"
    if high is not None:
        return f"{'at most' if field.below is None else 'less than'} {high:g}"
    return KINDS[field.kind][1] if field.kind in KINDS else "anything"


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


def article(value: object) -> str:
    """Return a value's type in words: a list, an int."""
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def unknown_field(name: str, options: Iterable[str]) -> str:
    """Return the message that refuses a field: the nearest name, and all there are."""
    names = sorted(options)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"field {name!r} is unknown; {hint}allowed: {listed(names) or 'none'}"


def listed(names: Iterable[str]) -> str:
    """Return names separated by commas."""
    return ", ".join(names)


def _of_kind(field: Field, value: Any) -> Any:
    if field.kind not in KINDS:
        return value
    if not _is_kind(field.kind, value):
        raise ValueError(f"{field.name}={value!r} must be {KINDS[field.kind][1]}")
    return field.kind(value)


def _is_kind(kind: type, value: Any) -> bool:
    """Tell whether a value is of a kind; True and False are no numbers."""
    if not isinstance(value, KINDS[kind][0]):
        return False
    # A field without bounds would let NaN and infinity pass.
    if kind is float and not math.isfinite(value):
        return False
    # bool is a subclass of int.
    return isinstance(value, bool) == (kind is bool)


def _in_range(field: Field, value: Any) -> bool:
    return (
        (field.low is None or value >= field.low)
        and (field.high is None or value <= field.high)
        and (field.above is None or value > field.above)
        and (field.below is None or value < field.below)
    )
