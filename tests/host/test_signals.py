"""The first signal asks a run to stop; the second one acts as usual."""

import signal
import threading

import pytest

from jaxgrok.host import signals
from jaxgrok.host.signals import asked_to_stop

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def handled():
    """Signals that reach the handlers of before; the true ones are back afterwards."""
    numbers = []
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, lambda received, _: numbers.append(received))
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_the_second_acts_as_usual(handled, number):
    with asked_to_stop() as stop:
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.is_set() and handled == []
        for second in SIGNALS:
            signal.raise_signal(second)
    assert handled == list(SIGNALS)


@pytest.mark.parametrize("error", [None, RuntimeError])
def test_afterwards_signals_act_as_usual(handled, error):
    try:
        with asked_to_stop() as stop:
            if error:
                raise error
    except RuntimeError:
        pass
    signal.raise_signal(signal.SIGINT)
    assert handled == [signal.SIGINT]
    assert not stop.is_set()


def test_two_runs_one_after_the_other_are_asked_each(handled):
    for _ in range(2):
        with asked_to_stop() as stop:
            signal.raise_signal(signal.SIGTERM)
            assert stop.is_set()
    assert handled == []


def test_in_another_thread_signals_stay_as_they_are():
    outcomes = []

    def work():
        before = [signal.getsignal(number) for number in SIGNALS]
        with asked_to_stop() as stop:
            within = [signal.getsignal(number) for number in SIGNALS]
        outcomes.append((stop.is_set(), within == before))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert outcomes == [(False, True)]


@pytest.mark.parametrize(
    ("number", "code"), list(zip(SIGNALS, (130, 143, 129), strict=True))
)
def test_the_exit_code_is_128_and_the_signal(handled, number, code):
    with asked_to_stop() as stop:
        signal.raise_signal(number)
    assert stop.exit_code == code


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_is_ignored_stays_ignored(handled, number):
    signal.signal(number, signal.SIG_IGN)
    with asked_to_stop() as stop:
        signal.raise_signal(number)
        assert not stop.is_set()
    assert signal.getsignal(number) is signal.SIG_IGN


def test_where_there_is_no_sighup_the_others_stop_a_run(handled, monkeypatch):
    others = [number for number in signals._SIGNALS if number != signal.SIGHUP]
    monkeypatch.setattr(signals, "_SIGNALS", others)
    with asked_to_stop() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
