"""Stores of objects: whatever they raise is one line, an OSError, and names the URL."""

import asyncio
import errno
import importlib
import math
import time

import pytest
from fsspec.asyn import get_loop

from jaxgrok.host.files.object_store import TRIES, StoreError, access, change


class NoCredentialsError(Exception):
    """As botocore has it, of no kind that Python knows."""


class HttpError(Exception):
    """As gcsfs has it."""

    code = 403


def raised_for(error):
    with pytest.raises(OSError, match="b/x") as raised, access("s3://b/x"):
        raise error
    assert "\n" not in str(raised.value)
    return raised.value


@pytest.fixture(autouse=True)
def memory_for_s3(monkeypatch):
    """No test needs s3fs."""
    monkeypatch.setattr("jaxgrok.host.files.object_store.needed", lambda *_, **__: None)
    monkeypatch.setattr("jaxgrok.host.files.object_store._filesystem", lambda _: None)


def test_what_is_missing_or_there_already_keeps_its_kind():
    assert type(raised_for(FileNotFoundError("The key\ndoes not exist"))) is (
        FileNotFoundError
    )
    assert type(raised_for(FileExistsError())) is FileExistsError


@pytest.mark.parametrize(
    "error",
    [
        PermissionError("Forbidden"),
        NoCredentialsError("Unable to locate\ncredentials"),
        HttpError("Anonymous caller does not have storage.objects.get, 401"),
    ],
)
def test_of_rights_it_says_how_a_store_learns_who_asks(error):
    found = raised_for(error)
    assert found.errno == errno.EACCES
    assert " ".join(str(error).split()) in str(found)
    assert "AWS_ACCESS_KEY_ID" in str(found)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("no route\nto host"), "no route to host"),
        (OSError(22, "The range\nis too long"), "The range is too long"),
        (KeyError(), "KeyError"),
    ],
)
def test_anything_else_is_a_store_error_with_its_words(error, words):
    found = raised_for(error)
    assert isinstance(found, StoreError)
    assert (found.errno, found.strerror) == (errno.EIO, words)


def test_a_package_that_is_missing_is_named_with_its_extra(monkeypatch):
    monkeypatch.undo()
    real = importlib.import_module

    def missing(name, *rest):
        if name in ("gcsfs", "s3fs"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", missing)
    for url, package, extra in (("gs://b", "gcsfs", "gcs"), ("s3://b", "s3fs", "s3")):
        words = rf"{package} is not installed: pip install 'jaxgrok\[{extra}\]'"
        with pytest.raises(ValueError, match=words), access(url):
            pass


class Slow:
    """A store that answers after some seconds, the next time after the next ones."""

    async_impl = True
    loop = get_loop()

    def __init__(self, *seconds):
        self.seconds, self.written = list(seconds), []

    async def _pipe_file(self, key, data):
        await asyncio.sleep(self.seconds.pop(0))
        self.written.append((key, data))

    def pipe_file(self, key, data):
        self.written.append((key, data))


@pytest.fixture
def into(monkeypatch):
    def into(store, check):
        monkeypatch.setattr(
            "jaxgrok.host.files.object_store._filesystem", lambda _: store
        )
        change("s3://b/x", check, "pipe_file", "b/x", b"1")
        return store.written

    return into


def test_a_change_that_takes_too_long_is_made_once_it_is_allowed_anew(into):
    checks, allowed = [], [0.2, 60]

    def check():
        checks.append(time.monotonic())
        return checks[-1] + allowed[min(len(checks), len(allowed)) - 1]

    assert into(Slow(60, 0), check) == [("b/x", b"1")]
    assert 0.2 <= checks[1] - checks[0] < 30
    assert len(checks) == 2


def test_a_store_that_takes_too_long_again_and_again_is_an_error(into):
    store = Slow(60, 60, 60, 0)
    with pytest.raises(StoreError, match="s3://b/x: it takes too long to answer"):
        into(store, lambda: time.monotonic() + 0.2)
    assert store.written == []
    assert len(store.seconds) >= 4 - TRIES


def test_a_change_whose_time_is_over_is_not_begun(into):
    # As after a freeze between the look at the lock and the change.
    store = Slow()
    with pytest.raises(StoreError, match="too long"):
        into(store, lambda: time.monotonic() - 1)
    assert store.written == []


def test_a_change_that_is_not_allowed_is_not_begun(into):
    store = Slow()

    def refuse():
        raise PermissionError("no more")

    with pytest.raises(PermissionError, match="no more"):
        into(store, refuse)
    assert store.written == []


def test_without_an_end_the_package_takes_its_time(into):
    assert into(Slow(60), lambda: math.inf) == [("b/x", b"1")]


def test_a_timeout_of_the_package_is_an_error_of_the_store(into):
    store = Slow()

    async def stopped(*_):
        raise TimeoutError("read timeout on endpoint")

    store._pipe_file = stopped
    with pytest.raises(StoreError, match="read timeout"):
        into(store, lambda: time.monotonic() + 60)
