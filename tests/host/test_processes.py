"""Processes that run, that have ended, and that nobody has asked about."""

import os
import subprocess
import sys
import time

from jaxgrok.host.processes import is_alive


def test_this_process_runs():
    assert is_alive(os.getpid())


def test_a_process_that_has_ended_does_not_even_as_a_zombie():
    child = subprocess.Popen([sys.executable, "-c", ""])
    end = time.monotonic() + 30
    while is_alive(child.pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_alive(child.pid)
    child.wait()
    assert not is_alive(child.pid)


def test_a_number_that_no_system_has_is_not_said_to_have_ended():
    assert is_alive(10**30)
