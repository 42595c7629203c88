"""Files are complete or absent."""

import os

import pytest

from jaxgrok.host.files.atomic_files import (
    as_table,
    atomic_file,
    atomic_folder,
    atomic_path,
    check_writable,
    write_atomically,
)
from jaxgrok.host.files.paths import as_path


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "file"
    for data in (b"a long first content", b"short"):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_error_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_table_has_the_named_columns_and_nothing_for_none():
    rows = [{"b": None, "a": 1, "c": 9}, {"a": "x,y", "b": 2.5, "c": 9}]
    assert as_table(["a", "b"], rows) == b'a,b\n1,\n"x,y",2.5\n'


def test_a_folder_that_could_not_be_written_is_refused_before(tmp_path):
    check_writable(tmp_path / "new" / "folder")
    assert not any(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "new" / "deep"):
        with pytest.raises(ValueError, match=r"cannot be written: .*/file is not a fo"):
            check_writable(folder)


@pytest.mark.parametrize("write", [atomic_file, atomic_path])
def test_an_object_is_written_in_the_end_or_not_at_all(bucket, write):
    path = as_path(bucket) / "x.png"
    with write(path) as target:
        filled(target, b"first")
        assert not path.exists()
    with pytest.raises(RuntimeError), write(path) as target:
        filled(target, b"second")
        raise RuntimeError
    assert path.read_bytes() == b"first"


def filled(target, data):
    """Write to an open file, or to a path."""
    (target.write if hasattr(target, "write") else target.write_bytes)(data)


@pytest.fixture(params=["disk", "store"])
def new(request, tmp_path):
    """The path of a folder that is not there."""
    in_store = request.param == "store"
    return as_path(request.getfixturevalue("bucket") if in_store else tmp_path) / "x"


def test_a_folder_is_there_once_it_is_filled(new):
    with atomic_folder(new) as folder:
        (folder / "a").mkdir(parents=True)
        (folder / "a" / "b").write_bytes(b"1")
        assert not new.exists()
    assert (new / "a" / "b").read_bytes() == b"1"
    assert [path.name for path in new.parent.iterdir()] == ["x"]


def test_a_folder_that_is_not_filled_leaves_nothing(new):
    with pytest.raises(RuntimeError), atomic_folder(new) as folder:
        folder.mkdir()
        (folder / "b").write_bytes(b"1")
        raise RuntimeError
    assert [*new.parent.iterdir()] == []
