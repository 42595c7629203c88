"""What is said of the machine."""

import os
from pathlib import Path

import jax
import pytest

from jaxgrok.host import machine


@pytest.fixture
def variables(monkeypatch):
    """No variable of JAX is set; afterwards all are as before."""
    for name in (
        "XLA_FLAGS",
        "XDG_CACHE_HOME",
        "JAX_NUM_CPU_DEVICES",
        "JAX_COMPILATION_CACHE_DIR",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
    ):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


def test_a_cpu_is_one_device_a_core_and_programs_are_kept(variables):
    machine.prepare()
    assert 1 <= int(os.environ["JAX_NUM_CPU_DEVICES"]) <= machine.MOST_CPU_DEVICES
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(
        Path.home() / ".cache/jaxgrok"
    )


def test_what_the_user_has_set_stays(variables):
    variables.setenv("JAX_COMPILATION_CACHE_DIR", "elsewhere")
    variables.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=3")
    machine.prepare()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "elsewhere"
    assert "JAX_NUM_CPU_DEVICES" not in os.environ


def test_bits_name_everything_that_rounds():
    record = machine.bits()
    assert {"jax", "jaxlib", "device", "arithmetic", "cpu_threads"} == set(record)
    assert record["arithmetic"] == machine.ARITHMETIC == 6


@pytest.mark.parametrize("nproc", ["two", "-1"])
def test_a_number_of_threads_that_is_none_is_named(monkeypatch, nproc):
    monkeypatch.setenv("NPROC", nproc)
    with pytest.raises(ValueError, match=f"NPROC='{nproc}' must be a whole number"):
        machine.bits()
    monkeypatch.setenv("NPROC", "")
    assert machine.bits()["cpu_threads"] >= 1


def test_no_programs_are_kept_where_no_folder_can_be_made(variables, tmp_path):
    variables.setenv("HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    machine.prepare()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ


def test_no_programs_are_kept_where_there_is_no_home(variables):
    variables.setattr(machine.paths, "home", lambda: None)
    machine.prepare()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
    # A relative folder does not count.
    variables.setenv("XDG_CACHE_HOME", "cache")
    machine.prepare()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("Unable to\nstart")])
def test_a_device_that_is_not_there_is_one_line(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.setattr("jax.default_backend", fail)
    with pytest.raises(ValueError, match=r"^JAX_PLATFORMS='cuda': JAX finds no such"):
        machine.platform_of_jax()


def test_all_cores_in_use_need_no_line(monkeypatch):
    monkeypatch.setenv(machine.CPU_DEVICES, str(jax.local_device_count()))
    assert machine.idle_cores() == ""
    monkeypatch.delenv(machine.CPU_DEVICES)
    assert machine.idle_cores() == ""


def test_idle_cores_come_with_the_way_to_use_them(monkeypatch):
    devices = jax.local_device_count()
    monkeypatch.setenv(machine.CPU_DEVICES, str(devices + 4))
    line = machine.idle_cores()
    assert line.startswith(f"training on {devices} of {devices + 4} cores")
    assert line.endswith("restart Python and call jaxgrok.prepare() first")
    assert "\n" not in line
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert machine.idle_cores() == ""


def test_jax_that_is_imported_but_not_used_is_told(variables):
    told = {}
    variables.setattr(jax.config, "update", told.__setitem__)
    variables.setattr(machine, "_cache", lambda: Path("/programs"))
    machine.prepare()
    assert told == {
        "jax_num_cpu_devices": min(machine.cores(), machine.MOST_CPU_DEVICES),
        "jax_compilation_cache_dir": "/programs",
        "jax_persistent_cache_min_compile_time_secs": 0,
    }


def test_jax_that_was_used_stays_as_it_is(variables):
    def refuse(*_):
        raise RuntimeError("must be updated before backends are initialized")

    variables.setattr(jax.config, "update", refuse)
    machine.prepare()
