"""Which cells a user means: an index, or values of axes.

>>> matching(axes, "weight_decay=1.0,seed=0")
[12, 19]
"""

from collections.abc import Mapping, Sequence
from typing import Any

Selector = int | str | Mapping[str, Any]
"""An index, "3", "weight_decay=1.0,seed=0", or {"weight_decay": 1.0, "seed": 0}."""


def matching(axes: Sequence[Mapping[str, Any]], selector: Selector) -> list[int]:
    """Return the indices of the cells that a selector fits, at least one.

    Args:
        axes: the axis values of every cell, in the order of cells.csv.
        selector: what the user wrote.

    Raises:
        ValueError: an axis is unknown, no cell has a value, or an index is too large.
    """
    values = _parse(selector) if isinstance(selector, str) else selector
    if not isinstance(values, Mapping):
        index = int(values)
        if not 0 <= index < len(axes):
            raise ValueError(f"cell {index} does not exist; take 0 … {len(axes) - 1}")
        return [index]
    matches = list(range(len(axes)))
    for name, value in values.items():
        if name not in axes[0]:
            raise ValueError(
                f"cell: axis {name!r} is unknown; axes are {', '.join(axes[0])}"
            )
        # A message offers only values that go with the axes before this one.
        candidates = matches
        matches = [index for index in candidates if axes[index][name] == value]
        if not matches:
            options = sorted({axes[index][name] for index in candidates}, key=_by_kind)
            words = ", ".join(map(str, options[:12])) + (" …" if options[12:] else "")
            raise ValueError(f"cell: no cell has {name}={value}; there are {words}")
    return matches


def one(axes: Sequence[Mapping[str, Any]], selector: Selector) -> int:
    """Return the index of the only cell that a selector fits.

    Raises:
        ValueError: it fits several cells, or none.
    """
    matches = matching(axes, selector)
    if len(matches) > 1:
        names = [name for name in axes[0] if _differ(axes, matches, name)]
        raise ValueError(
            f"cell {selector!r} fits {len(matches)} cells; say more: {', '.join(names)}"
        )
    return matches[0]


def _differ(axes: Sequence[Mapping[str, Any]], indices: list[int], name: str) -> bool:
    """Tell whether some cells have several values on an axis."""
    return len({axes[index][name] for index in indices}) > 1


def _by_kind(value: Any) -> tuple[bool, Any]:
    """Sort numbers before words, each in their order."""
    return isinstance(value, str), value


def _parse(text: str) -> int | dict[str, Any]:
    if text.strip().isdigit():
        return int(text)
    values: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not value:
            raise ValueError(
                f"cell {text!r} is not understood; write an index, or axis values "
                "like weight_decay=1.0,seed=0"
            )
        values[name] = _value(value)
    return values


def _value(text: str) -> Any:
    """Read a number, True or False, or the word itself: axes may be any of them."""
    if text in ("True", "False"):
        return text == "True"
    # 1.0 equals 1 in Python, so floats select on whole-number axes too.
    try:
        return float(text)
    except ValueError:
        return text
