"""Which cells a user means."""

import itertools

import pytest

from jaxgrok.grid import selector

AXES = [
    {"weight_decay": decay, "loss": loss, "layer_norm": norm, "seed": seed}
    for decay, loss, norm, seed in itertools.product(
        (0.1, 1.0), ("exact", "float32"), (False, True), (0, 1)
    )
]


@pytest.mark.parametrize("written", [3, "3", " 3 "])
def test_an_index(written):
    assert selector.matching(AXES, written) == [3]
    assert selector.one(AXES, written) == 3


@pytest.mark.parametrize(
    ("written", "indices"),
    [
        ("seed=0", range(0, 16, 2)),
        ("weight_decay=1", range(8, 16)),
        ("weight_decay = 1.0 , loss=exact", range(8, 12)),
        ("layer_norm=True,seed=1", (3, 7, 11, 15)),
        ({"loss": "float32", "weight_decay": 0.1}, range(4, 8)),
        ({}, range(16)),
    ],
)
def test_axis_values(written, indices):
    assert selector.matching(AXES, written) == list(indices)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (16, r"cell 16 does not exist; take 0 … 15"),
        (-1, r"cell -1 does not exist"),
        (
            "sed=0",
            "axis 'sed' is unknown; axes are weight_decay, loss, ",
        ),
        ("seed=7", "no cell has seed=7.0; there are 0, 1"),
        ("loss=exakt", "no cell has loss=exakt; there are exact, float32"),
        ("seed", "cell 'seed' is not understood; write an index, or axis values"),
        ("seed=", "is not understood"),
    ],
)
def test_what_fits_no_cell_is_refused(written, message):
    with pytest.raises(ValueError, match=message):
        selector.matching(AXES, written)


def test_only_values_that_go_with_the_axes_before_are_offered():
    axes = [{"n_train": 10, "seed": 0}, {"n_train": 20, "seed": 5}]
    with pytest.raises(ValueError, match=r"there are 5$"):
        selector.matching(axes, "n_train=20,seed=0")


def test_many_values_are_cut_short():
    axes = [{"seed": seed} for seed in range(30)]
    with pytest.raises(ValueError, match=r"there are 0, 1, .*, 11 …$"):
        selector.matching(axes, "seed=99")


def test_one_names_the_axes_that_are_missing():
    with pytest.raises(ValueError, match="fits 4 cells; say more: layer_norm, seed"):
        selector.one(AXES, "weight_decay=1.0,loss=exact")
