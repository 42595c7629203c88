"""What a check has started ends with it, however it is ended."""

import os
import subprocess
import sys
import time

import pytest

from chaotic import CHAOS
from jaxgrok.host.processes import is_alive

PROGRAM = """
import subprocess, sys, time
from chaos_rows import leash
sleep = ["sleep", "60"]
process = subprocess.Popen(sleep, preexec_fn=leash.end_with_parent)
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.process
def test_a_process_ends_with_the_one_that_started_it():
    environment = os.environ | {"PYTHONPATH": str(CHAOS.parent)}
    command = [sys.executable, "-c", PROGRAM]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    with parent:
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    end = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_alive(child)
