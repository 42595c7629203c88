"""Sweeps of one process into a bucket: killed, frozen, held twice, refused."""

import os
import signal
import time
import uuid
from pathlib import Path

from jaxgrok.host.files.object_lock import SILENT
from jaxgrok.host.files.paths import as_path, matches
from jaxgrok.results.status import read_status
from store_scenes.comparison import contents, same
from store_scenes.processes import ENDS, say, sweep, wait


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
