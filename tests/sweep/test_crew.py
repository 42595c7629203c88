"""Whoever trains, the grid is resolved for their devices, and all are let go."""

import threading

import jax
import pytest
from fleets import CPU

import tiny
from jaxgrok.engine.platform import Platform
from jaxgrok.fleet import dask_fleet
from jaxgrok.fleet.hello import Hello
from jaxgrok.fleet.local import LocalFleet
from jaxgrok.host import machine
from jaxgrok.sweep.crew import Crew
from jaxgrok.sweep.options import Options

TPU = Platform("tpu", "TPU v5 lite", 4)
BITS = {"device": "TPU v5 lite"}


class Listening:
    """A fleet that nobody reaches; its first worker comes when `hellos` has one."""

    invitation = "python -m jaxgrok.worker RUN_DIR"

    def __init__(self, run_dir, workers, platform):
        self.run_dir, self.workers, self.platform = run_dir, workers, platform
        self.hellos, self.begun, self.errors = list(HELLOS), [], []

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        self.errors.append(error)

    def first_hello(self):
        return self.hellos.pop(0)

    def begin(self, *job, **options):
        self.begun.append((*job, options))


HELLOS = (None, Hello("0", TPU, BITS))


@pytest.fixture
def fleets(monkeypatch):
    """Every fleet that is made."""
    made = []

    def make(*arguments):
        made.append(Listening(*arguments))
        return made[-1]

    monkeypatch.setattr(dask_fleet, "DaskFleet", make)
    return made


def test_this_process_trains_on_its_own_devices(tmp_path, monkeypatch):
    closed = []
    monkeypatch.setattr(LocalFleet, "close", lambda fleet: closed.append(fleet))
    platform = Platform.of(jax.local_devices())
    with Crew(tiny.config(), Options(), platform) as crew:
        resolved = crew.gather(tmp_path, threading.Event())
        assert resolved is crew.resolved and resolved.platform == platform
        fleet = crew.begin(tmp_path, resolved.grid)
        assert isinstance(fleet, LocalFleet) and not closed
    assert closed == [fleet]


def test_what_its_devices_cannot_train_is_refused_at_once():
    config = tiny.config(loss="float64")
    with pytest.raises(ValueError, match="loss='float64' cannot be computed on a TPU"):
        Crew(config, Options(workers="listen"), TPU)
    assert Crew(config, Options(workers="listen"), CPU).resolved


def test_the_grid_is_for_the_devices_of_the_first_worker(tmp_path, fleets, capsys):
    options = Options(workers="listen", mixed_bits=True)
    with Crew(tiny.config(), options, None) as crew:
        assert crew.resolved is None
        resolved = crew.gather(tmp_path, threading.Event())
        [fleet] = fleets
        assert (fleet.run_dir, fleet.workers) == (tmp_path, options.who)
        assert resolved.platform == TPU and fleet.platform is None
        assert machine.bits() == BITS
        assert crew.begin(tmp_path, resolved.grid) is fleet
        [(job, bits, rest)] = fleet.begun
        assert (bits, rest) == (BITS, {"mixed_bits": True})
        assert job.config["modulus"] == 7
    assert fleet.errors == [None]
    assert machine.bits() != BITS
    assert capsys.readouterr().err == f"waiting for workers: {fleet.invitation}\n"


def test_children_are_known_before_they_come(tmp_path, fleets, capsys):
    with Crew(tiny.config(), Options(workers=2), TPU) as crew:
        assert crew.gather(tmp_path, threading.Event()).platform == TPU
        assert fleets[0].platform == TPU and len(fleets[0].hellos) == len(HELLOS)
    assert capsys.readouterr().err == ""


def test_the_wait_for_a_worker_ends_when_the_user_says(tmp_path, fleets, capsys):
    stop = threading.Event()
    stop.set()
    with Crew(tiny.config(), Options(workers="listen", quiet=True), None) as crew:
        assert crew.gather(tmp_path, stop) is None
    assert capsys.readouterr().err == ""


def test_an_error_reaches_the_fleet(tmp_path, fleets):
    with (
        pytest.raises(KeyboardInterrupt),
        Crew(tiny.config(), Options(workers="listen"), None) as crew,
    ):
        crew.gather(tmp_path, threading.Event())
        raise KeyboardInterrupt
    assert fleets[0].errors == [KeyboardInterrupt]
