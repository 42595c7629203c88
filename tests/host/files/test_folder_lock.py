"""Locks of folders on disk: one holder, who is named; a release lets another in."""

import dataclasses
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from jaxgrok.host.files import folder_lock
from jaxgrok.host.files.folder_lock import FolderLock, Held, refuse_held
from jaxgrok.host.files.lock_holder import Holder
from jaxgrok.host.files.object_path import ObjectPath

ROOT = Path(__file__).parents[3]


@pytest.fixture
def held(tmp_path):
    """A folder that this process holds."""
    lock = FolderLock(tmp_path)
    lock.acquire()
    yield tmp_path
    lock.release()


def test_a_second_lock_is_refused_until_the_first_is_given_back(tmp_path):
    first, second = FolderLock(tmp_path / "new"), FolderLock(tmp_path / "new")
    assert first.acquire() == tmp_path / "new"
    words = rf"process {os.getpid()} on {platform.node()}, since 20\d\d-.*Z: "
    with pytest.raises(Held, match=words):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_holder_that_left_no_name_is_another_process(held):
    (held / ".lock.holder").unlink()
    with pytest.raises(Held, match="another process"):
        FolderLock(held).acquire()


def test_one_who_was_killed_is_not_named_for_its_successor(held):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone = dataclasses.replace(Holder.present(), process=ended.pid)
    (held / ".lock.holder").write_bytes(gone.to_bytes())
    with pytest.raises(Held, match="another process"):
        FolderLock(held).acquire()
    # The successor has the lock already, and leaves its name a moment later.
    late = threading.Timer(
        0.3, lambda: (held / ".lock.holder").write_bytes(Holder.present().to_bytes())
    )
    late.start()
    with pytest.raises(Held, match=f"process {os.getpid()} on"):
        FolderLock(held).acquire()
    late.join()


def test_a_look_takes_nothing_and_leaves_nothing(tmp_path):
    lock = FolderLock(tmp_path)
    lock.look()
    assert not list(tmp_path.iterdir())
    lock.acquire()
    with pytest.raises(Held, match=f"process {os.getpid()} on"):
        FolderLock(tmp_path).look()
    lock.release()
    FolderLock(tmp_path).look()
    lock.acquire()
    lock.release()


def test_one_who_only_looks_keeps_nobody_out(tmp_path):
    looking = FileLock(tmp_path / ".lock", thread_local=False)
    looking.acquire()
    end = threading.Timer(0.3, looking.release)
    end.start()
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.release()
    end.join()


def test_a_folder_that_is_held_is_refused_by_its_path(held, tmp_path):
    words = f"out={held} is held by a running sweep .process {os.getpid()} on .*Z: "
    with pytest.raises(ValueError, match=words):
        refuse_held(held)
    refuse_held(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    refuse_held(ObjectPath("memory://nowhere/run"))


def test_a_lock_that_cannot_be_opened_is_not_said_to_be_held(tmp_path):
    (tmp_path / ".lock").mkdir()
    (tmp_path / ".lock.holder").write_bytes(Holder.present().to_bytes())
    refuse_held(tmp_path)


def test_a_folder_that_cannot_be_written_keeps_no_lock(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch, pytest.raises(PermissionError):
        patch.setattr(Path, "write_bytes", refuse)
        FolderLock(tmp_path).acquire()
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.release()


@pytest.mark.process
def test_the_lock_goes_with_its_process_and_not_with_its_children(tmp_path):
    program = (
        "import subprocess, sys, pathlib\n"
        "from jaxgrok.host.files.folder_lock import FolderLock\n"
        "lock = FolderLock(pathlib.Path(sys.argv[1]))\n"
        "lock.acquire()\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=0)\n"
        "print('held', flush=True); child.wait()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Held, match=f"process {holder.pid} on"):
            FolderLock(tmp_path).acquire()
        holder.kill()
        holder.wait()
        start, lock = time.monotonic(), FolderLock(tmp_path)
        lock.acquire()
        assert time.monotonic() - start < folder_lock.PATIENCE
        lock.release()
