"""A running sweep as seen from outside: what its process takes while cells end.

>>> watch = Watch(run_dir)
>>> watch.follow(process, until=2_000)      # killed there
>>> watch.follow(another)                   # to its end
>>> watch.seconds_a_cell("cpu", 10_000)
"""

import os
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

from jaxgrok.results.files import status_file

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Sample(NamedTuple):
    """One look at a sweep.

    Attributes:
        process: how many processes trained it before this one.
        wall: seconds since the first look.
        cpu: seconds of a processor that the process has taken.
        cells: that have ended.
        memory: resident MB.
        descriptors: open ones.
        files: of the run directory.
    """

    process: int
    wall: float
    cpu: float
    cells: int
    memory: float
    descriptors: int
    files: int


class Watch:
    """Looks at the processes that train one run directory, one after the other.

    Args:
        run_dir: of the sweep.
        every: seconds between two looks.

    Attributes:
        samples: while cells were trained.
        later: MB at most behind the last cell: figures, and the circuits that are read.
    """

    def __init__(self, run_dir: Path, every: float = 1.0) -> None:
        self.run_dir, self.every = run_dir, every
        self.samples: list[Sample] = []
        self.later = 0.0
        self._processes = 0
        self._start = time.monotonic()

    def follow(self, process: subprocess.Popen[Any], until: int | None = None) -> int:
        """Look at a process until it ends, or is killed behind so many cells.

        Returns:
            The exit code.
        """
        while process.poll() is None:
            try:
                sample = self._look(process.pid)
            except OSError:  # it ended just now
                continue
            if sample is not None:
                self.samples.append(sample)
                if until is not None and sample.cells >= until:
                    process.kill()
                    break
            time.sleep(self.every)
        self._processes += 1
        return process.wait()

    def _look(self, pid: int) -> Sample | None:
        """Look once; None before the first cell and after the last."""
        memory = resident(pid)
        live = status_file.read(self.run_dir)
        if live is None or live.process != pid:
            if self.samples and self.samples[-1].process == self._processes:
                self.later = max(self.later, memory)
            return None
        return Sample(
            self._processes,
            time.monotonic() - self._start,
            cpu_seconds(pid),
            sum(live.counts.values()),
            memory,
            len(os.listdir(f"/proc/{pid}/fd")),
            count_files(self.run_dir),
        )

    def of(self, process: int, low: float = 0) -> list[Sample]:
        """Return the samples of a process from a number of cells on."""
        return [s for s in self.samples if s.process == process and s.cells >= low]

    def seconds_a_cell(self, clock: str, cells: int, parts: int = 10) -> list[float]:
        """Return what a cell took in each part of the sweep.

        Args:
            clock: "wall" or "cpu".
            cells: of the sweep.
            parts: into which it is cut. The time in which no cell ended (a process
                starts) is in none.
        """
        seconds, ended = [0.0] * parts, [0.0] * parts
        previous: Sample | None = None
        for sample in self.samples:
            if previous is None or previous.process != sample.process:
                previous = sample
                continue
            count = sample.cells - previous.cells
            if count <= 0:
                continue
            cost = (getattr(sample, clock) - getattr(previous, clock)) / count
            for part in range(parts):
                low, high = cells * part / parts, cells * (part + 1) / parts
                share = max(min(high, sample.cells) - max(low, previous.cells), 0.0)
                seconds[part] += share * cost
                ended[part] += share
            previous = sample
        return [s / max(n, 1.0) for s, n in zip(seconds, ended, strict=True)]


def resident(pid: int) -> float:
    """Return the resident MB of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmRSS":
            return int(value.split()[0]) / 1024
    raise ProcessLookupError(pid)  # a zombie has none


def cpu_seconds(pid: int) -> float:
    """Return the seconds of a processor that a process has taken."""
    # After the name, which is in parentheses and may hold any character.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def count_files(folder: Path) -> int:
    """Return the number of files below a folder."""
    return sum(len(names) for _, _, names in os.walk(folder))
