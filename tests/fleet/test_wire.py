"""The wire carries every message unchanged, and refuses everything else."""

import dataclasses
import decimal
import functools
import pathlib
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import numpy as np
import pytest
from handmade import product, result
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jaxgrok.fleet import hello, wire
from jaxgrok.fleet.messages import Job, Order, Report

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(max_size=5)
    # Whatever their bits: infinities, signed zeros; NaN is no equal of itself.
    | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 99), inner, max_size=3)
    ),
    max_leaves=8,
)
ARRAYS = arrays.arrays(
    st.sampled_from(["<f4", "<f8", "<i4", "|u1", "|b1", "<f2"]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@functools.cache
def of_type(kind):
    """Draw a value that an annotation of a message allows."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return PLAIN
    if kind is np.ndarray:
        return ARRAYS
    if kind in wire.TYPES.values():
        return messages(kind)
    if origin in (Mapping, dict):
        return st.dictionaries(*map(of_type, arguments), max_size=2)
    if origin is tuple:
        return st.lists(of_type(arguments[0]), max_size=2).map(tuple)
    if origin in (Sequence, list):
        return st.lists(of_type(arguments[0]), max_size=2)
    if arguments:  # a choice
        return st.one_of(*map(of_type, arguments))
    if kind is type(None):
        return st.none()
    plain = {
        int: st.integers(-(2**63), 2**63),
        str: st.text(max_size=5),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
    }
    return plain[kind]


def messages(kind):
    """Draw messages of one kind, by the annotations of its fields."""
    return st.deferred(
        lambda: st.builds(
            kind,
            **{name: of_type(t) for name, t in typing.get_type_hints(kind).items()},
        )
    )


def same(one, two):
    """Whether two messages are equal, arrays and types included."""
    if isinstance(one, np.ndarray):
        return (
            isinstance(two, np.ndarray)
            and (one.dtype, one.shape) == (two.dtype, two.shape)
            and one.tobytes() == two.tobytes()
        )
    if type(one) is not type(two):
        return False
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(same(getattr(one, n), getattr(two, n)) for n in names)
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[k], two[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return bool(one == two)


@pytest.mark.parametrize(
    "kind", sorted(set(wire.TYPES) - {"Curve", "Result", "Report"})
)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_message_arrives_as_it_was_sent(kind, data):
    message = data.draw(messages(wire.TYPES[kind]))
    assert same(wire.decode(wire.encode(message)), message)


@settings(max_examples=40, deadline=None)
@given(ARRAYS)
def test_records_arrive_to_the_last_bit(records):
    sent = dataclasses.replace(result(product().cells[0]), records=records)
    assert same(wire.decode(wire.encode(sent)), sent)


def test_a_greeting_arrives():
    greeting = hello.here()
    assert wire.decode(wire.encode(greeting)) == greeting
    assert wire.decode(wire.encode(None)) is None


@pytest.mark.parametrize(
    "value",
    [
        pathlib.Path("a"),
        decimal.Decimal(1),
        {1, 2},
        print,
        object(),
        np.array([object()]),
        complex(1, 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_plain_data_is_not_sent(value):
    for message in (value, [value], Order({0: value}), _job(value)):
        with pytest.raises(TypeError, match="cannot be sent"):
            wire.encode(message)


def _job(value):
    return Job({"a": value}, "", "", "", "", "")


class Impostor(tuple):
    """Has the name of a message and is none."""


Impostor.__name__ = "Order"


def test_a_type_that_only_has_a_name_of_ours_is_sent_as_what_it_is():
    assert wire.decode(wire.encode(Impostor((1, 2)))) == (1, 2)


@pytest.mark.parametrize(
    "content",
    [
        (2, ["os.system", "true"]),
        (2, ["Order"]),
        (2, ["Order", {}, False, 1]),
        (2, [["Order"], 1]),
        (2, []),
        (2, 1),
        (2, ["__class__"]),
        (0, ["|O", [1], b"12345678"]),
        (0, ["<f4", [2], b"1234"]),
        (0, ["<f4", [1]]),
        (1, None),
        (3, 1),
        (9, [1]),
    ],
    ids=repr,
)
def test_bytes_of_anything_else_are_refused(content):
    code, fields = content
    extension = msgpack.ExtType(code, msgpack.packb(fields))
    for message in (extension, [extension], {"a": extension}):
        with pytest.raises(ValueError, match="not a message of jaxgrok"):
            wire.decode(msgpack.packb(message))


def test_a_message_without_end_is_refused():
    content = b""
    for _ in range(5_000):
        content = msgpack.packb(msgpack.ExtType(1, content))
    with pytest.raises(ValueError, match="not a message of jaxgrok"):
        wire.decode(content)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=40))
def test_no_bytes_do_more_than_be_refused(content):
    try:
        wire.decode(content)
    except ValueError as error:
        assert "not a message of jaxgrok" in str(error)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 200), st.binary(min_size=1, max_size=3))
def test_a_damaged_message_is_refused_or_another_message(at, noise):
    message = Report("a", hello.here().platform, {}, [result(product().cells[0])])
    content = wire.encode(message)
    at %= len(content)
    try:
        wire.decode(content[:at] + noise + content[at + len(noise) :])
    except ValueError as error:
        assert "not a message of jaxgrok" in str(error)
