"""Which cells a user means."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
        ("seed=7", "no cell has seed=7; there are 0, 1"),
        ("loss=exakt", "no cell has loss=exakt; there are exact, float32"),
        ("seed", "cell 'seed' is not understood; write an index, or axis values"),
        ("seed=", "is not understood"),
        ("5,seed=0", "cell '5,seed=0' is not understood"),
        ("²", "cell '²' is not understood"),
        ("9" * 5000, "cell 9+ does not exist; take 0 … 15"),
        (10**400, r"cell 10\^400 does not exist"),
        (1.5, "cell 1.5 is not understood"),
        (None, "cell None is not understood"),
        ({"seed": 10**400}, r"no cell has seed=10\^400"),
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
    axes = [{"seed": seed} for seed in range(99)]
    with pytest.raises(ValueError, match=r"there are 0, 1, .*, … \(99 in all\)$"):
        selector.matching(axes, "seed=100")


def test_one_names_the_axes_that_are_missing():
    with pytest.raises(ValueError, match="fits 4 cells; say more: layer_norm, seed"):
        selector.one(AXES, "weight_decay=1.0,loss=exact")


@pytest.mark.parametrize("written", ["rate=0.3", {"rate": 0.3}])
def test_floats_match_nearly(written):
    axes = [{"rate": float(rate)} for rate in np.linspace(0, 1, 11)]
    assert axes[3]["rate"] != 0.3
    assert selector.matching(axes, written) == [3]


def test_the_nearest_is_not_taken_for_a_value_that_is_there():
    axes = [{"rate": 0.3 + 1e-12, "seed": 2**31 - 1}, {"rate": 0.3, "seed": 2**31 - 2}]
    assert selector.matching(axes, "rate=0.3") == [1]
    # Whole numbers are exact.
    assert selector.matching(axes, f"seed={2**31 - 1}") == [0]
    with pytest.raises(ValueError, match=f"no cell has seed={2**31 - 3}"):
        selector.matching(axes, f"seed={2**31 - 3}")


@pytest.mark.parametrize(
    ("written", "indices"),
    [
        ("decay_on=W_E,b_*", [0]),
        ("decay_on=W_E,b_*,operation=x/y", [0]),
        ("operation=x/y,decay_on=all", [1]),
        ("operations=x+y, x-y", [1]),
        ("label=1", [0]),
        ({"label": np.str_("1"), "operation": "x/y"}, [0]),
    ],
)
def test_a_value_may_hold_commas_and_signs_and_look_like_a_number(written, indices):
    first = {"operations": "x+y,x*y", "decay_on": "W_E,b_*", "label": "1"}
    second = {"operations": "x+y, x-y", "decay_on": "all", "label": "2"}
    axes = [values | {"operation": "x/y"} for values in (first, second)]
    assert selector.matching(axes, written) == indices


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(
    st.text(max_size=20)
    | st.lists(st.sampled_from(["seed", "=", "0", ",", "1.0", "loss", "x", " "])).map(
        "".join
    )
    | st.integers()
    | st.floats()
    | st.none()
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(
        st.sampled_from(["seed", "loss", "x"]),
        st.integers() | st.floats() | st.text(max_size=9) | st.none() | st.booleans(),
        max_size=2,
    )
)
def test_whatever_is_written_are_cells_or_one_short_line(written):
    try:
        assert set(selector.matching(AXES, written)) <= set(range(16))
    except ValueError as error:
        text = " ".join(str(error).split())
        assert text.startswith("cell") and len(text) <= 200


def test_the_axes_that_are_named():
    assert selector.axes_of("weight_decay=1.0, seed=0") == ("weight_decay", "seed")
    assert selector.axes_of({"seed": 0}) == ("seed",)
    # A comma without an equals sign belongs to a value.
    assert selector.axes_of("decay_on=W_E,W_U,seed=0") == ("decay_on", "seed")


@pytest.mark.parametrize("written", ["3", 3, "seed", ""])
def test_an_index_names_no_axes(written):
    with pytest.raises(
        ValueError, match=r"^baseline .*(must be axis values|not under)"
    ):
        selector.axes_of(written, "baseline")


def test_messages_call_a_selector_what_it_is():
    for written in ("nothing=1", "seed=99", "99", "seed"):
        with pytest.raises(ValueError, match=r"^baseline"):
            selector.matching(AXES, written, "baseline")
