"""What is said of the machine."""

import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        ("0::/job/step\n", {"job/memory.max": "1000", "memory.max": "2000"}, 1000),
        ("0::/job\n", {"job/memory.max": "max", "memory.max": "2000"}, 2000),
        ("0::/job/step\n", {"job/memory.max": "9", "job/step/memory.max": "max"}, 9),
        ("0::/job\n", {"job/memory.max": "max"}, None),
        (
            "9:cpu:/a\n4:memory:/job\n",
            {"memory/job/memory.limit_in_bytes": "500", "cpu/a/memory.max": "1"},
            500,
        ),
        ("3:cpu:/job\n", {"cpu/job/memory.limit_in_bytes": "500"}, None),
        ("0::/gone\n", {}, None),
    ],
)
def test_memory_is_the_lowest_limit_of_the_control_groups(
    tmp_path, groups, files, limit
):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert machine.memory(tmp_path) == (limit or physical)


def test_bits_name_everything_that_rounds():
    record = machine.bits()
    assert {"jax", "jaxlib", "device", "arithmetic", "cpu_threads"} == set(record)
    assert record["arithmetic"] == machine.ARITHMETIC == 5


def copy_in_a_repository(folder):
    """A git repository that has a copy of machine.py as pack/host/machine.py."""
    file = folder / "pack/host/machine.py"
    file.parent.mkdir(parents=True)
    file.write_text(Path(machine.__file__).read_text())
    git(folder, "init", "--quiet")
    return file


def git(folder, *words):
    names = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", str(folder), *names, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commit_said_by(file):
    program = "import runpy, sys; print(runpy.run_path(sys.argv[1])['commit']())"
    command = [sys.executable, "-c", program, str(file)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.process
def test_the_commit_has_a_plus_where_any_file_of_the_package_differs(tmp_path):
    file = copy_in_a_repository(tmp_path)
    (tmp_path / "outside.txt").write_text("not of the package")
    assert commit_said_by(file) == "\n"  # untracked: somebody else's repository
    git(tmp_path, "add", "pack")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    name = git(tmp_path, "rev-parse", "HEAD").strip()
    assert commit_said_by(file) == f"{name}\n"
    (tmp_path / "pack/other.py").write_text("")
    assert commit_said_by(file) == f"{name}+\n"
