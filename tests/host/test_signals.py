"""Which signals stop a run, and which do not."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from jaxgrok.host import signals
from jaxgrok.host.signals import AskedToStop, Stop, asked_to_stop

CODES = {"SIGHUP": 129, "SIGINT": 130, "SIGTERM": 143}


def send(name):
    os.kill(os.getpid(), getattr(signal, name))


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_a_signal_sets_the_event_and_the_exit_code(name, code):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with asked_to_stop() as stop:
        assert not stop.is_set()
        send(name)
        assert stop.is_set()
        assert signal.getsignal(number) is before  # a second one acts as usual
    assert stop.exit_code == code
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("name", CODES)
def test_a_signal_that_is_ignored_stays_ignored(name):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with asked_to_stop() as stop:
            send(name)
            assert not stop.is_set()
            assert signal.getsignal(number) is signal.SIG_IGN
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("name", CODES)
def test_what_may_be_broken_off_is_broken_off_where_the_signal_comes(name):
    done = []

    def job():
        done.append("begun")
        send(name)
        done.append("ended")

    with asked_to_stop() as stop:
        with pytest.raises(AskedToStop):
            stop.broken_off(job)
        assert stop.is_set() and not stop.breaks
        with pytest.raises(AskedToStop):  # asked before: not even begun
            stop.broken_off(job)
    assert done == ["begun"]


def test_behind_what_may_be_broken_off_a_signal_raises_nothing():
    with asked_to_stop() as stop:
        assert stop.broken_off(lambda: 3) == 3
        with pytest.raises(ValueError, match="no"):
            stop.broken_off(lambda: int("no"))
        send("SIGTERM")
        assert stop.is_set()


def test_a_stop_of_no_signal_breaks_nothing_off():
    assert Stop().broken_off(lambda: 3) == 3


def test_outside_the_main_thread_no_signal_is_touched():
    stops = []

    def body():
        with asked_to_stop() as stop:
            stops.append((stop.is_set(), signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert stops == [(False, before)]


def test_where_there_is_no_sighup_the_others_stop_a_run(monkeypatch):
    others = [number for number in signals._SIGNALS if number != signal.SIGHUP]
    monkeypatch.setattr(signals, "_SIGNALS", others)
    with asked_to_stop() as stop:
        send("SIGTERM")
        assert stop.is_set()


@pytest.fixture
def handled():
    """Signals that reach the handlers of before; the true ones are back afterwards."""
    numbers = []
    before = signal.signal(signal.SIGTERM, lambda number, _: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGTERM, before)


def test_the_first_signal_asks_and_the_second_acts_as_usual(handled):
    with asked_to_stop() as stop:
        send("SIGTERM")
        assert stop.is_set() and handled == []
        send("SIGTERM")
    assert handled == [signal.SIGTERM]


def test_after_an_error_signals_act_as_usual(handled):
    with pytest.raises(RuntimeError), asked_to_stop() as stop:
        raise RuntimeError
    send("SIGTERM")
    assert handled == [signal.SIGTERM] and not stop.is_set()


def test_two_runs_one_after_the_other_are_asked_each(handled):
    for _ in range(2):
        with asked_to_stop() as stop:
            send("SIGTERM")
            assert stop.is_set()
    assert handled == []


# What Python drops it prints, and pytest makes a warning of that.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_that_a_garbage_collection_drops_is_raised_again(monkeypatch):
    monkeypatch.setattr(signals, "AGAIN", 0.05)
    before = signal.getsignal(signal.SIGALRM)
    asked = []

    def collected(phase, _):
        if not asked:
            asked.append(phase)
            send("SIGTERM")

    def job():
        gc.callbacks.append(collected)
        gc.collect()
        gc.callbacks.remove(collected)
        assert asked
        time.sleep(30)

    with asked_to_stop() as stop:
        start = time.monotonic()
        with pytest.raises(AskedToStop):
            stop.broken_off(job)
    assert time.monotonic() - start < 20
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_interrupt_is_one_of_python_but_while_jax_is_imported():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with signals.safe_imports():
            with pytest.raises(KeyboardInterrupt):
                send("SIGINT")
            with asked_to_stop() as stop:
                send("SIGINT")
            assert stop.exit_code == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


IMPORTING = """
import signal, sys
from jaxgrok.host.signals import safe_imports

signal.signal(signal.SIGINT, signal.default_int_handler)
with safe_imports():
    try:
        import jax
    except KeyboardInterrupt:
        sys.exit("it was raised in there")
"""


@pytest.mark.process
def test_an_interrupt_while_jax_is_imported_ends_the_process(tmp_path):
    # In place of JAX: what interrupts itself as it is imported.
    own = "import os, signal; os.kill(os.getpid(), signal.SIGINT); import time"
    (tmp_path / "jax.py").write_text(own)
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTING],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (-signal.SIGINT, "", "")
