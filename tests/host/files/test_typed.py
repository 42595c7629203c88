"""What is read is of the types that were declared, or refused."""

import dataclasses
from typing import Any

import pytest

from jaxgrok.host.files.typed import record, typed


@dataclasses.dataclass
class Part:
    name: str
    share: float = 0.5


@dataclasses.dataclass
class Whole:
    parts: tuple[Part, ...]
    pair: tuple[int, str] | None
    steps: dict[str, list[int | None]]
    any: Any = None


GOOD = {
    "parts": [{"name": "a"}, {"name": "b", "share": 1}],
    "pair": [3, "x"],
    "steps": {"k": [1, None]},
}


def test_lists_become_tuples_and_dicts_become_records():
    parts = (Part("a"), Part("b", 1))
    assert record(Whole, GOOD) == Whole(parts, (3, "x"), {"k": [1, None]})
    assert record(Whole, GOOD | {"pair": None}).pair is None


@pytest.mark.parametrize(
    "change",
    [
        {"parts": [{"name": 3}]},
        {"parts": [{}]},
        {"parts": {"name": "a"}},
        {"pair": [3]},
        {"pair": [True, "x"]},
        {"pair": [2**80, "x"]},
        {"steps": {"k": ["1"]}},
        {"steps": [1]},
        {"colour": 1},
    ],
)
def test_another_type_is_refused(change):
    with pytest.raises(ValueError):
        record(Whole, GOOD | change)


def test_a_value_is_of_its_type():
    assert typed(3, int) == 3
    for value, kind in (("3", int), (True, int), (3, str), (None, dict)):
        with pytest.raises(ValueError, match="is no"):
            typed(value, kind)
