"""A lane is a pytree of scalars, in the order of its attributes."""

import jax

from jaxgrok.fields.field import rows
from jaxgrok.training.lane import Lane

NUMBERS = {name: value for value, name in enumerate(rows(Lane), 1)}


def test_leaves_of_a_lane_are_in_the_order_of_its_attributes():
    leaves = jax.tree.leaves(Lane(**NUMBERS))
    assert leaves == list(range(1, len(NUMBERS) + 1))
    last = jax.tree.leaves(Lane(**NUMBERS, own={"rho": 99}))
    assert last == [*leaves, 99]


def test_every_field_of_a_lane_is_traced():
    assert all(row.traced for row in rows(Lane).values())
