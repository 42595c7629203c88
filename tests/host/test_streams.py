"""What cannot be written is dropped, and nobody notices."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxgrok.host import streams
from jaxgrok.host.terminal import Console

ROOT = Path(__file__).parents[2]


class Refusing(io.StringIO):
    """Refuses every write, as a full disk or a terminal that is gone does."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error

    def flush(self):
        raise self.error


ERRORS = [
    BrokenPipeError(32, "Broken pipe"),
    OSError(28, "No space left on device"),
    OSError(5, "Input/output error"),
    ValueError("I/O operation on closed file"),
]


@pytest.mark.parametrize("error", ERRORS, ids=str)
def test_a_refused_line_is_dropped(error):
    stream = streams.lenient(Refusing(error))
    print("a line", file=stream, flush=True)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("error", ERRORS, ids=str)
def test_progress_that_nobody_sees_ends_no_training(error, live):
    stream = Refusing(error)
    stream.isatty = lambda: live
    with Console(2, stream=stream) as console:
        console.say("the plan")
        console.moved(busy=1, lanes=2, left=None)


def test_output_that_is_refused_at_first_goes_on_when_there_is_room_again():
    refused = Refusing(OSError(28, "No space left on device"))
    stream = streams.lenient(refused)
    stream.write("lost")
    refused.write = io.StringIO.write.__get__(refused)
    stream.write("kept")
    assert refused.getvalue() == "kept"


def test_the_streams_are_the_process_s_own_again_afterwards(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    with streams.lenient_output():
        print("inside")
    print("outside")
    assert stream.getvalue() == "inside\noutside\n"


def test_a_process_without_streams_prints_into_nothing(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    with streams.lenient_output():
        print("inside", file=sys.stdout)
        print("inside", file=sys.stderr)


def test_characters_that_a_terminal_lacks_become_question_marks(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with streams.lenient_output():
        print("4 cells · 2 × cpu")
    assert raw.getvalue() == b"4 cells ? 2 ? cpu\n"


@pytest.mark.process
@pytest.mark.parametrize("target", ["/dev/full", "&-"], ids=["full", "closed"])
def test_a_full_log_or_a_closed_one_leaves_the_exit_code(target):
    if target == "/dev/full" and not os.path.exists(target):
        pytest.skip("only Linux has a full device")
    script = f"{sys.executable} -m jaxgrok --version >{target} 2>{target}"
    result = subprocess.run(
        ["bash", "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
