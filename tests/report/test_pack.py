"""The blob, read as the page reads it."""

import gzip
import json

import numpy as np
import pytest

from jaxgrok.report.pack import LEVELS, Packer, listed


def read(blob):
    """JSON and bytes of a blob."""
    data = gzip.decompress(blob)
    length = int.from_bytes(data[:4], "little")
    return json.loads(data[4 : 4 + length]), data[4 + length :]


def unpacked(entry, data):
    """The numbers of one packed array."""
    size = int(np.prod(entry["shape"]))
    bytes_ = np.frombuffer(data, np.uint8)[entry["offset"] :]
    steps = bytes_[:size].astype(int) + 256 * bytes_[size : 2 * size].astype(int)
    codes = np.cumsum(steps.reshape(entry["shape"]), axis=-1) % 65536
    share = (codes - 1) / (LEVELS - 1)
    values = entry["low"] + share * (entry["high"] - entry["low"])
    return np.where(codes == 0, np.nan, 10**values if entry["log"] else values)


@pytest.mark.parametrize("log", [False, True])
def test_numbers_come_back_to_three_digits_of_their_range(log):
    values = np.geomspace(1e-8, 100, 60).reshape(3, 4, 5)
    values[1, 2, 3:] = np.nan
    packer = Packer()
    packer.add(np.ones((2, 3)), log=False)
    header, data = read(packer.blob(packer.add(values, log=log)))
    tolerance = {"rtol": 4e-3} if log else {"atol": 0.02}
    np.testing.assert_allclose(unpacked(header, data), values, **tolerance)


@pytest.mark.parametrize("values", [[[np.nan, np.inf]], [[2.0, 2.0]], [[0.0, 0.0]]])
def test_what_has_no_range_comes_back_too(values):
    packer = Packer()
    header, data = read(packer.blob(packer.add(np.array(values), log=False)))
    expected = np.where(np.isfinite(values), values, np.nan)
    np.testing.assert_array_equal(unpacked(header, data), expected)


def test_the_same_data_give_the_same_bytes():
    assert Packer().blob({"a": [1]}) == Packer().blob({"a": [1]})


def test_numbers_are_listed_as_tables_write_them():
    values = np.array([np.float32(1.1287844e-10), np.nan, 3.0, np.inf, 0.1])
    assert listed(values) == [1.1287844e-10, None, 3, None, 0.1]
