"""Files are complete or absent."""

import os

import pytest

from jaxgrok.host.atomic_files import check_writable, write_atomically, write_table


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


def test_a_table_has_the_named_columns_and_nothing_for_none(tmp_path):
    path = tmp_path / "table.csv"
    rows = [{"b": None, "a": 1, "c": 9}, {"a": "x,y", "b": 2.5, "c": 9}]
    write_table(path, ["a", "b"], rows)
    assert path.read_bytes() == b'a,b\n1,\n"x,y",2.5\n'


def test_a_folder_that_could_not_be_written_is_refused_before(tmp_path):
    check_writable(tmp_path / "new" / "folder")
    assert not any(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "new" / "deep"):
        with pytest.raises(ValueError, match=r"cannot be written: .*/file is not a fo"):
            check_writable(folder)
