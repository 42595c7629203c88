"""Disks that refuse: every write, fsync, rename and new file of a run fails once.

A library between the process and the system counts the calls below the run directory
in a pass without faults, and makes one of them fail in every pass behind it.
"""

import collections
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chaos_rows.job import Job

HERE = Path(__file__).parent
NUMBERS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)
SHORT = 0
"""In place of a number of errno: a write that writes half of what it is given."""
QUICK = 2
"""Faults of the short form."""
HARMLESS = ("/.status.json", "/status.json", "/.lock")
"""What a run can do without: it may go on where such a file is refused."""
GRID = '''"""Three trainings that take a blink, with snapshots and final states."""

import tiny


def get_config(scale="auto"):
    return tiny.config(
        seed=(0, 1, 2), snapshots="all", snapshot_every=20, snapshot_early_until=0
    )
'''
Fault = tuple[str, int, int, bool]
"""Place, which of its calls, a number of errno or SHORT, and whether it stays so."""


class Commands:
    """A process that runs command lines on disks that refuse."""

    def __init__(self, work: Path) -> None:
        self.work = work
        library = work / "bad_disk.so"
        source = str(HERE / "bad_disk.c")
        build = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), source, "-ldl"]
        subprocess.run([*build, "-lpthread"], check=True)
        (work / "grid.py").write_text(GRID)
        settings = {
            "LD_PRELOAD": str(library),
            "JAX_NUM_CPU_DEVICES": "1",
            "NPROC": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "forked_commands.py"), str(work)],
            env=os.environ | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def sweep(self, out: Path, fault: Fault | None = None) -> int:
        """Run the sweep into a folder; its exit code."""
        order: dict[str, Any] = {
            "module": "jaxgrok.sweep.__main__",
            "words": [f"--grid={self.work / 'grid.py'}", f"--out={out}", "--blocks=1"],
            "watched": str(out),
            "fault": fault,
        }
        assert self._process.stdin
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return int(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def calls(self) -> collections.Counter[str]:
        """The calls of the last command, by place."""
        lines = (self.work / "calls.txt").read_text().splitlines()
        return collections.Counter(line.partition("\t")[2] for line in lines)

    def has_struck(self) -> bool:
        """Tell whether the fault of the last command was reached."""
        return "struck\t" in (self.work / "calls.txt").read_text()

    def last_line(self) -> str:
        """The last line of the last command on stderr."""
        return ["", *(self.work / "err.txt").read_text().splitlines()][-1]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def run(job: Job) -> None:
    commands = Commands(job.work)
    try:
        whole = job.work / "whole"
        shutil.rmtree(whole, ignore_errors=True)
        code = commands.sweep(whole)
        job.check("a run on a good disk ends well", code == 0, commands.last_line())
        counts = commands.calls()
        plan = list(planned(counts))
        job.say(calls=counts.total(), places=len(counts), planned=len(plan))
        _inject(job, commands, whole, plan[:QUICK] if job.quick else plan)
    finally:
        commands.close()


def planned(counts: collections.Counter[str]) -> Iterator[Fault]:
    """Yield a fault for every call, those of each place spread, and each kind early."""
    every = [(call, place) for place, n in counts.items() for call in range(1, n + 1)]
    # The first call of every place comes before the second one of any.
    for index, (call, place) in enumerate(sorted(every)):
        numbers = (*NUMBERS, SHORT) if place.startswith("write") else NUMBERS
        number = numbers[(index + call) % len(numbers)]
        stays = bool(number) and index % 2 == 0
        yield place, call, number, stays


def _inject(job: Job, commands: Commands, whole: Path, plan: list[Fault]) -> None:
    """Run the sweep with every fault, then without; compare with the whole one."""
    broken: list[str] = []
    struck = 0
    out = job.work / "run"
    for index, fault in enumerate(plan, 1):
        shutil.rmtree(out, ignore_errors=True)
        code = commands.sweep(out, fault)
        struck += commands.has_struck()
        if words := _faulty(commands, code, fault):
            broken.append(f"{fault}: {words}")
        code = commands.sweep(out)
        if code:
            broken.append(f"{fault}: it does not go on: {commands.last_line()}")
        elif words := _differing(out, whole):
            broken.append(f"{fault}: {words}")
        if index % 20 == 0 or index == len(plan):
            job.say(injected=index, struck=struck, broken=broken)
    job.check("faults are reached", struck > 0.9 * len(plan), f"{struck}/{len(plan)}")
    words = f"{len(plan)} faults, {len(broken)} broken"
    job.check(
        "one line, exit code 1, and it goes on to the same bytes", not broken, words
    )


def _faulty(commands: Commands, code: int, fault: Fault) -> str:
    """Return what is wrong with the end of a run on a bad disk, "" if nothing."""
    line = commands.last_line()
    if not commands.has_struck() or (code == 0 and _is_harmless(fault)):
        return "" if code == 0 else f"code {code}: {line}"
    if code != 1:
        return f"code {code}: {line}"
    if "cannot be " not in line or str(commands.work) not in line:
        return f"no clear line: {line}"
    if "Traceback" in (commands.work / "err.txt").read_text():
        return "a traceback"
    return ""


def _is_harmless(fault: Fault) -> bool:
    """Tell whether a run may end well all the same."""
    place, _, number, _ = fault
    return number == SHORT or any(name in place for name in HARMLESS)


def _differing(out: Path, whole: Path) -> str:
    """Return what of two run directories is not the same, "" if all is."""
    import numpy as np

    from jaxgrok.results import snapshots
    from jaxgrok.results.files.shards import read_results

    if (out / "cells.csv").read_bytes() != (whole / "cells.csv").read_bytes():
        return "another cells.csv"
    results, expected = read_results(out), read_results(whole)
    for cell_id, result in expected.items():
        if not np.array_equal(results[cell_id].records, result.records):
            return f"other curves of {cell_id}"
    if snapshots.SnapshotIndex(out).every() != snapshots.SnapshotIndex(whole).every():
        return "other snapshots"
    return ""
