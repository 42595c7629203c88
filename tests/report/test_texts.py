import getpass
import socket

import pytest

from jaxgrok.report.texts import sendable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("saved to /home/ada/runs/mine", "saved to mine"),
        ("'/home/ada/x.py', line 3", "'x.py', line 3"),
        (r"C:\Users\Ada\x.py", "x.py"),
        ("~/runs/mine and ~ada/x", "mine and x"),
        ("--out=/srv/data/run", "--out=run"),
    ],
)
def test_a_path_is_shortened_to_its_last_name(text, expected):
    assert sendable(text) == expected


@pytest.mark.parametrize(
    "text", ["x/y", "1/2 of 3", "</script><b>", "https://example.org/a/b", "a / b", ""]
)
def test_other_slashes_stay(text):
    assert sendable(text) == text


def test_names_of_host_and_user_are_replaced(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "deep-thought")
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    from jaxgrok.report import texts

    texts._names.cache_clear()
    assert sendable("ada on deep-thought: adam") == "user on host: adam"
    texts._names.cache_clear()
