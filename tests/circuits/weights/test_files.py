"""Training rows and weights from files: read, or refused in one line."""

import json
import tempfile
from pathlib import Path

import elsewhere
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgrok.circuits.weights.files import train_index
from jaxgrok.circuits.weights.transformerlens import load_npz
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


def good_arrays():
    """Arrays without the biases that our usual model has not."""
    arrays = elsewhere.random_arrays()
    return {n: w for n, w in arrays.items() if ".mlp." in n or ".b_" not in n}


NAMES = st.sampled_from(sorted(good_arrays()))
# A zip cuts a name at a zero byte: that would be the good file again.
SUFFIXES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
DTYPES = ["f2", "f8", ">f4", "i4", "u1", "?", "c8", "U3", "S2", "M8[s]"]
FIELDS = (
    "n_layers d_model n_heads act_fn normalization_type modulus attn_only operation "
    "biases table_seed eps task seed"
)
CONFIGS = st.dictionaries(
    st.sampled_from(FIELDS.split()),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([]),
    max_size=2,
)
SPOILED = st.one_of(
    st.tuples(st.just("drop"), NAMES),
    st.tuples(st.just("rename"), NAMES, SUFFIXES),
    st.tuples(st.just("transpose"), NAMES),
    st.tuples(st.just("shape"), NAMES, st.lists(st.integers(0, 9), max_size=4)),
    st.tuples(
        st.just("value"), NAMES, st.sampled_from([np.nan, np.inf, -np.inf, 1e30])
    ),
    st.tuples(st.just("dtype"), NAMES, st.sampled_from(DTYPES)),
    st.tuples(st.just("pickle"), NAMES),
    st.tuples(st.just("swap"), NAMES, NAMES),
    st.tuples(
        st.just("add"), st.sampled_from(["step", "blocks.1.attn.W_Q", "x.mlp.y"])
    ),
    st.tuples(st.just("truncate"), st.floats(0, 1)),
    st.tuples(st.just("flip"), st.floats(0, 1), st.integers(1, 255)),
    st.tuples(st.just("config"), CONFIGS),
)
"""What is done to a good file."""


def spoil(folder, kind, *arguments):
    """Write a file with something wrong; return its path, and what it should hold."""
    arrays, path = good_arrays(), folder / "m.npz"
    (folder / "cfg.json").unlink(missing_ok=True)
    name, *rest = arguments
    if kind == "drop":
        del arrays[name]
    elif kind == "rename":
        arrays[f"{name}{rest[0]}".replace("/", "")] = arrays.pop(name)
    elif kind == "transpose":
        arrays[name] = (
            arrays[name].swapaxes(-1, -2) if arrays[name].ndim > 1 else arrays[name]
        )
    elif kind == "shape":
        arrays[name] = np.ones(rest[0], "f4")
    elif kind == "value":
        arrays[name].flat[0] = rest[0]
    elif kind == "dtype":
        arrays[name] = np.round(arrays[name]).astype("i8").astype(rest[0])
    elif kind == "pickle":
        arrays[name] = np.array([None, {}], object)
    elif kind == "swap":
        arrays[name], arrays[rest[0]] = arrays[rest[0]], arrays[name]
    elif kind == "add":
        arrays[name] = np.ones(3, "f4")
    elif kind == "config":
        (folder / "cfg.json").write_text(json.dumps(name))
    np.savez(path, **arrays)
    content = bytearray(path.read_bytes())
    if kind == "truncate":
        path.write_bytes(content[: int(name * len(content))])
    if kind == "flip":
        content[min(int(name * len(content)), len(content) - 1)] ^= rest[0]
        path.write_bytes(content)
    return path, arrays


# The database would be a folder in the checkout.
@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(SPOILED)
def test_a_spoiled_file_is_named_in_one_line_or_is_harmless(spoiled):
    with tempfile.TemporaryDirectory() as folder:
        path, arrays = spoil(Path(folder), *spoiled)
        try:
            task, model, params = load_npz(path)
        except ValueError as error:
            text = str(error).removeprefix(folder)
            assert "\n" not in text and len(text) < 300
            assert text.startswith(("/m.npz", "/cfg.json")), text
            return
    # What was read is what was written, and it is a network's.
    assert task.modulus == 5
    for name, array in params.items():
        assert array.dtype in (np.float32, np.float64) and np.isfinite(array).all()
        np.testing.assert_array_equal(array, arrays.get(name, 0), name)
    form = jax.eval_shape(
        model.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 3), np.int32)
    )
    assert {n: leaf.shape for n, leaf in form["params"].items()} == {
        n: array.shape for n, array in params.items()
    }
