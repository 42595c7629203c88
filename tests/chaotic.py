"""The short form of a row of scripts/checks/chaos.py, as a test runs it."""

import json
import subprocess
import sys
from pathlib import Path

CHAOS = Path(__file__).parents[1] / "scripts" / "checks" / "chaos.py"


def short_form(row: str, out: Path, timeout: float = 120) -> None:
    """Run a row with --quick; every check must hold."""
    command = [sys.executable, str(CHAOS), "--out", str(out), "--only", row, "--quick"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    answer = json.loads((out / f"{row}.json").read_text())
    broken = [check for check in answer["checks"] if not check["held"]]
    assert not broken, broken
    assert answer["checks"]
    assert ran.returncode == 0, ran.stdout + ran.stderr
