"""What runs in the background holds up neither the caller nor the process's end."""

import subprocess
import sys
import threading
import time

import pytest

from jaxgrok.host import background


def test_a_job_hands_over_its_result():
    assert background.start(lambda: 3).result(10) == 3


def test_a_job_hands_over_its_error():
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        background.start(fail).result(10)


def test_the_caller_goes_on_meanwhile():
    gate = threading.Event()
    job = background.start(lambda: gate.wait(10))
    assert not job.done()
    gate.set()
    assert job.result(10)


# A job that Python would wait for: its thread has a pool, as an engine's has.
SCRIPT = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from jaxgrok.host import background
def job():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(time.sleep, float(sys.argv[2])).result()
future = background.start(job)
if sys.argv[3] == "wait":
    future.result()
if sys.argv[3] == "abandon":
    threading.Thread(target=time.sleep, args=[60]).start()
    background.abandon_threads()
print("said", end="")
background.end_with(int(sys.argv[1]))
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("code", "sleep", "how"),
    [(143, 60, "leave"), (0, 60, "leave"), (3, 0, "wait"), (1, 0, "abandon")],
)
def test_the_process_ends_with_its_code_and_waits_for_no_job(code, sleep, how):
    command = [sys.executable, "-c", SCRIPT, str(code), str(sleep), how]
    start = time.monotonic()
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert time.monotonic() - start < 40
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "said", "")
