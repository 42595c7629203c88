"""Training rows from files: numbers, pairs or a mask, or refused in one line."""

import numpy as np
import pytest

from jaxgrok.circuits.weight_files import train_index
from jaxgrok.tasks.modular import Modular


def rows(path, values):
    np.save(path / "rows.npy", values)
    return path / "rows.npy"


def test_training_rows_are_numbered_x_p_plus_y(tmp_path):
    task = Modular(modulus=5)
    found = train_index(rows(tmp_path, [7, 0, 24]), task)
    assert found.dtype == bool
    pairs = task.pool()[0][found, :2].tolist()
    assert pairs == [[0, 0], [1, 2], [4, 4]]
    # x/y has no y = 0: the pool is shorter, the numbering the same.
    quotient = Modular(operation="x/y", modulus=5)
    found = train_index(rows(tmp_path, np.array([7, 24], np.uint8)), quotient)
    assert quotient.pool()[0][found, :2].tolist() == [[1, 2], [4, 4]]


def test_a_mask_and_pairs_are_as_good_as_row_numbers(tmp_path):
    task, numbers = Modular(modulus=5), [7, 0, 24]
    expected = train_index(rows(tmp_path, numbers), task)
    mask = np.isin(np.arange(25), numbers)
    pairs = np.array([divmod(number, 5) for number in numbers], np.uint8)
    tokens = np.pad(pairs, ((0, 0), (0, 1)), constant_values=5)
    for form in (mask, mask.reshape(5, 5), pairs, tokens):
        np.testing.assert_array_equal(train_index(rows(tmp_path, form), task), expected)


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        ([0, 25], {}, r"row 25 is no pair of x\+y mod 5; rows are x·5 \+ y, 0 … 24"),
        ([-1], {}, "row -1 is no pair"),
        ([3, 5], {"operation": "x/y"}, "row 5 is no pair of x/y mod 5; .* 1 … 24"),
        ([3, 4, 3], {}, "row 3 is there more than once"),
        ([3.0], {}, r"holds float64 \[1\]; expected row numbers x·p \+ y, integers"),
        ([True], {}, r"holds bool \[1\]; expected row numbers"),
        (np.ones(24, bool), {}, r"holds bool \[24\]; .* a mask, bool \[25\]$"),
        (np.zeros(25, bool), {}, r"holds bool \[25\]; .* at least one"),
        (np.ones(25, bool), {"operation": "x/y"}, "row 0 is no pair of x/y mod 5"),
        ([[0, 5]], {}, r"holds int64 \[1, 2\]; .* pairs, integers \[examples, 2\]"),
        ([[0, 1, 4]], {}, r"holds int64 \[1, 3\]"),
        ([[3]], {}, r"holds int64 \[1, 1\]; expected row numbers"),
        (np.zeros(0, int), {}, r"holds int64 \[0\]; .* at least one"),
        (np.array([None]), {}, r"rows\.npy is not a \.npy file of numbers"),
    ],
)
def test_other_rows_are_refused(tmp_path, values, task, words):
    path = rows(tmp_path, values)
    with pytest.raises(ValueError, match=words) as caught:
        train_index(path, Modular(**({"modulus": 5} | task)))
    assert "rows.npy" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_text_file_holds_no_rows(tmp_path):
    for text in ("", "1 2 3"):
        (tmp_path / "rows.npy").write_text(text)
        with pytest.raises(ValueError, match=r"rows\.npy is not a \.npy file"):
            train_index(tmp_path / "rows.npy", Modular(modulus=5))
