"""A coordinator and two workers whose run directory is in a bucket."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from jaxgrok.fleet import rendezvous
from jaxgrok.host.files.paths import AnyPath, as_path, matches
from jaxgrok.results.status import read_status
from store_scenes.comparison import same
from store_scenes.processes import ENDS, say, start, sweep, wait

SECRET = "not in the bucket"
LISTEN = ("--workers=listen:127.0.0.1",)


def without_secret(grid: Path, out: str, work: Path) -> None:
    """Neither side begins without a secret, nor with an empty one, nor another."""
    words = "the same secret, as JAXGROK_FLEET_KEY or with --key FILE"
    refuse(sweep(grid, out, *LISTEN, env=_environment()), words)
    empty = work / "empty"
    empty.touch()
    refuse(sweep(grid, out, *LISTEN, f"--key={empty}", env=_environment()), "is empty")
    with _ended() as processes:
        coordinator = sweep(grid, out, *LISTEN, env=_environment(SECRET))
        processes.append(coordinator)
        wait((as_path(out) / rendezvous.FILE).exists, "it listens", coordinator)
        for secret in ("", "another one"):
            worker = start("worker", out, env=_environment(secret))
            refuse(worker, "is locked by a secret")
        coordinator.terminate()
        _, said = coordinator.communicate(timeout=ENDS)
        assert coordinator.returncode == 143, (coordinator.returncode, said)
    assert not (as_path(out) / rendezvous.FILE).exists()


def refuse(process: subprocess.Popen[str], words: str) -> None:
    """Expect a process to end with one line and exit code 2."""
    _, said = process.communicate(timeout=ENDS)
    assert process.returncode == 2, (process.returncode, said)
    assert words in said and said.count("\n") == 1, said
    say(f"refused: {said}")


def killed(grid: Path, out: str, disk: Path, work: Path) -> None:
    """Kill a worker that has saved lanes, then the coordinator; go on with both."""
    path, key = as_path(out), work / "key"
    key.write_text(SECRET)
    began = time.monotonic()
    with _ended() as processes:

        def coordinate(*words: str, secret: str = "") -> subprocess.Popen[str]:
            environment = _environment(secret)
            processes.append(sweep(grid, out, *LISTEN, *words, env=environment))
            return processes[-1]

        def train(*words: str, secret: str = "") -> subprocess.Popen[str]:
            words = (out, "--wait=120", "--patience=300", *words)
            processes.append(start("worker", *words, env=_environment(secret)))
            return processes[-1]

        coordinator = coordinate(secret=SECRET)
        victim = train(secret=SECRET)
        workers = [train(f"--key={key}")]
        wait(lambda: _workers(path) == 2, "two workers take part", coordinator)
        saves = path / "resume"
        wait(lambda: len(matches(saves, "*.npz")) > 1, "lanes are saved", coordinator)
        victim.kill()
        workers.append(train(secret=SECRET))
        wait(lambda: _workers(path) == 2, "another one joined", coordinator)
        wait(lambda: read_status(path).done > 0, "a cell has ended", coordinator)
        done = read_status(path).done
        coordinator.kill()
        coordinator.wait()
        coordinator = coordinate(f"--key={key}")
        for process in (coordinator, *workers):
            _, said = process.communicate(timeout=ENDS)
            assert process.returncode == 0, said
    same(path, disk)
    left = [name for name in (rendezvous.FILE, "resume") if (path / name).exists()]
    assert not left, f"{left} are left"
    say(
        "a fleet in the store: a worker killed, then the coordinator with "
        f"{done} of 24 cells done; equal bit for bit, "
        f"{time.monotonic() - began:.0f} s"
    )


@contextlib.contextmanager
def _ended() -> Iterator[list[subprocess.Popen[str]]]:
    """Kill the processes of a list that are left."""
    processes: list[subprocess.Popen[str]] = []
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _workers(path: AnyPath) -> int:
    """Return how many workers take part."""
    live = read_status(path).live if path.is_dir() else None
    return len(live.workers) if live else 0


def _environment(secret: str = "") -> dict[str, str]:
    """Return the variables of a process that has this secret."""
    return os.environ | {rendezvous.SECRET: secret}
