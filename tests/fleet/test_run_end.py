"""A worker that has lost its coordinator sees in the run directory that all is done."""

import json
import shutil

import pytest

import jaxgrok
import tiny
from jaxgrok.fleet import rendezvous, run_end
from jaxgrok.fleet.run_end import RunEnd
from jaxgrok.results.files import status_file
from jaxgrok.results.files.status_file import Live


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("finished")
    jaxgrok.run(tiny.config(seed=(0, 1)), path, blocks=1, quiet=True)
    return path


@pytest.fixture
def run_dir(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "a")


@pytest.fixture
def clock(monkeypatch):
    """The time, which stands still until a test moves it."""
    now = [100.0]
    monkeypatch.setattr(run_end.time, "monotonic", lambda: now[0])
    return now


def test_it_has_come_where_every_cell_has_its_row(run_dir):
    end = RunEnd(run_dir)
    assert end.has_come() and end.has_come()


def test_it_has_not_while_a_coordinator_listens_trains_or_was_killed(run_dir, clock):
    end = RunEnd(run_dir)
    (run_dir / rendezvous.FILE).touch()
    assert not end.has_come()
    status_file.write(run_dir, Live({}))
    (run_dir / rendezvous.FILE).unlink()
    assert not end.has_come()
    # It looked at two names alone, so it may look again at once.
    status_file.remove(run_dir)
    assert end.has_come()


def test_of_a_run_that_was_stopped_it_reads_the_rows_seldom(run_dir, clock):
    table = run_dir / "cells.csv"
    whole = table.read_text()
    table.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    end = RunEnd(run_dir)
    assert not end.has_come()
    clock[0] += run_end.LOOK_SECONDS
    assert not end.has_come()
    table.write_text(whole)
    clock[0] += run_end.LOOK_SECONDS
    assert not end.has_come()
    clock[0] += run_end.LOOK_SECONDS
    assert end.has_come()


def test_what_is_no_run_yet_or_damaged_has_not_ended(tmp_path, run_dir):
    assert not RunEnd(tmp_path / "nothing").has_come()
    for name in ("manifest.json", "manifest.copy.json"):
        (run_dir / name).write_text(json.dumps([]))
    assert not RunEnd(run_dir).has_come()
