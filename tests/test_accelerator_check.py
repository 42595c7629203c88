"""The check of an accelerator runs to its end on a CPU, and can fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest

import tiny

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "checks" / "accelerator.py"


def check(out, *flags, **environment):
    """Run the check with tiny shapes; the finished process."""
    own = {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "1", **environment}
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--out", str(out), *flags],
        env=os.environ | {"XLA_FLAGS": tiny.UNOPTIMISED} | own,
        capture_output=True,
        text=True,
    )


PLANTED = {
    "numbers": "a spoilt gradient",
    "lanes": "a spoilt hash",
    "resume": "a spoilt table",
}
"""Section → the check that must fail where a fault is planted."""
SOON = ["device", "numbers"]
LATER = ["speed", "precisions", "levers", "peers", "sweeps"]
"""All others but `lanes` and `resume`, which have tests of their own."""


def check_sections(out, sections, *flags, planted=()):
    """Run some sections; faults are planted for checks of their own."""
    done = check(out, "--quick", "--only", ",".join(sections), *flags)
    report = json.loads((out / "report.json").read_text())
    statuses = {n: s["status"] for n, s in report["sections"].items() if "status" in s}
    assert statuses == dict.fromkeys(sections, "done")
    page = (out / "report.md").read_text()
    for name, section in report["sections"].items():
        assert section.get("title", "") in page
        checks = section.get("checks", [])
        wrong = [each["name"] for each in checks if not each["passed"]]
        assert wrong == ([PLANTED[name]] if name in planted else [])
        assert not wrong or f"**FAILED** {section['title']}: {wrong[0]}" in page
    assert done.returncode == bool(planted), done.stderr
    assert report["passed"] == (not planted)
    for figure in out.glob("*.png"):
        assert matplotlib.image.imread(figure).any()
    return report["sections"], {figure.stem for figure in out.glob("*.png")}


@pytest.mark.process
@pytest.mark.long
def test_sections_run_and_report_what_is_wrong_and_nothing_else(tmp_path):
    flags = "--plant", "numbers"
    sections, _ = check_sections(tmp_path, SOON, *flags, planted=["numbers"])
    assert len(sections["numbers"]["checks"]) > 8


@pytest.mark.process
@pytest.mark.slow
def test_the_sections_that_take_longer_run(tmp_path):
    sections, figures = check_sections(tmp_path, LATER)
    assert {"block_width", "precisions", "wd_vs_frac_phase_diagram"} <= figures
    assert all(row["kernels"] > 10 for row in sections["speed"]["tiny"]["rows"])
    assert sections["sweeps"]["wd_vs_frac"]["exit_code"] == 143


@pytest.mark.process
@pytest.mark.slow
def test_a_table_that_a_resumed_sweep_spoils_is_seen(tmp_path):
    done = check(tmp_path, "--quick", "--only", "resume", "--plant", "resume")
    report = json.loads((tmp_path / "report.json").read_text())
    checks = report["sections"]["resume"]["checks"]
    wrong = [each["name"] for each in checks if not each["passed"]]
    assert done.returncode == 1 and wrong == [PLANTED["resume"]], done.stderr


@pytest.mark.process
@pytest.mark.slow
def test_a_hash_that_is_spoilt_is_seen_and_right_numbers_pass(tmp_path):
    flags = "--plant", "lanes"
    check_sections(tmp_path, [*SOON, "lanes"], *flags, planted=["lanes"])
    assert "passed: Right numbers" in (tmp_path / "report.md").read_text()


@pytest.mark.process
def test_a_section_that_breaks_does_not_stop_the_others(tmp_path):
    """A flag that XLA does not know ends every process that computes."""
    own = {"XLA_FLAGS": "--xla_no_such_flag=1"}
    done = check(tmp_path, "--quick", "--only", "numbers,device", **own)
    report = json.loads((tmp_path / "report.json").read_text())
    statuses = [section["status"] for section in report["sections"].values()]
    assert all(status.startswith("failed") for status in statuses[:2])
    assert done.returncode == 1
    assert "**NOT MADE** Right numbers" in (tmp_path / "report.md").read_text()


@pytest.mark.process
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--minutes", "0"], "--minutes=0 must be from 1 to 1440"),
        (["--only", "sped"], "section sped is unknown; choose of device, numbers"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        ([], "JAX finds no accelerator, only a CPU"),
    ],
)
def test_bad_input_is_one_line(tmp_path, flags, words):
    done = check(tmp_path, *flags)
    assert done.returncode == 2
    assert words in done.stderr and len(done.stderr.splitlines()) == 1
