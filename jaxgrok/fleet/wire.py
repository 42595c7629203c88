"""Messages as bytes: numbers, text, bytes, arrays and named tuples of this package.

Nothing else can be written or read, so that no message runs code. msgpack writes what
it knows by itself; everything else is one of its extensions.

>>> decode(encode(Order({0: Assignment(0)})))
Order(assignments={0: Assignment(group=0, ...)}, save=False)
"""

import dataclasses
import functools
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
    )
}
"""What a message is made of, by name."""

_ARRAY, _TUPLE, _OBJECT, _SCHEMA = range(4)
"""Codes of the extensions."""
DEEPEST = 16
"""Extensions in each other; a report has 4, and the stack room for some hundreds."""
_MOST_SCHEMAS = 64
"""Schemas remembered: a fleet reports results by the million, of a few schemas."""


def encode(message: Any) -> bytes:
    """Write a message.

    Raises:
        TypeError: it holds something that no message may hold.
    """
    # Strict: named tuples are no lists, and numpy's floats no floats.
    content: bytes = msgpack.packb(message, default=_plain, strict_types=True)
    return content


def decode(content: bytes) -> Any:
    """Read a message.

    Raises:
        ValueError: these are not the bytes of one.
    """
    try:
        return _unpacked(content, DEEPEST)
    except (ValueError, TypeError, LookupError, msgpack.UnpackException) as error:
        raise ValueError(f"not a message of jaxgrok: {error}") from None


def _plain(value: Any) -> Any:
    """Return what msgpack knows for something that it does not know."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        content = [value.dtype.str, list(value.shape), value.tobytes()]
        return msgpack.ExtType(_ARRAY, msgpack.packb(content))
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Schema):
        return msgpack.ExtType(_SCHEMA, _packed_schema(value))
    name = type(value).__name__
    if TYPES.get(name) is type(value):
        return msgpack.ExtType(_OBJECT, encode([name, *_fields(value)]))
    if isinstance(value, tuple):
        return msgpack.ExtType(_TUPLE, encode(list(value)))
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r:.60} cannot be sent")


def _fields(value: Any) -> list[Any]:
    """Return the fields of a named tuple or a dataclass, in order."""
    if isinstance(value, tuple):
        return list(value)
    return [getattr(value, name) for name in _names(type(value).__name__)]


@functools.cache
def _names(kind: str) -> tuple[str, ...]:
    """Return the names of the fields of a dataclass."""
    return tuple(field.name for field in dataclasses.fields(TYPES[kind]))


def _unpacked(content: bytes, depth: int) -> Any:
    """Return what was encoded, with so many extensions in each other at most."""
    hook = functools.partial(_object, depth)
    return msgpack.unpackb(content, ext_hook=hook, strict_map_key=False)


def _object(depth: int, code: int, content: bytes) -> Any:
    """Return what `_plain` was given."""
    if not depth:
        raise ValueError("it is too deep")
    if code == _SCHEMA:
        return _schema(content)
    fields = _unpacked(content, depth - 1)
    if code == _ARRAY:
        dtype, shape, data = fields
        return np.frombuffer(data, dtype).reshape(shape)
    if code == _TUPLE:
        return tuple(fields)
    if code == _OBJECT:
        return TYPES[fields[0]](*fields[1:])
    raise ValueError(f"extension {code} is unknown")


@functools.lru_cache(_MOST_SCHEMAS)
def _packed_schema(schema: Schema) -> bytes:
    return encode(list(schema.curves))


@functools.lru_cache(_MOST_SCHEMAS)
def _schema(content: bytes) -> Schema:
    return Schema(tuple(_unpacked(content, 2)))
