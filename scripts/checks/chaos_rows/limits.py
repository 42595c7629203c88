"""Sweeps whose memory the system limits, and how much of it they took.

>>> ended = Sweep(words, environment, log, Limit("RLIMIT_DATA", 300 * MIB)).wait()

A resource limit makes an allocation fail, which the process hears of. A control group
(version 1) has its processes killed by the kernel.
"""

import contextlib
import itertools
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
MIB = 2**20
CGROUP = "cgroup"
PLANNED = ("RLIMIT_AS", CGROUP)
"""Ways to limit memory that jaxgrok reads, and plans by."""
KINDS = (*PLANNED, "RLIMIT_DATA")
"""All ways. A run does not know of the last one before it meets it."""
FIELDS = {"RLIMIT_DATA": "VmData:", "RLIMIT_AS": "VmSize:"}
"""What is limited, as /proc/PID/status calls it."""
LOOK = 0.01
"""Seconds between two looks at what a process takes."""
PATIENCE = 600.0
"""Seconds after which a sweep counts as hanging."""
_numbers = itertools.count()


class Limit(NamedTuple):
    """What a process may take: one of KINDS, and bytes."""

    kind: str
    n_bytes: int

    def __str__(self) -> str:
        """Say it in MiB."""
        return f"{self.kind} of {self.n_bytes // MIB} MiB"


class Ended(NamedTuple):
    """How a sweep ended.

    Attributes:
        code: its exit code, a signal's negative.
        said: its standard error.
        peaks: the most bytes that it took, by kind of limit.
        kills: processes of it that the kernel killed for memory.
        seconds: that it took.
    """

    code: int
    said: str
    peaks: dict[str, int]
    kills: int
    seconds: float


class Cgroup:
    """A control group of its own below the one of this process, until it is closed."""

    def __init__(self) -> None:
        name = f"jaxgrok-{os.getpid()}-{next(_numbers)}"
        self.folder = _own_group() / name
        self.folder.mkdir()

    def __getitem__(self, name: str) -> str:
        """Read one of its files."""
        return (self.folder / name).read_text()

    def join(self) -> None:
        """Move this process into it."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def limit(self, n_bytes: int) -> None:
        """Set its limit; OSError where that is less than can be freed."""
        (self.folder / "memory.limit_in_bytes").write_text(str(n_bytes))

    @property
    def taken(self) -> int:
        """Bytes that its processes take."""
        return int(self["memory.usage_in_bytes"])

    @property
    def kills(self) -> int:
        """Processes that the kernel has killed."""
        *_, count = self["memory.oom_control"].split()
        return int(count)

    def close(self) -> None:
        """Remove it, once its last process is gone."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(LOOK)


def refusal() -> str:
    """Return why no control group can be made here; "" where one can."""
    try:
        Cgroup().close()
    except (OSError, StopIteration) as error:
        return f"no control group of version 1 can be made here ({error!r})"
    return ""


def _own_group() -> Path:
    """Return the folder of the control group that this process is in."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    parts = (line.split(":", 2) for line in lines)
    path = next(path for _, controllers, path in parts if controllers == "memory")
    return Path("/sys/fs/cgroup/memory") / path.lstrip("/")


class Sweep:
    """A sweep that runs, under a limit if there is one.

    Args:
        words: arguments of `jaxgrok sweep`.
        environment: variables on top of those of this process.
        log: file that gets its standard error.
        limit: of its memory.
        in_group: whether it gets a control group, which measures too.
    """

    def __init__(
        self,
        words: list[str],
        environment: Mapping[str, str],
        log: Path,
        limit: Limit | None = None,
        *,
        in_group: bool = True,
    ) -> None:
        self._log, self._group = log, Cgroup() if in_group else None
        self._peaks = dict.fromkeys(FIELDS, 0)
        self._least = sys.maxsize
        self._begun = time.perf_counter()
        if limit and limit.kind == CGROUP:
            assert self._group
            self._group.limit(limit.n_bytes)

        def begin() -> None:
            if self._group:
                self._group.join()
            if limit and limit.kind in FIELDS:
                number = getattr(resource, limit.kind)
                resource.setrlimit(number, (limit.n_bytes, limit.n_bytes))

        with log.open("w") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jaxgrok.sweep", *words],
                env=os.environ | {"JAX_PLATFORMS": "cpu"} | dict(environment),
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=said,
                preexec_fn=begin,
            )

    def strangle(self, folder: Path, pattern: str) -> None:
        """Leave it no more than it takes, again and again, once some file is there."""
        assert self._group
        while self._process.poll() is None and not any(folder.glob(pattern)):
            time.sleep(LOOK)
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            # Between two dispatches it takes the least.
            if (taken := self._group.taken) < self._least:
                self._least = taken
                with contextlib.suppress(OSError):
                    self._group.limit(taken)
            time.sleep(LOOK)

    def wait(self) -> Ended:
        """Look what it takes until it ends."""
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            self._look()
            time.sleep(LOOK)
            if time.monotonic() > deadline:
                self._process.kill()
        kills, peaks = 0, self._peaks
        if self._group:
            peaks[CGROUP] = int(self._group["memory.max_usage_in_bytes"])
            kills = self._group.kills
            self._group.close()
        seconds = round(time.perf_counter() - self._begun, 1)
        said = self._log.read_text(errors="replace")
        return Ended(self._process.returncode, said, peaks, kills, seconds)

    def _look(self) -> None:
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{self._process.pid}/status").read_text()
            for line in text.splitlines():
                for kind, field in FIELDS.items():
                    if line.startswith(field):
                        n_bytes = 1024 * int(line.split()[1])
                        self._peaks[kind] = max(self._peaks[kind], n_bytes)
