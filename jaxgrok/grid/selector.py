"""Which cells somebody means: an index, or values of axes.

Owns the wording of a selector. Reads no files.

    >>> matching(axes, "weight_decay=1.0,seed=0")
    [12, 19]
"""

from collections.abc import Mapping, Sequence
from typing import Any

Selector = int | str | Mapping[str, Any]
"""An index, "3", "weight_decay=1.0,seed=0", or {"weight_decay": 1.0, "seed": 0}."""


def matching(axes: Sequence[Mapping[str, Any]], cell: Selector) -> list[int]:
    """Return the indices of the cells that a selector fits, at least one.

    `axes` are the axis values of every cell, in the order of cells.csv. Raises
    ValueError for an unknown axis, a value that no cell has, or an index out of range.
    """
    chosen = _parse(cell) if isinstance(cell, str) else cell
    if not isinstance(chosen, Mapping):
        if not 0 <= chosen < len(axes):
            raise ValueError(f"cell {chosen} does not exist; take 0 … {len(axes) - 1}")
        return [int(chosen)]
    found = list(range(len(axes)))
    for name, value in chosen.items():
        if name not in axes[0]:
            raise ValueError(
                f"cell: axis {name!r} is unknown; axes are {', '.join(axes[0])}"
            )
        before, found = found, [i for i in found if axes[i][name] == value]
        if not found:
            values = sorted({axes[i][name] for i in before}, key=_by_kind)
            shown = ", ".join(map(str, values[:12])) + (" …" if values[12:] else "")
            raise ValueError(f"cell: no cell has {name}={value}; there are {shown}")
    return found


def one(axes: Sequence[Mapping[str, Any]], cell: Selector) -> int:
    """Return the index of the one cell that a selector fits; ValueError if several."""
    found = matching(axes, cell)
    if len(found) > 1:
        apart = [
            name for name in axes[0] if len({axes[index][name] for index in found}) > 1
        ]
        raise ValueError(
            f"cell {cell!r} fits {len(found)} cells; say more: {', '.join(apart)}"
        )
    return found[0]


def _by_kind(value: Any) -> tuple[bool, Any]:
    """Numbers before words, each in their order."""
    return isinstance(value, str), value


def _parse(text: str) -> int | dict[str, Any]:
    if text.strip().isdigit():
        return int(text)
    chosen: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not value:
            raise ValueError(
                f"cell {text!r} is not understood; write an index, or axis values "
                "like weight_decay=1.0,seed=0"
            )
        chosen[name] = _value(value)
    return chosen


def _value(text: str) -> Any:
    """A number, True or False, or the word itself: axes may be any of them."""
    if text in ("True", "False"):
        return text == "True"
    try:
        return float(text)
    except ValueError:
        return text
