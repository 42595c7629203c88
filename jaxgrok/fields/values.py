"""Values as users write them: NumPy's as Python's, and any of them in a few characters.

>>> plain(np.arange(3))
(0, 1, 2)
>>> shown(10**400)
'10^400'
"""

import itertools
import math
import reprlib
from collections.abc import Iterable
from typing import Any

import numpy as np

MOST_VALUES = 1_000_000
"""Values of an axis, and cells of a grid, past which something else was meant."""
WIDTH = 60
"""Characters that a message spends on a value."""


def plain(value: Any) -> Any:
    """Return NumPy numbers, arrays and ranges as Python numbers and tuples.

    Arrays of JAX and series of pandas are arrays too. A number of few bits becomes the
    shortest decimal that stands for it: np.float32(0.1) is 0.1.
    """
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, range):
        # One more than a grid may have: a range may be endless.
        return tuple(itertools.islice(value, MOST_VALUES + 1))
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, np.generic):
        return _number(value)
    if isinstance(value, type) or not hasattr(value, "__array__"):
        return value
    array = np.asarray(value)
    # Iterated over, a matrix gives rows, and an array of objects anything.
    return tuple(map(plain, array)) if array.ndim else _number(array[()])


def shown(value: Any) -> str:
    """Return a value as Python would write it, shortened to `WIDTH` characters."""
    return cut(_SHORT.repr(value))


def cut(text: str) -> str:
    """Return a text in one line, shortened to `WIDTH` characters in its middle."""
    text = " ".join(text.split())
    if len(text) <= WIDTH:
        return text
    return f"{text[: WIDTH - 20]}…{text[-19:]}"


def listed(names: Iterable[str], width: int = 2 * WIDTH) -> str:
    """Return names separated by commas; if they are many, the first and their count."""
    names = list(names)
    text = ", ".join(names)
    if len(text) <= width:
        return text
    start = text[:width].rpartition(", ")[0] or shown(names[0])
    return f"{start}, … ({len(names)} in all)"


def _number(value: Any) -> Any:
    """Return a NumPy scalar as Python's."""
    if isinstance(value, np.floating) and not isinstance(value, float):
        return float(str(value))
    return value.item() if isinstance(value, np.generic) else value


class _Short(reprlib.Repr):
    """The reprs of messages."""

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write out more than 4,300 digits.
        if x.bit_length() <= 128:
            return repr(x)
        return f"{'-' if x < 0 else ''}10^{math.log10(abs(x)):.0f}"


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = 2 * WIDTH
