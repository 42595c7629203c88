"""Does jaxgrok compute right numbers on this accelerator, and how fast?

    python scripts/checks/accelerator.py --out DIR                # 5 minutes
    python scripts/checks/accelerator.py --out DIR --minutes 8
    python scripts/checks/accelerator.py --out DIR --quick        # tiny, on a CPU too

In this order: the device and versions; loss, gradients, evaluation, the exact loss and
excluded losses against float64 on the host; whether a cell has the same bits in any
lane, beside any neighbour, in one block or three, twice and in another process; a sweep
that is killed and goes on; ms a lane-step by block width, kernels a step and the shares
of the device's limits; the precisions; options of XLA; PyTorch on the same device
(`pip install '.[torch]'`; left out where it is missing); and as much of two shipped
sweeps as the time allows.

DIR gets report.md, report.json (after every section anew, so that a run that is cut
off leaves what it has) and figures; DIR/work, or --work, all else. The sweeps there
can go on. Every section is a process of its own with a share of the time, compilation
included; what one does not use, the next ones have. Exit code 0 if all checks of right
numbers passed, 1 if one failed or was not made, 2 for bad input.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    ROOT,
    ROOT / "tests",
    ROOT / "scripts" / "bench",
    ROOT / "scripts" / "checks",
)
sys.path[:0] = map(str, FOLDERS)

from accelerator_sections import QUICK_SECONDS, SECTIONS, Section  # noqa: E402
from accelerator_sections.job import Job, one_line, write_json  # noqa: E402
from accelerator_sections.page import page, verdict  # noqa: E402

LOOK = 0.2
"""Seconds between two looks at a section."""
LEAST = 8.0
"""Seconds that a section is worth starting for."""
GRACE = 4.0
"""Seconds beyond its time after which a section is ended."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


def main() -> int:
    """Run the sections, write the report; the exit code."""
    options = parse()
    names = options.only.split(",") if options.only else [s.name for s in SECTIONS]
    names.append("device")  # which others ask
    sections = [section for section in SECTIONS if section.name in names]
    work = options.work or options.out / "work"
    for folder in (options.out, work):
        folder.mkdir(parents=True, exist_ok=True)
    report = Report(options, sections)
    # So that the section that runs is ended as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for i, section in enumerate(sections):
        report.run(section, sections[i + 1 :], work)
        if section.name == "device" and (words := report.refusal()):
            print(f"error: {words}", file=sys.stderr)
            return 2
        if section.name in ("speed", "sweeps"):
            report.draw()
    print((options.out / "report.md").read_text())
    return 0 if report.passed else 1


def parse() -> argparse.Namespace:
    """Parse and check the flags."""
    parser = Parser(description=__doc__.splitlines()[0])
    names = [section.name for section in SECTIONS]
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    parser.add_argument("--minutes", type=float, default=5.0, help="time in all")
    parser.add_argument("--quick", action="store_true", help="tiny shapes, seconds")
    parser.add_argument("--work", type=Path, help="folder for all else; OUT/work")
    parser.add_argument("--only", default="", help="sections: device,numbers,...")
    parser.add_argument(
        "--plant",
        default="",
        help="sections: one more check each, of a spoilt number; it must fail",
    )
    options = parser.parse_args()
    if not 1 <= options.minutes <= 24 * 60:
        parser.error(f"--minutes={options.minutes:g} must be from 1 to 1440")
    options.plant = list(filter(None, options.plant.split(",")))
    for name in filter(None, [*options.only.split(","), *options.plant]):
        if name not in names:
            parser.error(f"section {name} is unknown; choose of {', '.join(names)}")
    if options.out.exists() and not options.out.is_dir():
        parser.error(f"--out={options.out} must be a folder")
    options.out = options.out.absolute()
    options.work = options.work and options.work.absolute()
    return options


class Report:
    """The sections' answers, on disk after each of them.

    Args:
        options: the flags.
        sections: that will run.
    """

    def __init__(self, options: argparse.Namespace, sections: list[Section]) -> None:
        self._options = options
        self._start = time.time()
        self._end = self._start + 60 * options.minutes
        self._sections = sections
        self.answers: dict[str, dict[str, Any]] = {
            section.name: {"title": section.title, "status": "not started"}
            for section in sections
        }

    @property
    def passed(self) -> bool:
        """Whether every check of right numbers was made, and passed."""
        return verdict(self._sections, self.answers)

    def refusal(self) -> str:
        """Return why the check makes no sense on this device, "" if it does."""
        if self._options.quick or self.answers["device"].get("platform") != "cpu":
            return ""
        return (
            "JAX finds no accelerator, only a CPU; install jaxgrok[cuda13] or "
            "jaxgrok[tpu], or take --quick to try the check itself"
        )

    def run(self, section: Section, later: list[Section], work: Path) -> None:
        """Run a section in a process, and end it when its time is up."""
        seconds = self._seconds(section, later)
        answer = self.answers[section.name]
        if seconds < LEAST:
            answer |= {"status": "left out: no time left"}
            self.write()
            return
        file = work / f"{section.name}.json"
        file.unlink(missing_ok=True)
        start = time.time()
        job = Job(file, self._options.out, work, start + seconds, self._options.quick)
        job.planted = section.name in self._options.plant
        answer |= {"status": "running", "seconds_given": seconds}
        self.write()
        print(f"{section.title}: at most {seconds:.0f} s", flush=True)
        code = self._wait(section, job, file)
        answer["seconds"] = time.time() - start
        answer["status"] = "done" if code == 0 else _failure(code, work, section.name)
        self.write()

    def _seconds(self, section: Section, later: list[Section]) -> float:
        """Return the seconds that a section may take."""
        if self._options.quick:
            return QUICK_SECONDS
        scale = self._options.minutes / 5
        left = self._end - time.time() - 5  # for the last figures
        reserved = scale * sum(one.least for one in later)
        return max(0.0, min(scale * section.most, left - reserved))

    def _wait(self, section: Section, job: Job, file: Path) -> int | None:
        """Wait for a section's process; its exit code, None if its time was up."""
        job_file = job.work / f"{section.name}.job.json"
        job.write(job_file)
        words = [sys.executable, "-m", "accelerator_sections", section.name]
        with open(job.work / f"{section.name}.log", "w") as log:
            process = subprocess.Popen(
                [*words, str(job_file)],
                env=environment(job.work),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        modified, is_late = 0.0, False
        try:
            while process.poll() is None and not is_late:
                time.sleep(LOOK)
                if file.exists() and file.stat().st_mtime > modified:
                    modified = file.stat().st_mtime
                    self._take(section, file)
                is_late = time.time() > job.deadline + GRACE
        finally:
            _end(process)  # and whatever it has started
        self._take(section, file)
        return None if is_late else process.returncode

    def _take(self, section: Section, file: Path) -> None:
        """Take over what a section has found so far."""
        if file.exists():
            self.answers[section.name] |= json.loads(file.read_text())
        self.write()

    def write(self) -> None:
        """Write report.json and report.md."""
        record = {
            "command": " ".join(["python", *sys.argv]),
            "started": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self._start)),
            "seconds": time.time() - self._start,
            "passed": self.passed,
            "quick": self._options.quick,
            "sections": self.answers,
        }
        write_json(self._options.out / "report.json", record)
        try:
            text = page(record, self._sections)
        except Exception as error:  # report.json has the numbers all the same
            text = f"# No page: {one_line(error)}\n"
        (self._options.out / "report.md").write_text(text, encoding="utf-8")

    def draw(self) -> None:
        """Draw the figures of the speeds, and write the report once more."""
        from accelerator_sections.pictures import draw

        try:
            self.answers["figures"] = draw(self.answers, self._options.out)
        except Exception as error:
            self.answers["figures"] = {"error": one_line(error)}
        self.write()


def environment(work: Path) -> dict[str, str]:
    """Return the environment of a section's process."""
    own = {
        "PYTHONPATH": os.pathsep.join(
            [*map(str, FOLDERS), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
        # Several processes may be on the device at once.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "JAX_COMPILATION_CACHE_DIR": str(work / "compiled"),
    }
    return own | os.environ | {"PYTHONPATH": own["PYTHONPATH"]}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _failure(code: int | None, work: Path, name: str) -> str:
    """Return in one line how a section failed."""
    if code is None:
        return "cut off: its time was up"
    lines = (work / f"{name}.log").read_text(errors="replace").strip().splitlines()
    return f"failed ({code}): {one_line(lines[-1] if lines else '')}"


if __name__ == "__main__":
    sys.exit(main())
