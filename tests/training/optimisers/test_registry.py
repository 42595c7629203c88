"""Optimisers of users, with fields of their own."""

import optax
import pytest

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.fields.field import Field
from jaxgrok.training import optimisers
from stepped import RATE, by_hand, run, same


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(optimisers.OPTIMISERS, "_entries", dict(optimisers.OPTIMISERS))


def test_a_registered_optimiser_reads_its_own_number_from_the_lane():
    def slow(setup, lane, rate, mask):
        return optax.sgd(rate * lane.own["rho"])

    jaxgrok.optimisers.register("slow", slow, Field("rho", 0.5, low=0, below=1))
    slowed = run(optimiser="slow", rho=0.25)
    same(slowed, by_hand(lambda w, g, *_: w - 0.25 * RATE * g))


def divided(setup, lane, rate, mask):
    return optax.sgd(rate / setup.own["parts"])


def test_a_registered_optimiser_reads_what_shapes_it_from_the_setup():
    parts = Field("parts", 2, low=1)
    jaxgrok.optimisers.register("divided", divided, static=(parts,))
    for fields, count in ({}, 2), ({"parts": 4}, 4):
        divided_by = by_hand(lambda w, g, *_, n=count: w - RATE / n * g)
        same(run(optimiser="divided", **fields), divided_by)
    config = tiny.config(optimiser="divided", parts=(2, 4))
    programs = grid.resolve(config)
    assert [group.setup.own for group in programs.groups] == [
        {"parts": 2},
        {"parts": 4},
    ]
    assert len({cell.id for cell in programs.cells}) == 2
    assert hash(programs.groups[0].setup) != hash(programs.groups[1].setup)
    with pytest.raises(ValueError, match="parts=0 must be at least 1"):
        grid.resolve(tiny.config(optimiser="divided", parts=0))


def test_what_shapes_an_optimiser_is_part_of_its_own_cells_only():
    plain = grid.resolve(tiny.config()).cells[0].id
    jaxgrok.optimisers.register("divided", divided, static=(Field("parts", 2),))
    config = tiny.config()
    config.chain = {"divided": {"optimiser": "divided"}, "adamw": {}}
    first, second = grid.resolve(config).cells
    assert second.id == plain != first.id


@pytest.mark.parametrize(
    ("rule", "row", "message"),
    [
        (3, Field("rho", 0.5), "optimiser 'mine' must be a function of setup, lane"),
        (max, Field("rho", "a"), "must be a Field with a name and a number as its def"),
        (max, Field("rho"), "must be a Field with a name and a number as its default"),
        (
            max,
            Field("", 0.5),
            "must be a Field with a name and a number as its default",
        ),
        (max, "rho", "'rho' must be a Field with a name and a number as its default"),
    ],
)
def test_what_is_no_optimiser_is_refused(rule, row, message):
    with pytest.raises(ValueError, match=message):
        jaxgrok.optimisers.register("mine", rule, row)


def test_a_static_field_without_a_plain_default_is_refused():
    with pytest.raises(ValueError, match="a name and a plain value as its default"):
        jaxgrok.optimisers.register("mine", max, static=(Field("rho"),))
