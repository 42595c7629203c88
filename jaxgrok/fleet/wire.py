"""Messages as bytes: numbers, text, arrays and the named tuples of this package.

Nothing else can be written or read, so that no message runs code.

>>> decode(encode(Order({0: Assignment(0)})))
Order(assignments={0: Assignment(group=0, ...)}, save=False)
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.hello import Hello
from jaxgrok.fleet.messages import (
    Assignment,
    Dispatch,
    Farewell,
    Job,
    Order,
    Progress,
    Refusal,
    Report,
)
from jaxgrok.results.files.saved_lanes import LanePlace
from jaxgrok.results.files.shards import Result
from jaxgrok.training.records import Curve, Schema

TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        Assignment,
        Curve,
        Dispatch,
        Farewell,
        Hello,
        Job,
        LanePlace,
        Order,
        Platform,
        Progress,
        Refusal,
        Report,
        Result,
        Schema,
    )
}
"""What a message is made of, by name."""


_SCALARS = frozenset({bool, int, float, str, type(None)})


def encode(message: Any) -> bytes:
    """Write a message.

    Raises:
        TypeError: it holds something that no message may hold.
    """
    content: bytes = msgpack.packb(_plain(message))
    return content


def decode(content: bytes) -> Any:
    """Read a message.

    Raises:
        ValueError: these are not the bytes of one.
    """
    try:
        return _object(msgpack.unpackb(content, strict_map_key=False))
    except (ValueError, TypeError, LookupError, msgpack.UnpackException) as error:
        raise ValueError(f"not a message of jaxgrok: {error}") from None


def _plain(value: Any) -> Any:
    """Return a value as lists that start with its type, and what msgpack knows."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return ["array", value.dtype.str, list(value.shape), value.tobytes()]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        # As it is, where nothing in it has a type of ours: a worker reports a thousand
        # busy cells at a time.
        if _SCALARS.issuperset(map(type, value.values())) and all(
            type(key) is str for key in value
        ):
            return dict(value)
        pairs = [[_plain(key), _plain(item)] for key, item in value.items()]
        return ["dict", *pairs]
    name = type(value).__name__
    if TYPES.get(name) is type(value):
        if isinstance(value, tuple):  # a named one
            return [name, *map(_plain, value)]
        names = [field.name for field in dataclasses.fields(TYPES[name])]
        fields = [getattr(value, field) for field in names]
        return [name, *map(_plain, fields)]
    if isinstance(value, list | tuple):
        return ["tuple" if isinstance(value, tuple) else "list", *map(_plain, value)]
    raise TypeError(f"{value!r:.60} cannot be sent")


def _object(value: Any) -> Any:
    """Return what `_plain` was given."""
    if not isinstance(value, list):
        return value
    kind, *items = value
    if kind == "array":
        dtype, shape, content = items
        return np.frombuffer(content, dtype).reshape(shape)
    if kind == "dict":
        return {_object(key): _object(item) for key, item in items}
    objects = map(_object, items)
    if kind in ("list", "tuple"):
        return list(objects) if kind == "list" else tuple(objects)
    return TYPES[kind](*objects)
