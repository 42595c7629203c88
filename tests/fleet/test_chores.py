"""Periodic jobs come when they are due, and seldom if they take long."""

import os
import subprocess
import sys

import pytest

from jaxgrok.fleet import chores
from jaxgrok.fleet.chores import Chores, Period


@pytest.fixture
def clock(monkeypatch):
    """The time, which stands still until a test moves it."""
    now = [100.0]
    monkeypatch.setattr(chores.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(chores, "PERIODS", {"redraw": Period(60.0, spacing=100)})
    return now


def test_a_job_that_takes_long_comes_seldom(clock):
    jobs, done = Chores(), []

    def redraw():
        done.append(clock[0])
        clock[0] += 4.0

    for clock[0] in (159.0, 160.0, 220.0, 560.0, 564.0, 960.0):
        jobs.run_if_due("redraw", redraw)
    assert done == [160.0, 564.0]


@pytest.mark.process
def test_a_fleet_saves_seldom_unless_it_is_told_otherwise():
    assert chores.PERIODS["save"].seconds < chores.PERIODS["fleet_save"].seconds == 300
    program = "from jaxgrok.fleet import chores; print(chores.PERIODS['fleet_save'])"
    command = [sys.executable, "-c", program]
    environment = os.environ | {"JAXGROK_SAVE": "20"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert said.stdout == "Period(seconds=20.0, spacing=10)\n"


def test_a_short_job_comes_every_period(clock):
    jobs, done = Chores(), []
    for clock[0] in range(100, 400, 10):
        jobs.run_if_due("redraw", lambda: done.append(clock[0]))
    assert done == [160, 220, 280, 340]
