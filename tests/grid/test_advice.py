"""Warnings that come before anything is trained."""

import pytest

import tiny
from jaxgrok import grid
from jaxgrok.grid.advice import advice


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"steps": (30,)}, None),
        ({"steps": (20,)}, "steps=20"),
        ({"steps": (10, 20, 30)}, "steps=10, 20"),
        ({"steps": (20,), "hold": 2}, None),
        ({"steps": (20,), "eval_every": 5}, None),
        ({"steps": (40,), "hold": 5}, "steps=40"),
    ],
)
def test_a_budget_that_holds_no_evaluations_in_a_row_is_named(fields, names):
    lines = advice(grid.resolve(tiny.config(**fields)))
    assert len(lines) == (names is not None)
    for line in lines:
        assert line.startswith(f"warning: {names} is fewer than hold=")
