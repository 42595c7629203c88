"""Locks of folders on disk: one holder, who is named; a release lets another in."""

import os
from pathlib import Path

import pytest

from jaxgrok.host.files.folder_lock import FolderLock, Held


def test_a_second_lock_is_refused_until_the_first_is_given_back(tmp_path):
    first, second = FolderLock(tmp_path / "new"), FolderLock(tmp_path / "new")
    assert first.acquire() == tmp_path / "new"
    with pytest.raises(Held, match=f"process {os.getpid()}"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_holder_that_left_no_name_is_another_process(tmp_path):
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.acquire()
    (tmp_path / ".lock.holder").unlink()
    with pytest.raises(Held, match="another process"):
        second.acquire()
    first.release()


def test_a_folder_that_cannot_be_written_keeps_no_lock(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch, pytest.raises(PermissionError):
        patch.setattr(Path, "write_bytes", refuse)
        FolderLock(tmp_path).acquire()
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.release()
