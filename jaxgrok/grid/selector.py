"""Which cells a user means: an index, or values of axes.

>>> matching(axes, "weight_decay=1.0,seed=0")
[12, 19]
"""

import math
import operator
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from jaxgrok.fields.values import listed, plain, shown

Selector = int | str | Mapping[str, Any]
"""An index, "3", "weight_decay=1.0,seed=0", or {"weight_decay": 1.0, "seed": 0}."""

CLOSE = 1e-9
"""How far a float may lie from what a user wrote, relative: 0.1 + 0.2 is 0.3."""


def matching(
    axes: Sequence[Mapping[str, Any]], selector: Selector, noun: str = "cell"
) -> list[int]:
    """Return the indices of the cells that a selector fits, at least one.

    Args:
        axes: the axis values of every cell, in the order of cells.csv.
        selector: what the user wrote.
        noun: what messages call the selector.

    Raises:
        ValueError: an axis is unknown, no cell has a value, or an index is too large.
    """
    values = _read(selector, noun)
    if not isinstance(values, Mapping):
        return [_index(values, len(axes), noun)]
    matches = list(range(len(axes)))
    for name, value in values.items():
        if name not in axes[0]:
            raise ValueError(
                f"{noun}: axis {shown(name)} is unknown; axes are {listed(axes[0])}"
            )
        # A message offers only values that go with the axes before this one.
        candidates = matches
        matches = _with_value(axes, candidates, name, value)
        if not matches:
            options = sorted({axes[index][name] for index in candidates}, key=_by_kind)
            words = listed(map(str, options))
            text = value if isinstance(value, str) else shown(value)
            raise ValueError(
                f"{noun}: no cell has {name}={text:.60}; there are {words}"
            )
    return matches


def axes_of(selector: Selector, noun: str = "cell") -> tuple[str, ...]:
    """Return the names of the axes that a selector gives values of.

    Raises:
        ValueError: it is an index, or not understood.
    """
    values = _read(selector, noun)
    if not isinstance(values, Mapping):
        raise ValueError(
            f"{noun} {shown(selector)} must be axis values, like optimiser=adamw"
        )
    return tuple(values)


def one(axes: Sequence[Mapping[str, Any]], selector: Selector) -> int:
    """Return the index of the only cell that a selector fits.

    Raises:
        ValueError: it fits several cells, or none.
    """
    matches = matching(axes, selector)
    if len(matches) > 1:
        names = [name for name in axes[0] if _differ(axes, matches, name)]
        raise ValueError(
            f"cell {shown(selector)} fits {len(matches)} cells; say more: "
            f"{', '.join(names)}"
        )
    return matches[0]


def _read(selector: Selector, noun: str) -> Any:
    """Return what a user wrote as axis values, or as what is to be an index."""
    return _parse(selector, noun) if isinstance(selector, str) else plain(selector)


def _index(value: Any, count: int, noun: str) -> int:
    """Return the index of a cell; ValueError if there is no such cell."""
    try:
        index = operator.index(value)
    except TypeError:
        raise ValueError(_not_understood(value, noun)) from None
    if not 0 <= index < count:
        raise ValueError(f"{noun} {shown(index)} does not exist; take 0 … {count - 1}")
    return index


def _with_value(
    axes: Sequence[Mapping[str, Any]], indices: list[int], name: str, value: Any
) -> list[int]:
    """Return the cells that have a value: exactly it or, if none has, nearly."""
    options = {axes[index][name] for index in indices}
    for tolerance in (0.0, CLOSE):
        fits = {option for option in options if _fits(option, value, tolerance)}
        if fits:
            return [index for index in indices if axes[index][name] in fits]
    return []


def _fits(option: Any, value: Any, tolerance: float) -> bool:
    """Tell whether an axis value is what a user wrote, in words or as a value."""
    if isinstance(value, str) and not isinstance(option, str):
        value = _number(value)
    if isinstance(option, float) and isinstance(value, Real):
        try:
            return math.isclose(option, value, rel_tol=tolerance)
        except OverflowError:  # a whole number beyond the largest float
            return False
    return bool(option == value)


def _number(text: str) -> bool | float | None:
    """Read a number, True or False; None for any other word."""
    if text in ("True", "False"):
        return text == "True"
    # 1.0 equals 1 in Python, so floats select on whole-number axes too.
    try:
        return float(text)
    except ValueError:
        return None


def _differ(axes: Sequence[Mapping[str, Any]], indices: list[int], name: str) -> bool:
    """Tell whether some cells have several values on an axis."""
    return len({axes[index][name] for index in indices}) > 1


def _by_kind(value: Any) -> tuple[bool, Any]:
    """Sort numbers before words, each in their order."""
    return isinstance(value, str), value


def _parse(text: str, noun: str) -> int | dict[str, str]:
    """Read an index, or axis values as they are written."""
    if text.strip().isdecimal():
        # Python reads no more than 4,300 digits.
        return int(text.strip()[:20])
    values: dict[str, str] = {}
    name = ""
    for part in text.split(","):
        before, equals, value = part.partition("=")
        if equals:
            name = before.strip()
            values[name] = value.strip()
        elif name:
            # No new axis: the comma belongs to a value, such as W_E,b_*.
            values[name] = f"{values[name]},{part}".rstrip()
        else:
            raise ValueError(_not_understood(text, noun))
    if not all(values.values()):
        raise ValueError(_not_understood(text, noun))
    return values


def _not_understood(selector: Any, noun: str) -> str:
    return (
        f"{noun} {shown(selector)} is not understood; write an index, or axis values "
        "like weight_decay=1.0,seed=0"
    )
