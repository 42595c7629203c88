"""Stores of objects: whatever they raise is one line, an OSError, and names the URL."""

import errno
import importlib

import pytest

from jaxgrok.host.object_store import StoreError, access


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
    monkeypatch.setattr("jaxgrok.host.object_store.needed", lambda *_, **__: None)
    monkeypatch.setattr("jaxgrok.host.object_store._filesystem", lambda _: None)


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
