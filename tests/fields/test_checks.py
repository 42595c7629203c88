"""Checks of a value: types, ranges, choices, axes, and the words that refuse."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest

from jaxgrok.fields.checks import (
    allowed,
    check,
    check_all,
    check_axis,
    check_rounded,
    refuse_twice,
    unknown_field,
)
from jaxgrok.fields.field import Field, field

WHOLE = Field("heads", 4, low=1)
SHARE = Field("share", 0.5, low=0, below=1)
CHOICE = Field("stop", "grokked", choices=("grokked", "steps"))


@pytest.mark.parametrize(
    ("row", "value", "expected"),
    [
        (WHOLE, np.int64(3), 3),
        (SHARE, 0, 0.0),
        (SHARE, np.float32(0.25), 0.25),
        (Field("flag", True), False, False),
        (CHOICE, "steps", "steps"),
        (Field("data"), [1], [1]),
        (Field("chain", {}), {"a": 1}, {"a": 1}),
    ],
)
def test_a_value_comes_back_in_the_type_of_its_field(row, value, expected):
    checked = check(row, value)
    assert checked == expected and type(checked) is type(expected)


@pytest.mark.parametrize(
    ("row", "value", "message"),
    [
        (WHOLE, 2.0, r"heads=2.0 must be a whole number$"),
        (WHOLE, True, r"heads=True must be a whole number$"),
        (WHOLE, 0, r"heads=0 must be at least 1$"),
        (SHARE, 1, r"share=1.0 must be in \[0, 1\)$"),
        (SHARE, -0.5, r"share=-0.5 must be in \[0, 1\)$"),
        (SHARE, math.nan, r"share=nan must be a finite number$"),
        (SHARE, "a", r"share='a' must be a finite number$"),
        (Field("flag", True), 1, r"flag=1 must be True or False$"),
        (CHOICE, "never", r"stop='never' must be one of grokked, steps$"),
        (CHOICE, 3, r"stop=3 must be a string$"),
    ],
)
def test_another_type_or_value_is_refused(row, value, message):
    with pytest.raises(ValueError, match=message):
        check(row, value)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"low": 1}, "at least 1"),
        ({"above": 0}, "more than 0"),
        ({"high": 9}, "at most 9"),
        ({"below": 9}, "less than 9"),
        ({"low": 0, "high": 9}, "0 … 9"),
        ({"low": 0, "below": 9, "kind": float}, "in [0, 9)"),
        ({"above": 0, "high": 1, "kind": float}, "in (0, 1]"),
        ({}, "a whole number"),
        ({"choices": "ab"}, "one of a, b"),
    ],
)
def test_what_is_allowed_in_words(facts, words):
    assert allowed(Field("x", **{"kind": int} | facts)) == words


def test_an_axis_comes_back_in_the_type_of_its_field():
    values = check_axis(SHARE, (0, np.float64(0.5)))
    assert values == (0.0, 0.5) and {type(value) for value in values} == {float}


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ([1, 2], r"heads=\[1, 2\] is a list; axes are tuples: write \(1, 2\)"),
        (3, r"heads=3 is an int; axes are tuples: write \(3,\)"),
        ((1, 1), r"heads=\(1, 1\) holds 1 twice; drop one"),
        ((1, 0), "heads=0 must be at least 1"),
    ],
)
def test_a_wrong_axis_is_refused(axis, message):
    with pytest.raises(ValueError, match=message):
        check_axis(WHOLE, axis)


def test_a_zipped_axis_may_hold_a_value_twice_and_has_the_name_it_is_given():
    assert check_axis(WHOLE, (1, 1), zipped=True) == (1, 1)
    with pytest.raises(ValueError, match=r"chain\.a\.heads=0 must be at least 1"):
        check_axis(WHOLE, (0,), name="chain.a.heads")


def test_a_dataclass_checks_its_own_fields_under_their_names():
    @dataclasses.dataclass(frozen=True)
    class Thresholds:
        accuracy: float = field(0.9, name="accuracy_threshold", high=1, help="share")

        def __post_init__(self):
            check_all(self)

    Thresholds()
    with pytest.raises(ValueError, match=r"accuracy_threshold=2\.0 must be at most 1"):
        Thresholds(2.0)


@pytest.mark.parametrize(
    "value", [10**400, Fraction(10**400, 3), np.longdouble("1e4000")]
)
def test_a_number_beyond_every_float_is_refused(value):
    with pytest.raises(ValueError, match=r"share=.* must be a finite number"):
        check(SHARE, value)


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (
            0.99999999,
            "float32",
            r"share=0.99999999 is 1.0 in float32; it must be in \[0",
        ),
        (1e-46, "float32", "share=1e-46 must be 0, or at least 1.17549e-38 in float32"),
        (
            1e-320,
            "float64",
            "share=1e-320 must be 0, or at least 2.22507e-308 in float64",
        ),
        (1e39, "float32", "share=1e\\+39 must be at most 3.40282e\\+38 in float32"),
    ],
)
def test_a_number_must_be_allowed_as_it_is_computed_with(value, dtype, message):
    with pytest.raises(ValueError, match=message):
        check_rounded(SHARE, value, dtype)
    check_rounded(SHARE, 0.99999999, "float64")
    check_rounded(SHARE, 0.0, "float32")


def test_two_values_that_are_computed_as_one_are_refused():
    axis = (0.1, 0.1000000001)
    assert check_axis(SHARE, axis) == axis
    with pytest.raises(ValueError, match=r"0.1 and 0.1000000001, which are one number"):
        check_axis(SHARE, axis, dtype="float32")


def test_minus_zero_is_zero():
    assert str(check(SHARE, -0.0)) == "0.0"


def test_half_of_a_surrogate_pair_is_no_string():
    with pytest.raises(ValueError, match=r"name='\\udc80' must be a string"):
        check(Field("name", "a"), "\udc80")


@pytest.mark.parametrize("axis", [np.arange(1, 3), range(1, 3), (np.int8(1), 2)])
def test_arrays_and_ranges_are_axes(axis):
    values = check_axis(WHOLE, axis)
    assert values == (1, 2) and {type(value) for value in values} == {int}


@pytest.mark.parametrize("value", [[1], {}, {1}])
def test_what_has_no_hash_is_no_value_of_an_axis(value):
    with pytest.raises(ValueError, match="take numbers or words"):
        refuse_twice("bits", (1, value))


@pytest.mark.parametrize("value", [None, {1}, math.nan, 10**400, "0"])
def test_the_way_to_write_an_axis_is_one_that_works(value):
    with pytest.raises(ValueError, match=r"write \(0, 1\)$"):
        check_axis(WHOLE, value)


def test_an_unknown_field_among_many_is_told_in_short():
    names = [f"field_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert unknown_field("zzz", names).endswith(", … (26 in all)")
    assert unknown_field("fieldd_a", names).endswith("did you mean 'field_a'?")
