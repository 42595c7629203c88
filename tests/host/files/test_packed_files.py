"""A packed file is whole, or named as damaged."""

import numpy as np
import pytest

from jaxgrok.host.files import object_path
from jaxgrok.host.files.packed_files import packed, write_packed
from jaxgrok.host.files.paths import as_path

HEAD = {"cells": ["a", "b"], "ä": None}
ARRAYS = {"one": np.arange(5, dtype=np.int32), "two": np.ones((2, 3))}


@pytest.fixture(params=[True, False], ids=["compressed", "plain"])
def file(request, tmp_path):
    write_packed(tmp_path / "x.npz", HEAD, ARRAYS, compress=request.param)
    return tmp_path / "x.npz"


def test_it_comes_back_as_it_was(file):
    with packed(file, "") as (head, arrays):
        assert head == HEAD
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], array, strict=True)


def test_it_is_damaged_wherever_it_is_cut_or_changed(file):
    content = file.read_bytes()
    for position in range(len(content)):
        file.write_bytes(content[:position])
        with (
            pytest.raises(ValueError, match=r"x\.npz is damaged; throw it away"),
            packed(file, "throw it away") as (_, arrays),
        ):
            dict(arrays)
    for position in range(0, len(content), 7):
        changed = bytearray(content)
        changed[position] ^= 85
        file.write_bytes(bytes(changed))
        try:
            with packed(file, "") as (head, arrays):
                assert head == HEAD
                for name, array in ARRAYS.items():
                    np.testing.assert_array_equal(arrays[name], array)
        except ValueError:
            continue


@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x04K\x01.", b"PK\x03\x04"])
def test_another_kind_of_file_is_damaged_too(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ValueError, match="damaged"), packed(tmp_path / "x.npz", ""):
        pass


def test_an_array_file_is_no_packed_file(tmp_path):
    with open(tmp_path / "x.npz", "wb") as stream:
        np.save(stream, np.ones(3))
    with pytest.raises(ValueError, match="damaged"), packed(tmp_path / "x.npz", ""):
        pass


def test_what_the_reader_does_not_find_is_damage(file):
    with (
        pytest.raises(ValueError, match="damaged"),
        packed(file, "") as (head, arrays),
    ):
        assert head["cells"] and arrays["three"] is None


def test_of_an_object_only_the_arrays_that_are_asked_for_are_read(bucket, monkeypatch):
    path = as_path(bucket) / "x.npz"
    arrays = {name: np.arange(10_000) for name in "abcdef"}
    write_packed(path, HEAD, arrays)
    requests, part = [], object_path.ObjectPath.part

    def noted(self, start, end):
        requests.append(end - start)
        return part(self, start, end)

    monkeypatch.setattr(object_path.ObjectPath, "part", noted)
    monkeypatch.setattr(object_path, "PART_BYTES", 4096)
    with packed(path, "") as (head, found):
        assert head == HEAD
        np.testing.assert_array_equal(found["c"], arrays["c"], strict=True)
    assert arrays["c"].nbytes < sum(requests) < 2 * arrays["c"].nbytes


def test_a_long_description_is_no_damage(tmp_path):
    head = {"cells": ["3f0a" * 4] * 20_000}
    write_packed(tmp_path / "a.npz", head, {"leaf": np.arange(3)})
    with packed(tmp_path / "a.npz", "") as (read, arrays):
        assert read == head
        assert arrays["leaf"].tolist() == [0, 1, 2]
