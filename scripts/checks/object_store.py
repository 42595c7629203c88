"""Sweeps into a real S3 server: killed, frozen, held twice; equal to one on a disk.

pip install '.[s3]' 'moto[server]' && python scripts/checks/object_store.py

It starts moto's server on loopback and prints a line a property, in about 8 minutes.

--url s3://BUCKET/PREFIX   a bucket that there is, with your own credentials, in place
                           of that server; gs:// with the extra gcs
--seconds N                length of the sweep on this machine, about (40)
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import jaxgrok
from jaxgrok.host.files.object_lock import SILENT
from jaxgrok.host.files.paths import AnyPath, as_path, matches
from jaxgrok.results.status import read_status

GRID = '''"""Many evaluations of a tiny network, over {steps} steps."""

from jaxgrok import grid


def get_config(scale="laptop"):
    config = grid.base(scale)
    config.modulus, config.d_model, config.heads = 7, 8, 2
    config.d_head, config.d_mlp, config.block_width = 4, 16, 2
    config.seed, config.weight_decay = tuple(range(6)), (0.0, 1.0)
    config.train_fraction, config.steps = (0.5, 0.9), ({steps},)
    config.stop, config.eval_every = "steps", 200
    config.snapshot_every, config.snapshot_early_until = 2_000, 0
    config.snapshots, config.final_states = "all", "all"
    return config
'''
PROGRAM = """
import sys
from jaxgrok.fleet import chores
from jaxgrok.sweep import __main__
chores.PERIODS |= {name: chores.Period(1.0, 1.0) for name in ("flush", "save")}
sys.exit(__main__.main(["sweep", *sys.argv[1:]]))
"""
"""A sweep that saves its lanes every second or two, in place of every minute."""
ENDS = 600
"""Seconds that any step may take."""


def main() -> int:
    """Run all checks; return 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--url", help="a bucket and a prefix")
    parser.add_argument("--seconds", type=int, default=40, help="of the sweep")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        work = Path(folder)
        url = options.url or stack.enter_context(server(work))
        url = f"{url}/{uuid.uuid4().hex[:8]}"
        try:
            check(work, url, options.seconds)
        except AssertionError as error:
            print(f"FAILED: {error}")
            return 1
        finally:
            as_path(url).remove_tree()
    return 0


@contextlib.contextmanager
def server(work: Path) -> Iterator[str]:
    """Start moto's server with a bucket, for as long as it is used; yield its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    import fsspec

    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with open(work / "server.log", "wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        wait(lambda: is_open(port), "the server answers", process)
        fsspec.filesystem("s3").mkdir("runs")
        yield "s3://runs"
    finally:
        process.kill()
        process.wait()


def is_open(port: int) -> bool:
    """Tell whether something listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def check(work: Path, url: str, seconds: int) -> None:
    """Run all checks.

    Raises:
        AssertionError: one fails.
    """
    grid = work / "tiny.py"
    steps = calibrated(grid, work / "probe", seconds)
    grid.write_text(GRID.format(steps=steps))
    start = time.monotonic()
    trained(grid, work / "disk")
    say(f"on a disk, 24 cells of {steps:,} steps: {time.monotonic() - start:.0f} s")
    start = time.monotonic()
    trained(grid, f"{url}/whole")
    say(f"in the store: {time.monotonic() - start:.0f} s")
    same(as_path(f"{url}/whole"), work / "disk")
    say("cells.csv, curves and snapshots are equal, bit for bit")
    killed(grid, f"{url}/killed", work / "disk")
    frozen(grid, f"{url}/frozen", work / "disk")
    refused(grid, url)


def calibrated(grid: Path, out: Path, seconds: int) -> int:
    """Return the steps of a sweep that takes about so many seconds here."""
    grid.write_text(GRID.format(steps=20_000))
    trained(grid, out)
    start = time.monotonic()
    shutil.rmtree(out)
    trained(grid, out)
    # Half of this short one is the start of the process, about.
    pace = 20_000 / max(time.monotonic() - start - 5, 1)
    return max(int(pace * seconds) // 10_000 * 10_000, 20_000)


def sweep(grid: Path, out: str | Path, **options: object) -> subprocess.Popen[str]:
    """Start a sweep in a process of its own."""
    words = [sys.executable, "-c", PROGRAM, f"--grid={grid}", f"--out={out}"]
    return subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def trained(grid: Path, out: str | Path) -> None:
    """Train a whole sweep."""
    process = sweep(grid, out)
    _, words = process.communicate(timeout=ENDS)
    assert process.returncode == 0, words


def killed(grid: Path, out: str, disk: Path) -> None:
    """Kill a sweep with saved lanes; meanwhile another one is refused."""
    path = as_path(out)
    first = sweep(grid, out)
    wait(lambda: (path / "status.json").exists(), "the first sweep trains", first)
    start = time.monotonic()
    second = sweep(grid, out)
    _, words = second.communicate(timeout=ENDS)
    assert second.returncode == 2, (second.returncode, words)
    assert f"held by a running sweep (process {first.pid} on" in words, words
    assert words.strip().count("\n") <= 1, words
    say(f"a second holder is refused in {time.monotonic() - start:.0f} s: {words}")
    wait(lambda: bool(matches(path / "resume", "*.npz")), "its lanes are saved", first)
    first.kill()
    first.wait()
    done = read_status(path).done
    start = time.monotonic()
    third = sweep(grid, out)
    _, words = third.communicate(timeout=ENDS)
    assert third.returncode == 0, words
    same(path, disk)
    say(
        f"killed with {done} of 24 cells on disk and lanes in flight, the same command "
        f"went on and was equal bit for bit, {time.monotonic() - start:.0f} s"
    )


def frozen(grid: Path, out: str, disk: Path) -> None:
    """Freeze a sweep until another one has replaced it; awake, it writes nothing."""
    path = as_path(out)
    first = sweep(grid, out)
    wait(lambda: (path / "curves").exists(), "the first sweep has results", first)
    first.send_signal(signal.SIGSTOP)
    start = time.monotonic()
    second = sweep(grid, out)
    _, words = second.communicate(timeout=ENDS)
    assert second.returncode == 0, words
    assert "waiting" in words, words
    took = time.monotonic() - start
    before = contents(path)
    first.send_signal(signal.SIGCONT)
    _, words = first.communicate(timeout=ENDS)
    assert first.returncode == 1, (first.returncode, words)
    assert "has taken over its lock" in words, words
    after = contents(path)
    names = {name for name, data in after.items() if before.get(name) != data}
    assert before.keys() <= after.keys() and not names, f"late: {names or 'removals'}"
    same(path, disk)
    say(
        f"frozen for more than {SILENT:.0f} s it was replaced, {took:.0f} s in all; "
        f"awake again it wrote nothing: {words.strip().splitlines()[-1]}"
    )


def refused(grid: Path, url: str) -> None:
    """Try bad input: one line each, and exit code 2."""
    scheme = url.partition("://")[0]
    bare = {name: "" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    cases: dict[str, tuple[str, dict[str, str]]] = {
        f"{scheme}://nowhere-{uuid.uuid4().hex}/x": ("there is no bucket", {}),
        "ftp://b/x": ("is unknown", {}),
        f"{url}/new": ("redentials", bare | {"HOME": "/nonexistent"}),
    }
    if scheme == "s3":
        dead = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
        cases[f"{url}/far"] = ("Could not connect", dead)
    for out, (words, variables) in cases.items():
        process = sweep(grid, out, env=os.environ | variables)
        _, said = process.communicate(timeout=ENDS)
        assert process.returncode == 2, (process.returncode, said)
        assert words in said and said.count("\n") == 1, said
        say(f"refused: {said}")


def same(found: AnyPath, want: AnyPath) -> None:
    """Compare two runs: tables, curves and snapshots."""
    for table in ("cells.csv",):
        same_bytes = (found / table).read_bytes() == (want / table).read_bytes()
        assert same_bytes, f"{found / table} differs"
    runs = [jaxgrok.open(path) for path in (found, want)]
    first, second = (run.dataset().drop_attrs() for run in runs)
    xr.testing.assert_identical(first, second)
    for index in range(len(runs[0])):
        (steps, params), (others, expected) = (
            run.cell(index).trajectory() for run in runs
        )
        assert np.array_equal(steps, others), f"cell {index} has other snapshots"
        for name, array in expected.items():
            assert np.array_equal(params[name], array), f"cell {index}: {name}"


def contents(folder: AnyPath) -> dict[str, bytes]:
    """Return all objects of a run directory but the locks, by name."""
    found = {}
    for path in folder.iterdir():
        if path.name == ".locks":
            continue
        found |= contents(path) if path.is_dir() else {str(path): path.read_bytes()}
    return found


def wait(is_so: Callable[[], bool], words: str, process: subprocess.Popen[Any]) -> None:
    """Wait until something is so that a process brings about."""
    end = time.monotonic() + ENDS
    while not is_so():
        assert process.poll() is None, f"the process has ended, before: {words}"
        assert time.monotonic() < end, f"not within {ENDS} s: {words}"
        time.sleep(0.2)


def say(words: str) -> None:
    """Print a line at once."""
    print(f"ok: {' '.join(words.split())}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
