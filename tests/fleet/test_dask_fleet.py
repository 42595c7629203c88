"""A fleet of processes: who is let go as it ends, and who waits for the next."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import nodes
import pytest

from jaxgrok.fleet import hello, job, rendezvous, workers
from jaxgrok.fleet.dask_fleet import DaskFleet
from jaxgrok.fleet.messages import Assignment, Loss, Order, Progress
from jaxgrok.fleet.node import Outcome
from jaxgrok.host import machine

# Dask leaves sockets open that it could not bind or connect.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]
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


ORDER = Order({0: Assignment(0)})


@pytest.fixture
def fleet_of(tmp_path, monkeypatch):
    """Makes a fleet with these workers, in threads."""

    def make(*answering, **options):
        return nodes.listening(tmp_path, monkeypatch, answering=answering, **options)

    return make


def test_a_coordinator_hears_what_workers_are_before_it_begins(fleet_of):
    with fleet_of(nodes.Answering(), begins=False) as fleet:
        while not (first := fleet.first_hello()):
            pass
        assert first == hello.here() == fleet.first_hello()
        assert fleet.next() is None
        fleet.begin(nodes.JOB, machine.bits())
        assert nodes.news(fleet).worker == "a"


def test_workers_answer_by_name_and_are_let_go_at_the_end(fleet_of, tmp_path):
    answering = nodes.Answering("a"), nodes.Answering("b")
    with fleet_of(*answering) as fleet:
        assert (tmp_path / rendezvous.FILE).exists()
        assert {nodes.news(fleet).worker for _ in answering} == {"a", "b"}
        for name in ("a", "b"):
            fleet.send(name, ORDER)
        assert {nodes.news(fleet).worker for _ in answering} == {"a", "b"}
    assert not (tmp_path / rendezvous.FILE).exists()
    assert {thread.node.outcome for thread in fleet.threads} == {Outcome.DONE}
    # Each wrote what it had in memory alone, and waited for that.
    assert all(worker.orders == [ORDER, Order({}, save=True)] for worker in answering)
    assert all(worker.is_closed for worker in answering)


@pytest.mark.parametrize("mixed_bits", [False, True])
def test_a_worker_of_other_bits_is_refused_by_name(fleet_of, mixed_bits):
    bits = machine.bits() | {"device": "abacus"}
    options = {"bits": bits, "mixed_bits": mixed_bits}
    with fleet_of(nodes.Answering(), **options) as fleet:
        answer = nodes.news(fleet)
        if mixed_bits:
            assert answer.seats == {0: Progress()}
            return
        assert answer.worker == "a" and "is abacus in this run" in answer.cause
        node = fleet.threads[0].join()
    assert node.outcome is Outcome.REFUSED and "is abacus in this run" in node.cause


def test_a_worker_of_another_version_is_refused(fleet_of, monkeypatch):
    other = hello.here()._replace(version="0.0.1")
    monkeypatch.setattr(hello, "here", lambda: other)
    with fleet_of(nodes.Answering()) as fleet:
        assert "refused: it is jaxgrok 0.0.1, and " in nodes.news(fleet).cause
        assert fleet.threads[0].join().outcome is Outcome.REFUSED


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError])
def test_a_worker_that_makes_other_cells_or_none_is_refused(
    fleet_of, monkeypatch, capfd, error
):
    def refuse(*_):
        raise error("its cells are other ones")

    with fleet_of(nodes.Answering(), begins=False) as fleet:
        monkeypatch.setattr(job, "worker", refuse)
        fleet.begin(nodes.JOB, machine.bits())
        assert nodes.news(fleet).cause.endswith("its cells are other ones")
        node = fleet.threads[0].join()
    assert node.outcome is Outcome.REFUSED
    assert node.cause.endswith("its cells are other ones")


class Failing(nodes.Answering):
    """Fails at its first order."""

    def do(self, order):
        raise ZeroDivisionError("of a user's\nmeasure")


class Speechless(nodes.Answering):
    """Answers what no message can hold."""

    def do(self, order):
        return {1, 2}


@pytest.mark.parametrize("kind", [Failing, Speechless])
def test_an_error_of_a_worker_is_a_crash(fleet_of, capfd, kind):
    with fleet_of(kind()) as fleet:
        nodes.news(fleet)
        fleet.send("a", ORDER)
        loss = nodes.news(fleet)
        assert (loss.worker, loss.is_crash) == ("a", True)
        assert "\n" not in loss.cause
        assert fleet.threads[0].join().outcome is Outcome.REFUSED


def test_a_worker_that_is_gone_is_a_loss(fleet_of):
    with fleet_of(nodes.Answering()) as fleet:
        nodes.news(fleet)
        fleet.threads[0].node._end(Outcome.LOST)
        fleet.threads[0].join()
        assert nodes.news(fleet) == Loss("a", "it does not answer any more")
        fleet.send("a", ORDER)  # lost too, without a word
        assert fleet.next() is None


def test_one_that_was_given_up_saves_and_looks_for_another_coordinator(fleet_of):
    worker = nodes.Answering()
    with fleet_of(worker) as fleet:
        nodes.news(fleet)
        # As Dask does with one that was silent for too long.
        (address,) = fleet._scheduler.workers
        gone = fleet._scheduler.remove_worker(address, stimulus_id="silence")
        fleet._loop.wait(gone)
        assert nodes.news(fleet) == Loss("a", "it does not answer any more")
        assert fleet.threads[0].join().outcome is Outcome.LOST
    assert worker.orders == [Order({}, save=True)] and worker.is_closed


def cannot_listen(folder, who):
    """What is said where nobody can listen."""
    try:
        DaskFleet(folder, workers.parse(who))
    except ValueError as error:
        return str(error)
    raise AssertionError("it listens")


def test_a_port_in_use_and_a_foreign_host_are_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for where in (f"127.0.0.1:{port}", "192.0.2.1"):
            words = cannot_listen(tmp_path, f"listen:{where}")
            assert words.startswith("--workers: cannot listen on")
            assert "\n" not in words
    assert list(tmp_path.iterdir()) == []
