"""Coordinators and workers as processes that a scene may kill, and always ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

PATIENCE = 240.0
"""Seconds after which a process that should have ended counts as hanging."""
SILENCE = 4
"""Seconds after which a worker that does not answer is lost."""
GRIDS = Path(__file__).parent / "grids.py"
ROOT = Path(__file__).parents[3]
# What is saved every few minutes in a real sweep is saved every second.
_PROGRAM = """
import sys
from jaxgrok.fleet import chores
often = chores.Period(seconds=0.7, spacing=1)
chores.PERIODS |= dict.fromkeys(("flush", "save", "fleet_save"), often)
from jaxgrok.MODULE.__main__ import main
sys.exit(main(["jaxgrok", *sys.argv[1:]]))
"""


class Hang(Exception):
    """A process did not end in time."""


class Skip(Exception):
    """A scene cannot be played here."""


class Process:
    """A command with its output in a file.

    Args:
        name: of the file.
        module: of jaxgrok, whose main runs.
        words: its arguments.
        folder: where the output goes.
        environment: variables on top of those of this process.
        launcher: the command that starts it, in place of this machine's shell.
    """

    def __init__(
        self,
        name: str,
        module: str,
        words: list[str],
        folder: Path,
        environment: dict[str, str] | None = None,
        launcher: Sequence[str] = (),
    ) -> None:
        self.log = folder / f"{name}.txt"
        own = {"PYTHONPATH": str(ROOT), "JAXGROK_SILENCE": str(SILENCE)}
        own |= {"JAX_PLATFORMS": "cpu", "NPROC": "2", "JAX_NUM_CPU_DEVICES": "1"}
        program = [sys.executable, "-c", _PROGRAM.replace("MODULE", module)]
        with open(self.log, "ab") as output:
            self._process = subprocess.Popen(
                [*launcher, *program, *words],
                env=os.environ | own | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def id(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Exit code, None while it runs."""
        return self._process.poll()

    @property
    def words(self) -> str:
        """All that it has said."""
        return self.log.read_text(errors="replace")

    def send(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def end(self) -> None:
        """Kill it, frozen or not."""
        if self.code is None:
            self._process.kill()
        self._process.wait()

    def wait(self, seconds: float = PATIENCE) -> int:
        """Return its exit code; raise Hang if it does not end."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Hang(f"{self.log} after {seconds:.0f} s: {self.last}") from None

    @property
    def last(self) -> str:
        """The last line that it said."""
        lines = self.words.strip().splitlines()
        return lines[-1] if lines else ""

    def children(self) -> list[int]:
        """Return the numbers of the workers that it has started."""
        ids = []
        for task in Path(f"/proc/{self.id}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                ids += [int(number) for number in task.read_text().split()]
        return [number for number in ids if b"jaxgrok.worker" in _command(number)]


def expect(process: Process, code: int, words: str = "", seconds: float = 60) -> None:
    """Raise Hang unless a process ends so, with one last line."""
    actual = process.wait(seconds)
    if actual != code or words not in process.last or "Traceback" in process.words:
        raise Hang(f"{process.log}: exit {actual} for {code}: {process.last}")


class Stage:
    """The processes of one scene; leaving it ends them all.

    Args:
        folder: of the scene: the run directory and the output of every process.
        scale: of the grid.
        program: sweep or crossover.
    """

    def __init__(
        self, folder: Path, scale: str = "laptop", program: str = "sweep"
    ) -> None:
        self.folder, self.run_dir = folder, folder / "run"
        self.scale, self.program = scale, program
        self.processes: list[Process] = []
        folder.mkdir(parents=True)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            for child in process.children() if process.code is None else ():
                self.kill(child)
            process.end()

    def coordinate(self, workers: str = "listen:127.0.0.1", *more: str) -> Process:
        """Start a coordinator."""
        words = [f"--grid={GRIDS}:{self.scale}", f"--out={self.run_dir}"]
        words += [f"--workers={workers}", *more]
        # Processes that it starts share the devices.
        devices = {"JAX_NUM_CPU_DEVICES": "2"} if workers.isdecimal() else {}
        return self._start("coordinator", self.program, words, devices)

    @property
    def is_met(self) -> bool:
        """Whether a coordinator says where it is."""
        return (self.run_dir / "coordinator.json").exists()

    def work(
        self,
        *words: str,
        run_dir: Path | None = None,
        launcher: Sequence[str] = (),
        **environment: str,
    ) -> Process:
        """Start a worker, which looks for a coordinator for a minute."""
        folder = str(run_dir or self.run_dir)
        defaults = [folder, "--wait=60", "--patience=60"]
        words = (*defaults, *words)
        return self._start("worker", "worker", [*words], environment, launcher)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 120.0) -> None:
        """Wait until something is so; raise Hang if it does not come."""
        for _ in ticks(seconds):
            if condition():
                return
        raise Hang(f"{self.folder}: waited for {condition.__name__}")

    def kill(self, child: int) -> None:
        """Kill a process that one of these has started."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    def running(self) -> list[int]:
        """Return the numbers of all processes of this run directory that are left."""
        ids = []
        for folder in Path("/proc").glob("[0-9]*"):
            if str(self.run_dir).encode() in _command(int(folder.name)):
                ids.append(int(folder.name))
        return ids

    def _start(
        self,
        kind: str,
        module: str,
        words: list[str],
        environment: dict[str, str] | None = None,
        launcher: Sequence[str] = (),
    ) -> Process:
        name = f"{len(self.processes):03}-{kind}"
        process = Process(name, module, words, self.folder, environment, launcher)
        self.processes.append(process)
        return process


def _command(number: int) -> bytes:
    """Return the command line of a process, b"" where it is gone."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


def ticks(seconds: float) -> Iterator[None]:
    """Yield twenty times a second, for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.05)
