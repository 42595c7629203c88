"""Locks in a store: one holder, however many start, stall and wake."""

import datetime
import errno
import json
import logging
import threading
import time

import pytest

from jaxgrok.host.files import object_lock, object_store
from jaxgrok.host.files.folder_lock import Held
from jaxgrok.host.files.object_lock import SILENT, LockLost, ObjectLock
from jaxgrok.host.files.object_path import ObjectPath
from jaxgrok.host.files.object_store import StoreError


@pytest.fixture
def folder(bucket, monkeypatch):
    """A folder whose locks beat twenty times a second."""
    monkeypatch.setattr(object_lock, "BEAT", 0.05)
    monkeypatch.setattr(object_lock, "LOOK", 0.02)
    return ObjectPath(bucket) / "run"


@pytest.fixture
def lock(folder):
    """Makes locks, and gives back all of them."""
    locks = []

    def make():
        locks.append(ObjectLock(folder))
        return locks[-1]

    yield make
    for lock in locks:
        lock._ended.set()
        lock._heart.join(5) if lock._heart.ident else None


def silence(lock, seconds=SILENT):
    """Stop a holder without a word, as a kill does, that many seconds ago."""
    lock._ended.set()
    lock._heart.join()
    memory = object_store._filesystem("memory")
    file = memory.store[memory._strip_protocol(lock._own.url)]
    file.modified -= datetime.timedelta(seconds=seconds)


def test_a_second_holder_is_refused_while_the_first_lives(lock):
    first = lock()
    first.acquire()
    with pytest.raises(Held, match=r"process \d+ on "):
        lock().acquire()
    first.check()


def test_a_lock_that_was_given_back_is_free_at_once(lock):
    for _ in range(3):
        held = lock()
        held.acquire()
        held.release()
        with pytest.raises(LockLost, match="given back"):
            held.check()
    assert len([*ObjectPath(held._folder.url + "/.locks").iterdir()]) == 1


def test_a_write_ends_before_another_may_take_the_lock(lock):
    held = lock()
    before = time.monotonic()
    held.acquire()
    until = held.check()
    assert before < until - SILENT + object_lock.MARGIN <= time.monotonic()
    silence(held, seconds=0)
    # Its beats fail: what is allowed is what the last one allows, or a new one.
    held._beaten -= 20
    assert held.check() == held._beaten + SILENT - object_lock.MARGIN
    held._beaten -= SILENT
    beat = held._own.modified()
    assert held.check() > time.monotonic() + SILENT / 2
    assert held._own.modified() > beat


def test_a_beat_under_way_does_not_undo_a_release(lock, monkeypatch):
    held, write = lock(), ObjectPath.write_bytes
    beating = threading.Event()

    def slow(path, data):
        if threading.current_thread() is held._heart:
            beating.set()
            time.sleep(0.3)
        write(path, data)

    monkeypatch.setattr(ObjectPath, "write_bytes", slow)
    held.acquire()
    assert beating.wait(5)
    own = held._own
    held.release()
    held._heart.join(5)
    assert json.loads(own.read_bytes())["released"]


def test_a_silent_holder_is_waited_for_and_replaced(lock, caplog):
    first, second = lock(), lock()
    first.acquire()
    start = time.monotonic()
    silence(first, SILENT - 0.5)
    with caplog.at_level(logging.WARNING, logger="jaxgrok"):
        second.acquire()
    assert 0.4 < time.monotonic() - start < 30
    (record,) = caplog.records
    assert "is locked by process" in record.getMessage()
    second.check()


def test_whatever_a_replaced_holder_writes_later_is_refused(lock, folder):
    first, second = lock(), lock()
    old = first.acquire()
    (old / "x").write_bytes(b"first")
    silence(first)
    new = second.acquire()
    for act in (
        lambda: (old / "x").write_bytes(b"late"),
        lambda: (old / "curves" / "y").create(b"late"),
        lambda: (old / "x").unlink(),
        lambda: old.remove_tree(),
    ):
        with pytest.raises(LockLost, match=r"process .* has taken over its lock"):
            act()
    assert (folder / "x").read_bytes() == b"first"
    (new / "x").write_bytes(b"second")
    first.release()  # changes nothing: it is not its own
    second.check()
    second.release()
    assert (folder / "x").read_bytes() == b"second"


def test_a_holder_that_wakes_up_in_time_keeps_its_lock(lock):
    first = lock()
    first.acquire()
    silence(first, seconds=0)
    contender, refusals = lock(), []

    def contend():
        try:
            contender.acquire()
        except Held as held:
            refusals.append(held)

    thread = threading.Thread(target=contend)
    thread.start()
    time.sleep(0.2)
    first._own.write_bytes(first._text())
    thread.join(5)
    assert len(refusals) == 1
    first.check()


def test_of_many_who_start_at_once_one_has_the_lock(lock):
    for silent in (False, True):
        locks, holders = [lock() for _ in range(8)], []
        barrier = threading.Barrier(len(locks))

        def start(one, barrier=barrier, holders=holders):
            barrier.wait()
            try:
                one.acquire()
                holders.append(one)
            except Held:
                pass

        threads = [threading.Thread(target=start, args=(one,)) for one in locks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(holders) == 1, silent
        holders[0].check()
        # The next eight find one that is silent.
        silence(holders[0])


def test_a_folder_that_was_emptied_and_taken_anew_is_not_the_old_holders(lock, folder):
    first, second = lock(), lock()
    first.acquire()
    silence(first)
    folder.remove_tree()
    with pytest.raises(LockLost, match="its lock was removed"):
        first.check()
    second.acquire()
    assert first._own == second._own
    with pytest.raises(LockLost, match="taken over"):
        first.check()


def test_a_beat_that_fails_is_tried_again(lock, folder, monkeypatch):
    held = lock()
    held.acquire()
    store = object_store._filesystem("memory")

    def fail(*_, **__):
        raise RuntimeError("no route to host")

    with monkeypatch.context() as patch:
        patch.setattr(store, "ls", fail)
        with pytest.raises(StoreError, match="no route"):
            held.check()
        time.sleep(0.3)
        before = held._own.modified()
    time.sleep(0.3)
    assert held._own.modified() > before
    held.check()


@pytest.mark.parametrize("error", [FileExistsError, StoreError])
def test_a_reply_that_was_lost_does_not_cost_the_lock(lock, monkeypatch, error):
    held = lock()
    create, calls = ObjectPath.create, []

    def once_lost(path, data):
        calls.append(path)
        create(path, data)
        if len(calls) == 1:
            raise error  # as of a second attempt, or of a time that has run out

    monkeypatch.setattr(ObjectPath, "create", once_lost)
    held.acquire()
    held.check()


@pytest.mark.parametrize(("other", "expected"), [(True, Held), (False, StoreError)])
def test_a_store_in_conflict_has_given_the_lock_to_another_or_to_nobody(
    lock, monkeypatch, other, expected
):
    def conflict(path, data):
        if other:
            path.write_bytes(b'{"holder": "process 7 on b"}')
        raise StoreError(errno.EIO, "ConditionalRequestConflict", path.url)

    monkeypatch.setattr(ObjectPath, "create", conflict)
    with pytest.raises(expected, match=r"process 7 on b|Conflict"):
        lock().acquire()


def test_a_store_that_creates_what_is_there_is_refused(lock, monkeypatch):
    monkeypatch.setattr(ObjectPath, "create", ObjectPath.write_bytes)
    with pytest.raises(StoreError, match="ignores If-None-Match"):
        lock().acquire()


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff"])
def test_a_lock_that_cannot_be_read_is_somebodys(lock, folder, text, monkeypatch):
    (folder / ".locks" / "00000007").write_bytes(text)
    monkeypatch.setattr(object_lock, "SILENT", 0.1)
    held = lock()
    held.acquire()
    assert held._own.name == "00000008"
