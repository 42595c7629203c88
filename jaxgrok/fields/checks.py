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

import numpy as np

from jaxgrok.fields.field import Field, rows
from jaxgrok.fields.values import MOST_VALUES, listed, plain, shown

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
        raise ValueError(f"{field.name}={shown(value)} must be one of {listed(names)}")
    if not _in_range(field, value):
        raise ValueError(f"{field.name}={shown(value)} must be {_bound(field, value)}")
    return value


def check_rounded(field: Field, value: float, dtype: str) -> None:
    """Check a number as the training computes with it, rounded to a type of float.

    Raises:
        ValueError: the rounded number is infinite, 0 where the value is not, or
            outside of what is allowed.
    """
    if field.kind is not float:
        return
    limits = np.finfo(dtype)
    largest, smallest = float(limits.max), float(limits.tiny)
    name = f"{field.name}={shown(value)}"
    if abs(value) > largest:
        raise ValueError(f"{name} must be at most {largest:.6g} in {dtype}")
    # Processors take what is smaller than the smallest normal number for 0.
    if 0 < abs(value) < smallest:
        raise ValueError(f"{name} must be 0, or at least {smallest:.6g} in {dtype}")
    rounded = float(limits.dtype.type(value))
    if not _in_range(field, rounded):
        raise ValueError(f"{name} is {rounded} in {dtype}; it must be {allowed(field)}")


def check_all(owner: object) -> None:
    """Check every field of a dataclass instance; call it from `__post_init__`."""
    kind: type = type(owner)
    for row in rows(kind).values():
        check(row, getattr(owner, row.attribute))


def check_axis(
    field: Field,
    axis: Any,
    *,
    name: str = "",
    zipped: bool = False,
    dtype: str = "float64",
) -> tuple[Any, ...]:
    """Check the axis of a traced field and return its values as int or float.

    Args:
        field: the traced field.
        axis: what the config holds.
        name: what messages call it; by default the field's name.
        zipped: whether a value may stand twice, as in an axis that goes in step with
            another.
        dtype: the type of float that its values are computed in.

    Raises:
        ValueError: the axis is no tuple, holds a value twice, or one that is not
            allowed.
    """
    field = dataclasses.replace(field, name=name or field.name)
    axis = plain(axis)
    refuse_other_than_tuple(field.name, axis)
    values = tuple(check(field, value) for value in axis)
    for value in values:
        check_rounded(field, value, dtype)
    if not zipped:
        refuse_twice(field.name, values)
        if field.kind is float:
            _refuse_twice_rounded(field.name, values, dtype)
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
    """Raise ValueError for an axis that holds a value twice, or a list or dict."""
    seen = set()
    for value in axis:
        try:
            is_twice = value in seen
            seen.add(value)
        except TypeError:  # what has no hash shapes no program either
            raise ValueError(
                f"{name}={shown(axis)} holds {article(value)}; take numbers or words"
            ) from None
        if is_twice:
            raise ValueError(
                f"{name}={shown(axis)} holds {shown(value)} twice; drop one"
            )


def _refuse_twice_rounded(name: str, axis: tuple[float, ...], dtype: str) -> None:
    """Raise ValueError for two values that are one number in a type of float."""
    by_rounded: dict[float, float] = {}
    for value in axis:
        other = by_rounded.setdefault(float(np.dtype(dtype).type(value)), value)
        if other != value:
            raise ValueError(
                f"{name}={shown(axis)} holds {other} and {value}, which are one number "
                f"in {dtype}; drop one"
            )


def refuse_other_than_tuple(name: str, axis: Any) -> None:
    """Raise ValueError for an axis that is no tuple, or one without an end."""
    if isinstance(axis, tuple) and len(axis) > MOST_VALUES:
        raise ValueError(f"{name}={shown(axis)} has more than {MOST_VALUES:,} values")
    if not isinstance(axis, tuple):
        example: tuple[Any, ...] = (0, 1)
        if isinstance(axis, list):
            example = tuple(axis)
        elif isinstance(axis, Real) and _is_finite(axis):
            example = (axis,)
        raise ValueError(
            f"{name}={shown(axis)} is {article(axis)}; axes are tuples: write "
            f"{shown(example)}"
        )


def article(value: object) -> str:
    """Return a value's type in words: a list, an int."""
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def unknown_field(name: str, options: Iterable[str]) -> str:
    """Return the message that refuses a field: the nearest name, or all there are."""
    names = sorted(options)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        hint = f"did you mean {near[0]!r}?"
    else:
        hint = f"allowed: {listed(names) or 'none'}"
    return f"field {shown(name)} is unknown; {hint}"


def is_text(value: Any) -> bool:
    """Tell whether a value is a string that a file can hold."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:  # half of a surrogate pair, as in an undecodable name
        return False


def _of_kind(field: Field, value: Any) -> Any:
    if field.kind not in KINDS:
        return value
    value = plain(value)
    if not _is_kind(field.kind, value):
        words = KINDS[field.kind][1]
        raise ValueError(f"{field.name}={shown(value)} must be {words}")
    value = field.kind(value)
    # Minus zero is zero: the two must not make two cells.
    return value + 0.0 if field.kind is float else value


def _is_kind(kind: type, value: Any) -> bool:
    """Tell whether a value is of a kind; True and False are no numbers."""
    if not isinstance(value, KINDS[kind][0]):
        return False
    # A field without bounds would let NaN and infinity pass.
    if kind is float and not _is_finite(value):
        return False
    if kind is str and not is_text(value):
        return False
    # bool is a subclass of int.
    return isinstance(value, bool) == (kind is bool)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the largest float
        return False


def _bound(field: Field, value: Any) -> str:
    """Return what a number that is out of range should be, in words."""
    if field.kind is not int or field.low is None:
        return allowed(field)
    return f"at least {field.low}" if value < field.low else f"at most {field.high}"


def _in_range(field: Field, value: Any) -> bool:
    return (
        (field.low is None or value >= field.low)
        and (field.high is None or value <= field.high)
        and (field.above is None or value > field.above)
        and (field.below is None or value < field.below)
    )
