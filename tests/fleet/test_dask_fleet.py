"""A fleet of processes: who is let go as it ends, and who waits for the next."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxgrok.fleet import workers
from jaxgrok.fleet.dask_fleet import DaskFleet

ROOT = Path(__file__).parents[2]


@pytest.fixture
def start(tmp_path):
    """Starts a worker that looks for a coordinator; ends it after the test."""
    processes = []

    def start(patience):
        command = [sys.executable, "-m", "jaxgrok.worker", str(tmp_path)]
        process = subprocess.Popen(
            [*command, "--wait=60", f"--patience={patience}", "--name=one"],
            env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_NUM_CPU_DEVICES": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def listen(folder):
    return DaskFleet(folder, workers.parse("listen:127.0.0.1"))


def wait_for_hello(fleet):
    while fleet.first_hello() is None:
        pass


@pytest.mark.process
def test_a_sweep_that_ends_lets_its_workers_go(tmp_path, start):
    worker = start(patience=1)
    with listen(tmp_path) as fleet:
        wait_for_hello(fleet)
    _, errors = worker.communicate(timeout=30)
    assert (worker.returncode, errors) == (0, "")
    assert not (tmp_path / "coordinator.json").exists()


@pytest.mark.process
def test_workers_of_a_sweep_that_was_stopped_wait_for_the_next(tmp_path, start):
    worker = start(patience=1)
    with pytest.raises(KeyboardInterrupt), listen(tmp_path) as fleet:
        wait_for_hello(fleet)
        raise KeyboardInterrupt
    _, errors = worker.communicate(timeout=30)
    assert worker.returncode == 1
    lost, given_up = errors.splitlines()
    assert lost.startswith("one: the coordinator is lost, all cells are saved; waiting")
    assert given_up == "one: no other coordinator came"


@pytest.mark.process
def test_a_worker_finds_the_next_coordinator(tmp_path, start):
    worker = start(patience=60)
    with pytest.raises(KeyboardInterrupt), listen(tmp_path) as fleet:
        wait_for_hello(fleet)
        raise KeyboardInterrupt
    with listen(tmp_path) as fleet:
        wait_for_hello(fleet)
    worker.communicate(timeout=30)
    assert worker.returncode == 0
