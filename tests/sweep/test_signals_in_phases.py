"""A signal is heard while programs compile, and while figures are drawn."""

import os
import signal
import threading
import time

import pytest

import jaxgrok
import tiny
from jaxgrok.engine import sizing
from jaxgrok.fleet import chores, seat
from jaxgrok.fleet.chores import Period
from jaxgrok.sweep import archive, figures, run
from runs import FIELDS, same


def ask(*_, **options):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
    pytest.fail("what may be broken off was not")


def goes_on(out, whole):
    jaxgrok.run(tiny.config(**FIELDS), out, blocks=1, quiet=True)
    same(out, whole)


@pytest.mark.parametrize(("module", "name"), [(figures, "redraw"), (run, "Archive")])
@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_what_loses_nothing_is_broken_off(
    whole, tmp_path, monkeypatch, module, name, seconds
):
    with monkeypatch.context() as patch:
        patch.setitem(chores.PERIODS, "redraw", Period(seconds, spacing=0))
        patch.setattr(module, name, ask)
        with pytest.raises(run.Interrupted, match="stopped; ") as stopped:
            jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", blocks=1, quiet=True)
    assert stopped.value.exit_code == 143
    goes_on(tmp_path / "a", whole)


def test_drawn_last_every_cell_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(archive.figures, "redraw", ask)
    with pytest.raises(run.Interrupted, match="stopped; 1 cell finished"):
        jaxgrok.run(tiny.config(), tmp_path, quiet=True)
    assert (tmp_path / "cells.csv").read_text().count("done") == 1


def test_no_compiler_is_waited_for(whole, tmp_path, monkeypatch):
    gate = threading.Event()

    def slowly(*arguments, **options):
        os.kill(os.getpid(), signal.SIGHUP)
        assert gate.wait(60)

    with monkeypatch.context() as patch:
        patch.setattr(seat, "OPEN_SECONDS", 0.05)
        patch.setattr(sizing, "build", slowly)
        with pytest.raises(run.Interrupted, match="0 cells finished") as stopped:
            jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", blocks=1, quiet=True)
        assert not gate.is_set()
        gate.set()
    assert stopped.value.exit_code == 129
    goes_on(tmp_path / "a", whole)
