"""What a running sweep says of itself comes back, or nothing does."""

import json
import os
import subprocess
import sys
import time

import pytest

from jaxgrok.results.files import status_file
from jaxgrok.results.files.status_file import Live, WorkerStatus

LIVE = Live(
    counts={"grokking": 8},
    busy=3,
    lanes=4,
    pace=1234.5,
    elapsed=52.0,
    left=(40.0, 80.0),
    last_failure="out of memory",
    workers=(WorkerStatus("local", "2 × cpu", 3, 4, 0),),
)


def test_it_comes_back_as_it_was(tmp_path):
    status_file.write(tmp_path, LIVE)
    assert status_file.read(tmp_path) == LIVE and status_file.exists(tmp_path)
    status_file.remove(tmp_path)
    status_file.remove(tmp_path)
    assert status_file.read(tmp_path) is None and not status_file.exists(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", '{"counts": {}}', '{"workers": 3, "left": null}']
)
def test_a_damaged_one_says_nothing(tmp_path, text):
    (tmp_path / "status.json").write_text(text)
    assert status_file.read(tmp_path) is None


@pytest.mark.parametrize(
    "change",
    [{"counts": [1]}, {"left": [1]}, {"left": "ab"}, {"workers": [{}]}, {"more": 1}],
)
def test_one_with_other_entries_says_nothing(tmp_path, change):
    status_file.write(tmp_path, LIVE)
    entries = json.loads((tmp_path / "status.json").read_text()) | change
    (tmp_path / "status.json").write_text(json.dumps(entries))
    assert status_file.read(tmp_path) is None


@pytest.mark.process
def test_a_process_that_has_ended_is_not_alive():
    assert Live({}).process == os.getpid() and Live({}).is_alive
    process = subprocess.Popen([sys.executable, "-c", ""])
    if sys.platform == "linux":
        # At first it is a zombie: nobody has asked how it ended.
        deadline = time.monotonic() + 20
        while Live({}, process=process.pid).is_alive:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    process.wait()
    assert not Live({}, process=process.pid).is_alive
    # Of another machine nobody can tell.
    assert Live({}, process=process.pid, host="elsewhere").is_alive
