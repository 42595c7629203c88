"""Rows of fields: from a dataclass' attributes, written once."""

import dataclasses

import pytest

from jaxgrok.fields.field import Field, field, rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Owner:
    """Attributes of every sort."""

    data: object
    width: int = field(3, low=1, unit="neurons", help="a width")
    accuracy: float = field(0.5, name="threshold", above=0, high=1, help="a share")
    count: int = field(kind=int, traced=True, help="no default")
    parts: dict = field({}, help="a dict")
    plain: str = "relu"
    bare: int
    derived: int = dataclasses.field(default=0, init=False)


def owner(**values):
    return Owner(data=None, count=1, bare=2, **values)


def test_described_attributes_are_rows():
    assert list(rows(Owner)) == ["width", "threshold", "count", "parts"]
    width = rows(Owner)["width"]
    assert (width.name, width.attribute, width.default) == ("width", "width", 3)
    assert (width.kind, width.low, width.unit) == (int, 1, "neurons")


def test_a_field_may_have_another_name_than_its_attribute():
    row = rows(Owner)["threshold"]
    assert (row.name, row.attribute, row.kind) == ("threshold", "accuracy", float)


def test_plain_attributes_are_rows_where_asked_for():
    plain = rows(Owner, plain=True)
    assert "derived" not in plain
    assert (plain["plain"].default, plain["plain"].kind) == ("relu", str)
    assert (plain["bare"].default, plain["bare"].kind) == (None, int)


def test_the_dataclass_keeps_its_defaults():
    made = owner()
    assert (made.width, made.accuracy, made.parts) == (3, 0.5, {})
    assert owner().parts is not owner().parts
    with pytest.raises(TypeError, match="count"):
        Owner(data=None, bare=2)


def test_the_kind_follows_from_the_default():
    assert Field("rho", 0.5).kind is float
    assert Field("rho").kind is object
    assert Field("flag", True).kind is bool


def test_a_traced_field_is_an_axis_of_its_default():
    assert Field("seed", 0, traced=True).axis == (0,)
    assert Field("n_train", kind=int, traced=True).axis == ()


def test_choices_may_be_told_later():
    names = ["a"]
    row = Field("loss", "a", choices=lambda: names)
    names.append("b")
    assert row.names == ("a", "b")
