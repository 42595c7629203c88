"""A method: a rule, and the fields that it alone has."""

import pytest

from jaxgrok.fields.field import Field
from jaxgrok.training.method import Method

RHO, PARTS = Field("rho", 0.5, low=0), Field("parts", 2)


def test_numbers_are_traced_and_what_shapes_the_program_is_not():
    method = Method(max, fields=(RHO,), static=(PARTS,))
    assert list(method.rows) == ["rho", "parts"]
    assert [row.traced for row in method.rows.values()] == [True, False]
    assert list(method.traced_rows) == ["rho"] and list(method.static_rows) == ["parts"]
    method.check("mine", "x")


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Method(3), "mine must be a function of x and y"),
        (Method(max, (Field("word", "a"),)), "a name and a number as its default"),
        (Method(max, (Field("flag", True),)), "a name and a number as its default"),
        (Method(max, (), (Field("none"),)), "a name and a plain value as its default"),
        (Method(max, (), (Field("all", {}),)), "a name and a plain value as its def"),
        (Method(max, (), ("rho",)), "'rho' must be a Field with a name and a plain"),
    ],
)
def test_what_is_no_method_is_refused(method, message):
    with pytest.raises(ValueError, match=message):
        method.check("mine", "x and y")


def test_any_setup_will_do_unless_the_method_says_otherwise():
    assert Method(max).refuse(None) is None
