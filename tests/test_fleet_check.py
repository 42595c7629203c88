"""A handful of what the check of fleets does: real processes, killed and going on."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "checks" / "fleet.py"


def check(*words):
    """Run the check; the finished process."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


@pytest.mark.process
def test_workers_and_coordinators_are_killed_and_nothing_is_lost():
    done = check("--quick", "--only=storms,full_disk")
    *acts, counts, faults = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split(" ")[0] for line in acts] == ["storm-0", "full_disk"]
    assert all(": equal, " in line for line in acts)
    assert "× worker" in counts and "× coordinator" in counts
    assert faults == "0 faults"


@pytest.mark.process
def test_what_it_does_not_know_is_refused():
    done = check("--only=storms,sunshine")
    assert done.returncode == 2 and "--only=sunshine must be among" in done.stderr
