"""What a disk refuses: one line, with the file, the reason and the way out."""

import errno
import os

import pytest

from jaxgrok.host import command_line
from jaxgrok.host.files import atomic_files, disk_errors
from jaxgrok.host.files.object_store import StoreError
from jaxgrok.host.files.paths import as_path


def refusal(number, *path):
    return OSError(number, os.strerror(number), *path)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("ENOSPC", "written (No space left on device); free space there"),
        ("EDQUOT", "written (Disk quota exceeded); free space there, or ask for a la"),
        ("EIO", "read or written (Input/output error); the disk may be failing, so co"),
        ("EROFS", "written (Read-only file system); the disk can only be read, so mo"),
    ],
)
def test_each_refusal_of_a_disk_is_one_line_and_exit_code_1(capsys, name, line):
    error = refusal(getattr(errno, name), "runs/a/cells.csv")
    assert command_line.report(error) == 1
    _, printed = capsys.readouterr()
    assert printed.startswith(f"error: runs/a/cells.csv cannot be {line}")
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad\ninput"),
        refusal(errno.EACCES, "runs/a"),
        StoreError(errno.EIO, "no answer", "s3://runs/a"),
    ],
)
def test_any_other_error_says_what_it_said(error):
    assert disk_errors.way_out(error) == ""
    assert disk_errors.in_words(error) == " ".join(str(error).split())


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("number", disk_errors.WAYS_OUT)
def test_a_file_that_is_refused_is_named_and_leaves_nothing(
    tmp_path, monkeypatch, step, number
):
    def refuse(*_):
        raise refusal(number)

    path = tmp_path / "cells.csv"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, step, refuse)
        with pytest.raises(OSError) as caught:
            atomic_files.write_atomically(path, b"new")
    assert disk_errors.in_words(caught.value).startswith(f"{path} cannot be ")
    assert os.listdir(tmp_path) == ["cells.csv"]
    assert path.read_bytes() == b"old"


def test_a_disk_that_refuses_to_remove_as_well_says_what_it_said_first(
    tmp_path, monkeypatch
):
    def full(*_):
        raise refusal(errno.ENOSPC)

    def fails(*_, **__):
        raise refusal(errno.EIO)

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(type(tmp_path), "unlink", fails)
    with pytest.raises(OSError, match="No space left"):
        atomic_files.write_atomically(tmp_path / "cells.csv", b"new")


def test_a_file_that_is_missing_keeps_its_name():
    missing = FileNotFoundError(errno.ENOENT, "no such file", "runs/a/x")
    with pytest.raises(FileNotFoundError), disk_errors.naming(as_path("runs/a")):
        raise missing
    assert missing.filename == "runs/a/x"
