"""Registries: what a name stands for, and what cannot be registered."""

import pytest

from jaxgrok.fields.registry import Registry


def even(words, entry):
    if entry % 2:
        raise ValueError(f"{words} must be even")


@pytest.fixture
def numbers():
    return Registry("number", {"two": 2, "four": 4}, even)


def test_what_is_registered_is_known_by_name(numbers):
    numbers.register("six", 6)
    assert numbers["six"] == 6 and list(numbers) == ["two", "four", "six"]
    assert "six" in numbers and "eight" not in numbers and ["six"] not in numbers
    assert dict(numbers) == {"two": 2, "four": 4, "six": 6}


def test_a_name_may_be_registered_again_but_a_shipped_one_is_taken(numbers):
    numbers.register("six", 6)
    numbers.register("six", 66)
    assert numbers["six"] == 66
    with pytest.raises(ValueError, match="number='two' is taken; choose another name"):
        numbers.register("two", 22)


@pytest.mark.parametrize("name", ["", "  ", 3])
def test_a_name_is_a_string(numbers, name):
    with pytest.raises(ValueError, match="must be a name, a string"):
        numbers.register(name, 2)


def test_a_wrong_entry_is_refused_where_it_is_registered(numbers):
    with pytest.raises(ValueError, match="number 'three' must be even"):
        numbers.register("three", 3)
    assert "three" not in numbers


def test_an_unknown_name_lists_the_names_and_the_nearest(numbers):
    message = "number='for' is unknown; did you mean 'four'? choose one of two, four"
    with pytest.raises(ValueError) as error:
        numbers["for"]
    assert str(error.value) == message
    with pytest.raises(ValueError, match="number=3 must be a string"):
        numbers[3]
