"""Lanes in a packed file are read one by one, bitwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxgrok.engine.engine import ResumeState
from jaxgrok.host.files.packed_files import packed, write_packed
from jaxgrok.results.files import saved_lanes
from jaxgrok.results.files.saved_lanes import SavedLane

BITS = {"jaxlib": "0.10.2", "cpu_threads": 2}
LEAVES = {
    "scalar": np.float32(0.1),
    "key": np.uint32([1, 2**32 - 1]),
    "empty": np.zeros((0, 3), np.float32),
    "matrix": np.arange(6.0).reshape(2, 3),
    "not a number": np.float32([np.nan, -0.0, np.inf]),
    "bytes of odd number": np.int8([1, 2, 3]),
    "flag": np.bool_(True),
}


def lane(*leaves, offset=0, evals=3):
    records = np.arange(evals * 2, dtype=np.float32).reshape(evals, 2)
    return SavedLane(ResumeState(offset, list(leaves)), records, (BITS,))


@given(st.lists(st.lists(st.sampled_from(sorted(LEAVES))), min_size=1, max_size=3))
def test_a_lane_is_bitwise_what_it_was_whatever_is_beside_it(names):
    lanes = {
        str(index): lane(*(LEAVES[name] for name in chosen), offset=index)
        for index, chosen in enumerate(names)
    }
    head, arrays = saved_lanes.encode(lanes)
    for name, one in lanes.items():
        again = saved_lanes.decode(head, arrays, name)
        assert again.state.offset == one.state.offset
        assert again.computed_with == (BITS,)
        np.testing.assert_array_equal(again.records, one.records, strict=True)
        for leaf, other in zip(again.state.leaves, one.state.leaves, strict=True):
            other = np.asarray(other)
            assert (leaf.dtype, leaf.shape) == (other.dtype, other.shape)
            assert leaf.tobytes() == other.tobytes()


def test_of_a_file_one_lane_alone_is_read(tmp_path):
    file = tmp_path / "lanes.npz"
    matrix = LEAVES["matrix"]
    write_packed(file, *saved_lanes.encode({"a": lane(matrix), "b": lane(2 * matrix)}))

    class Noting(dict):
        def __getitem__(self, name):
            names.append(name)
            return super().__getitem__(name)

    names = []
    with packed(file, "remove it") as (head, arrays):
        content = Noting({name: arrays[name] for name in arrays})
        one = saved_lanes.decode(head, content, "b")
    np.testing.assert_array_equal(one.state.leaves[0], 2 * matrix, strict=True)
    assert names == ["state-b", "records-b"]


@pytest.mark.parametrize(
    ("evals", "offset", "step"), [(1, 0, 0), (1, 4, 4), (3, 7, 27)]
)
def test_steps_are_those_of_its_records_and_since(evals, offset, step):
    assert lane(evals=evals, offset=offset).step(eval_every=10) == step


def test_its_bytes_are_those_of_its_arrays():
    assert lane(LEAVES["matrix"], LEAVES["key"], evals=3).n_bytes == 48 + 8 + 24
