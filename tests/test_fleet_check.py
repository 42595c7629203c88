"""A handful of what the check of fleets does: real processes, killed and going on."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tiny

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "checks" / "fleet.py"


def check(*words):
    """Run the check; the finished process."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        env=os.environ | {"XLA_FLAGS": tiny.UNOPTIMISED},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


@pytest.mark.process
def test_workers_and_coordinators_are_killed_and_nothing_is_lost():
    done = check("--quick", "--only=storms")
    *acts, counts, faults = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split(" ")[0] for line in acts] == ["storm-0"]
    assert all(": equal, " in line for line in acts)
    assert "× worker" in counts and "× coordinator" in counts
    assert faults == "0 faults"


@pytest.mark.process
@pytest.mark.slow
def test_a_worker_whose_disk_is_full_is_replaced():
    done = check("--quick", "--only=full_disk")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("full_disk (quick): equal, ")


@pytest.fixture
def network(monkeypatch):
    """The module of the scenes in which a cable is pulled."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return importlib.import_module("fleet_scenes.network")


def test_where_no_namespace_can_be_made_that_is_said_in_a_line(network, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(network.Skip, match=r"no network namespace: .*'ip'"):
        network.Machine().__enter__()


def test_a_machine_is_gone_behind_its_scene(network, monkeypatch):
    made = []

    def ip(words):
        made.append(words)
        if words.endswith("lo up"):
            raise subprocess.CalledProcessError(2, "ip", stderr="not\npermitted")

    monkeypatch.setattr(network, "_ip", ip)
    with pytest.raises(network.Skip, match="namespace: not permitted"):
        network.Machine().__enter__()
    name, cable = made[0].split()[-1], made[1].split()[2]
    assert made[-2:] == [f"link delete {cable}", f"netns delete {name}"]


@pytest.mark.process
def test_what_it_does_not_know_is_refused():
    done = check("--only=storms,sunshine")
    assert done.returncode == 2 and "--only=sunshine must be among" in done.stderr
