"""Workers that are processes of this machine, each with its share of the devices.

>>> platform, bits = probe()
>>> children = Children(2, run_dir, platform)
>>> children.look_after()
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.chores import PERIODS
from jaxgrok.fleet.hello import Hello
from jaxgrok.host import machine
from jaxgrok.host.files.paths import AnyPath

LEAST_LIFE = 10.0
"""Seconds that a process has to live to be started again without being counted."""
MOST_DEATHS = 3
"""Processes in a row that die young before that is an error."""
END_SECONDS = 20.0
"""How long the processes may take to end."""
_PROBE = """
import json
from jaxgrok.host import machine
machine.prepare()
from jaxgrok.fleet import hello
print(json.dumps(hello.here()))
"""


@functools.cache
def probe() -> Hello:
    """Ask another process what this machine computes on: to ask is to take it.

    Raises:
        ValueError: JAX finds no device.
    """
    command = [sys.executable, "-c", _PROBE]
    environment = dict(os.environ) | _same_code()
    reply = subprocess.run(command, env=environment, capture_output=True, text=True)
    if reply.returncode:
        lines = reply.stderr.strip().splitlines() or ["no reason given"]
        raise ValueError(f"--workers: no worker can start here: {lines[-1]}")
    version, platform, bits = json.loads(reply.stdout.splitlines()[-1])
    return Hello(version, Platform(*platform), bits)


class Children:
    """Worker processes of this machine, started again where they die.

    Args:
        count: how many.
        run_dir: of which they are workers; their output goes to its logs/.
        platform: the devices that they share.
    """

    def __init__(self, count: int, run_dir: AnyPath, platform: Platform) -> None:
        self._run_dir, self._platform = run_dir, platform
        # A store takes whole objects, and no lines.
        if isinstance(run_dir, Path):
            self._logs = run_dir / "logs"
        else:
            self._logs = Path(tempfile.mkdtemp(prefix="jaxgrok-logs-"))
        self._deaths = 0
        self._processes = [self._start(i, count) for i in range(count)]

    def look_after(self) -> None:
        """Start those again that have died.

        Raises:
            ChildProcessError: they die as soon as they are started.
        """
        count = len(self._processes)
        for index, (process, started) in enumerate(self._processes):
            if process.poll() is None:
                continue
            is_young = time.monotonic() - started < LEAST_LIFE
            self._deaths = self._deaths + 1 if is_young else 0
            if self._deaths > MOST_DEATHS:
                raise ChildProcessError(
                    f"workers end with code {process.returncode} as soon as they are "
                    f"started: {self._last_words(index)}"
                )
            self._processes[index] = self._start(index, count)

    def close(self) -> None:
        """Wait for them to end; end those that do not."""
        deadline = time.monotonic() + END_SECONDS
        for process, _ in self._processes:
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, index: int, count: int) -> tuple[subprocess.Popen[bytes], float]:
        """Start one, with its share of the devices."""
        command = [sys.executable, "-m", "jaxgrok.worker", str(self._run_dir)]
        command += ["--patience=0", f"--name=worker-{index + 1}"]
        # They share the disk of one machine only, so they save as often as one process.
        often = {"JAXGROK_SAVE": str(PERIODS["save"].seconds)}
        environment = often | dict(os.environ) | _same_code()
        environment |= share(self._platform, index, count)
        log = self._log(index)
        log.parent.mkdir(exist_ok=True)
        with open(log, "ab") as output:
            # In a session of its own: Ctrl-C is for the coordinator, which tells it.
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return process, time.monotonic()

    def _log(self, index: int) -> Path:
        return self._logs / f"worker-{index + 1}.log"

    def _last_words(self, index: int) -> str:
        text = self._log(index).read_text(encoding="utf-8", errors="replace")
        lines = text.strip().splitlines()
        return lines[-1] if lines else "it says nothing"


def _same_code() -> dict[str, str]:
    """Return the variables that let a process import what this one does."""
    # The current folder may hold another jaxgrok, as a checkout does.
    folders = [folder or os.getcwd() for folder in sys.path]
    return {"PYTHONPATH": os.pathsep.join(folders), "PYTHONSAFEPATH": "1"}


def share(platform: Platform, index: int, count: int) -> dict[str, str]:
    """Return the variables that give a process its share of the devices.

    What decides bits stays: XLA's threads on a CPU are those of the whole machine.
    """
    mine = [str(device) for device in range(platform.devices)][index::count]
    if platform.name == "cpu":
        threads = {} if os.environ.get("NPROC") else {"NPROC": str(machine.cores())}
        return {machine.CPU_DEVICES: str(len(mine))} | threads
    if platform.name == "gpu":
        return {"CUDA_VISIBLE_DEVICES": ",".join(mine)}
    # Of a TPU's chips, without their neighbours.
    bounds = {"TPU_PROCESS_BOUNDS": "1,1,1"}
    bounds["TPU_CHIPS_PER_PROCESS_BOUNDS"] = f"1,{len(mine)},1"
    return bounds | {"TPU_VISIBLE_CHIPS": ",".join(mine)}
