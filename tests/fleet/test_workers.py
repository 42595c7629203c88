"""--workers says who trains; what makes no sense is one line."""

import contextlib

import pytest
from absl import flags
from hypothesis import given
from hypothesis import strategies as st

from jaxgrok.fleet import rendezvous, site, workers
from jaxgrok.fleet.workers import Workers, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local", Workers()),
        (" local ", Workers()),
        ("1", Workers(1, "127.0.0.1")),
        (12, Workers(12, "127.0.0.1")),
        ("listen", Workers(0, "")),
        ("listen:10.0.0.5", Workers(0, "10.0.0.5")),
        ("listen:node-1:8786", Workers(0, "node-1", 8786)),
        ("listen::8786", Workers(0, "", 8786)),
        ("listen:[::1]:8786", Workers(0, "::1", 8786)),
        ("listen:[fe80::1]", Workers(0, "fe80::1")),
    ],
)
def test_what_may_be_said(text, expected):
    assert parse(text) == expected
    assert parse(text).is_local == (expected == Workers())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "1.5",
        "moon",
        "LISTEN",
        "listen:",
        "listen:::1",
        "listen:::1:8786",
        "listen:host:",
        "listen:host:port",
        "listen:host:65536",
        "listen:[::1",
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(text):
    if text == "listen:":
        # No host is every host.
        assert parse(text) == Workers(0, "")
        return
    with pytest.raises(
        ValueError, match=r"--workers=.* must be local, a number from 1"
    ):
        parse(text)


@given(st.text(max_size=12) | st.text("listen:[]0123456789.abc", max_size=16))
def test_any_text_is_understood_or_refused(text):
    with contextlib.suppress(ValueError):
        who = parse(text)
        assert who.is_local or who.processes or who.host is not None
        assert 0 <= who.port < 2**16


def computing(*argv):
    values = flags.FlagValues()
    workers.define(values)
    return workers.computing(values, ["x", *argv])


def test_by_default_nothing_is_imported_or_asked(monkeypatch):
    monkeypatch.setattr(site, "computing", lambda _: pytest.fail("asked"))
    with computing("--seed=1"):
        pass
    with pytest.raises(ValueError, match="--workers=moon must be"):
        computing("--workers=moon")


def test_a_secret_is_for_processes_that_are_started_too(monkeypatch, tmp_path):
    monkeypatch.setattr(site, "computing", contextlib.nullcontext)
    monkeypatch.setenv(rendezvous.SECRET, "")
    file = tmp_path / "key"
    file.write_text("a secret\n")
    with computing("--workers=listen", f"--key={file}") as who:
        assert who == Workers(0, "")
    assert rendezvous.secret_of() == "a secret"
