"""Who holds a lock: what is written is read again, and nothing else is believed."""

import dataclasses
import json
import os
import platform
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxgrok.host.files import lock_holder
from jaxgrok.host.files.lock_holder import Holder

HERE = Holder(os.getpid(), platform.node(), "2026-11-28T07:15:27Z", "jaxgrok sweep")


def test_the_present_process_is_named_with_host_moment_and_command(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/jaxgrok", "sweep", "--grid", "my file"])
    monkeypatch.setitem(sys.modules, "__main__", object())
    holder = Holder.present()
    assert (holder.process, holder.host) == (os.getpid(), platform.node())
    assert holder.command == "jaxgrok sweep --grid 'my file'"
    words = f"process {os.getpid()} on {platform.node()}, since {holder.since}: jaxgrok"
    assert str(holder).startswith(words)


def test_a_module_is_named_as_it_was_started():
    program = (
        "from jaxgrok.host.files.lock_holder import Holder as h; print(h.present())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, "x"], capture_output=True, text=True
    )
    assert ran.stdout.endswith(": -c x\n")
    module = json.__spec__
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", json)
        patch.setattr(sys, "argv", ["/lib/json/__main__.py", "--out", "run"])
        assert module.name == "json"
        assert Holder.present().command == "python -m json --out run"


def test_a_long_command_is_cut(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["jaxgrok", "x" * 10_000])
    holder = Holder.present()
    assert len(holder.command) == lock_holder.LONGEST + 1
    assert Holder.from_bytes(holder.to_bytes()) == holder


def test_what_was_written_is_read_again():
    assert Holder.from_bytes(HERE.to_bytes()) == HERE


@given(st.binary(max_size=60) | st.builds(lambda x: json.dumps(x).encode(), st.text()))
def test_anything_else_is_nobody(content):
    assert Holder.from_bytes(content) is None


@pytest.mark.parametrize(
    "change", [{"process": "7"}, {"host": 7}, {"since": "x" * 999}]
)
def test_a_holder_of_wrong_values_is_nobody(change):
    entries = dataclasses.asdict(HERE) | change
    assert Holder.from_bytes(json.dumps(entries).encode()) is None


def test_who_has_ended_is_gone_unless_it_is_elsewhere():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    gone = dataclasses.replace(HERE, process=child.pid)
    assert gone.is_gone and not HERE.is_gone
    assert not dataclasses.replace(gone, host="elsewhere").is_gone
