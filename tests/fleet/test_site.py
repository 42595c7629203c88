"""The machines that compute decide what a grid is resolved for, not this one."""

import jax
import pytest

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet import children
from jaxgrok.fleet.hello import Hello
from jaxgrok.fleet.site import computing
from jaxgrok.fleet.workers import parse
from jaxgrok.host import machine, packages

TPU = Platform("tpu", "TPU v5 lite", 4)
BITS = {"device": "TPU v5 lite"}


@pytest.fixture
def probed(monkeypatch):
    monkeypatch.setattr(children, "probe", lambda: Hello("0", TPU, BITS))


def test_locally_it_is_this_process():
    with computing(parse("local")) as platform:
        assert platform == Platform.of(jax.local_devices())
        assert machine.platform_of_jax() == "cpu"


def test_processes_of_this_machine_are_asked_what_they_see(probed):
    with computing(parse(2)) as platform:
        assert platform == TPU
        assert (machine.platform_of_jax(), machine.bits()) == ("tpu", BITS)
    assert machine.platform_of_jax() == "cpu"


@pytest.mark.parametrize("count", [5, 100])
def test_more_processes_than_devices_are_refused(probed, count):
    words = f"--workers={count} must be at most 4: .* 4 × TPU v5 lite"
    with pytest.raises(ValueError, match=words), computing(parse(count)):
        pass


def test_workers_elsewhere_are_not_known_yet():
    with computing(parse("listen")) as platform:
        assert platform is None
        with pytest.raises(ValueError, match="so name the scale"):
            machine.platform_of_jax()


@pytest.mark.parametrize("who", ["2", "listen"])
def test_a_missing_package_is_named_with_its_extra(monkeypatch, who):
    def missing(name, extra):
        raise ValueError(f"{name}: pip install 'jaxgrok[{extra}]'")

    monkeypatch.setattr(packages, "needed", missing)
    with (
        pytest.raises(ValueError, match=r"distributed: .*jaxgrok\[fleet\]"),
        computing(parse(who)),
    ):
        pass
