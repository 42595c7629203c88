"""NumPy's values as Python's, and any value in a few characters."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxgrok.fields.values import MOST_VALUES, WIDTH, listed, plain, shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("exact"), "exact"),
        (np.float32(0.1), 0.1),
        (np.float64(0.1), 0.1),
        (np.array(5), 5),
        (np.array([1, 2]), (1, 2)),
        (jnp.arange(2), (0, 1)),
        (pd.Series([0.5, 1.0]), (0.5, 1.0)),
        (range(3), (0, 1, 2)),
        ((np.int8(1), "a"), (1, "a")),
        ({"part": {"seed": np.arange(2)}}, {"part": {"seed": (0, 1)}}),
        ([np.int64(1)], [np.int64(1)]),
        (np.ones((2, 1)), ((1.0,), (1.0,))),
        (np.zeros((0, 2)), ()),
        (np.array([np.arange(2), "a"], object), ((0, 1), "a")),
        (int, int),
    ],
)
def test_numpys_values_become_pythons(value, expected):
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


def test_an_endless_range_is_cut_past_what_a_grid_may_have():
    assert len(plain(range(10**30))) == MOST_VALUES + 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        ("a\nb", r"'a\nb'"),
        (10**400, "10^400"),
        ((10**400,), "(10^400,)"),
        (tuple(range(9)), "(0, 1, 2, 3, 4, 5, ...)"),
    ],
)
def test_a_value_is_shown_as_it_is_written(value, text):
    assert shown(value) == text


def test_a_number_that_python_does_not_write_out_is_shown():
    assert shown(-(10**5000)) == "-10^5000"


@pytest.mark.parametrize(
    "value", ["x" * 999, np.ones((9, 9)), object(), [["x" * 99]] * 9]
)
def test_a_value_is_shown_in_one_short_line(value):
    assert len(shown(value)) <= WIDTH and "\n" not in shown(value)


def test_names_are_listed_as_far_as_they_fit():
    assert listed(["a", "b"]) == "a, b"
    assert listed(map(str, range(99)), 12) == "0, 1, 2, 3, … (99 in all)"
    assert listed(["x" * 999]).endswith("… (1 in all)")
