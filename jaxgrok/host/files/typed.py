"""What was read of a file as the types that it must have, whoever wrote it.

>>> record(Usage, {"busy": 3, "executed": 4})
Usage(busy=3, executed=4)
>>> typed("3", int)
ValueError: '3' is no int
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
LARGEST = 2**63
"""Numbers that are whole are smaller than it."""


def typed(value: Any, kind: Any) -> Any:
    """Return a value if it is of a type; ValueError if not. A bool is no number."""
    is_bool = isinstance(value, bool) and kind is not bool
    if is_bool or not isinstance(value, kind) or _is_huge(value):
        raise ValueError(f"{str(value)[:40]!r} is no {getattr(kind, '__name__', kind)}")
    return value


def record(cls: type[T], entries: Any) -> T:
    """Return a dataclass from its fields as JSON has them, each of its type.

    Lists become tuples where the field is one; what lies in an `Any` is not looked at.

    Raises:
        ValueError: a field is missing, unknown, or of another type.
    """
    kind: Any = cls
    made: T = _reader(kind)(entries)
    return made


@functools.cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """Return what reads values of a type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return lambda value: value
    if dataclasses.is_dataclass(kind):
        return _of_fields(typing.cast(type, kind))
    if origin in (types.UnionType, typing.Union):
        return _of_choices([_reader(choice) for choice in arguments])
    if origin is tuple:
        return _of_tuple(arguments)
    if origin is list:
        item = _reader(arguments[0])
        return lambda value: [item(entry) for entry in typed(value, list)]
    if origin is dict or origin is Mapping:
        entry = _reader(arguments[1])
        return lambda value: {
            typed(name, str): entry(part) for name, part in typed(value, dict).items()
        }
    if kind is float:
        return lambda value: typed(value, int | float)
    return lambda value: typed(value, kind)


def _of_fields(cls: type) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(cls)
    readers = {f.name: _reader(hints[f.name]) for f in dataclasses.fields(cls)}

    def read(value: Any) -> Any:
        entries = typed(value, dict)
        if unknown := entries.keys() - readers.keys():
            raise ValueError(f"{min(unknown)!r} is unknown")
        try:
            return cls(**{name: readers[name](part) for name, part in entries.items()})
        except TypeError as error:  # a field is missing
            raise ValueError(str(error)) from None

    return read


def _of_choices(readers: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        for reader in readers[:-1]:
            try:
                return reader(value)
            except ValueError:
                continue
        return readers[-1](value)

    return read


def _of_tuple(arguments: tuple[Any, ...]) -> Callable[[Any], Any]:
    if arguments[1:] == (...,):
        item = _reader(arguments[0])
        return lambda value: tuple(item(part) for part in _listed(value))
    items = [_reader(argument) for argument in arguments]

    def read(value: Any) -> Any:
        pairs = zip(items, _listed(value), strict=True)
        return tuple(reader(part) for reader, part in pairs)

    return read


def _listed(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{str(value)[:40]!r} is no list")
    return value


def _is_huge(value: Any) -> bool:
    return isinstance(value, int) and abs(value) >= LARGEST
