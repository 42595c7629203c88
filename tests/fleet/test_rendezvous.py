"""coordinator.json is its user's alone; one that others could write is refused."""

import dataclasses
import json
import os
import stat

import pytest

from jaxgrok.fleet import rendezvous
from jaxgrok.fleet.rendezvous import FILE, Rendezvous, read, remove, write
from jaxgrok.host.files import atomic_files

MEETING = Rendezvous("tls://127.0.0.1:8786", "nonce", "certificate", "key")
unix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users to compare")


def test_it_is_read_as_it_was_written(tmp_path):
    write(tmp_path, MEETING)
    assert read(tmp_path) == MEETING
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@unix
def test_nobody_else_can_read_it_from_the_first_byte_on(tmp_path, monkeypatch):
    modes, fsync = [], os.fsync

    def noted(descriptor):
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    umask = os.umask(0)
    try:
        monkeypatch.setattr(atomic_files.os, "fsync", noted)
        opened = os.open

        def watched(path, flags, mode=0o777, **options):
            descriptor = opened(path, flags, mode, **options)
            if str(path).endswith(".tmp"):
                modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
            return descriptor

        monkeypatch.setattr(atomic_files.os, "open", watched)
        write(tmp_path, MEETING)
    finally:
        os.umask(umask)
    assert modes[:2] == [0o600, 0o600]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@unix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_one_that_others_can_write_is_refused(tmp_path, mode):
    write(tmp_path, MEETING)
    (tmp_path / FILE).chmod(mode)
    with pytest.raises(ValueError, match="can be written by others") as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


@unix
def test_one_of_another_user_is_refused(tmp_path, monkeypatch):
    write(tmp_path, MEETING)
    own = os.getuid()
    monkeypatch.setattr(rendezvous.os, "getuid", lambda: own + 1)
    with pytest.raises(ValueError, match=f"belongs to user {own}, not to you"):
        read(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '"tls://"', "null", '{"address": "a"}', b"\xff\xfe\x00"],
    ids=repr,
)
def test_one_that_is_damaged_is_refused(tmp_path, text):
    write(tmp_path, MEETING)
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ValueError, match=f"{FILE} is damaged"):
        read(tmp_path)


def test_none_means_that_nobody_listens(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path)


def test_a_coordinator_removes_its_own_alone(tmp_path):
    remove(tmp_path, "nonce")  # there is none
    write(tmp_path, dataclasses.replace(MEETING, nonce="of the next one"))
    remove(tmp_path, "nonce")
    assert read(tmp_path).nonce == "of the next one"
    remove(tmp_path, "of the next one")
    assert list(tmp_path.iterdir()) == []


def test_the_key_stands_in_it_only_for_those_who_may_read_it(tmp_path):
    write(tmp_path, MEETING)
    assert json.loads((tmp_path / FILE).read_text())["key"] == "key"
