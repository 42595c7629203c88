"""Periodic jobs come when they are due, and seldom if they take long."""

import os
import subprocess
import sys

import numpy as np
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
    assert chores.PERIODS["save"].seconds < chores.PERIODS["fleet_save"].seconds == 200
    program = "from jaxgrok.fleet import chores; print(chores.PERIODS['fleet_save'][0])"
    command = [sys.executable, "-c", program]
    environment = os.environ | {"JAXGROK_SAVE": "20"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert said.stdout == "20.0\n"


@pytest.mark.parametrize(("chore", "most"), [("save", 60), ("fleet_save", 300)])
def test_whatever_a_save_takes_a_kill_costs_little(chore, most):
    period = chores.PERIODS[chore]
    for took in np.linspace(0.0, most / 8, 50):
        # Since the start of the last save that ended, and with a second's dispatch.
        assert took + period.wait(took) + 1 + took <= most
    # A save of a second costs a few percent.
    assert 1 / period.wait(1.0) < 0.04


def test_a_short_job_comes_every_period(clock):
    jobs, done = Chores(), []
    for clock[0] in range(100, 400, 10):
        jobs.run_if_due("redraw", lambda: done.append(clock[0]))
    assert done == [160, 220, 280, 340]
