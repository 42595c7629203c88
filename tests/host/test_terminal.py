"""What a sweep says, and where."""

import io
import math
import re
import sys
import time
import types

import pytest

from jaxgrok.host import terminal
from jaxgrok.host.durations import TimeLeft
from jaxgrok.host.terminal import Console, number, size, tracked

LEFT = TimeLeft(80, 200)
ROW = {
    "axes": {"weight_decay": 0.1, "seed": 2},
    "status": "done",
    "phase": "grokking",
    "cause": "",
    "memorise_step": 100,
    "grok_step": 900,
}


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def text(self):
        """What it shows, without colours and movements."""
        return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", self.getvalue())


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 cells"), (1, "1 cell"), (2000, "2,000 cells")]
)
def test_number_knows_one_from_many(count, words):
    assert number(count, "cell") == words


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [
        (0, "0 kB"),
        (816, "0.816 kB"),
        (12_345, "12.3 kB"),
        (999_999_999, "1 GB"),
        (999_600, "1 MB"),
        (5e6, "5 MB"),
        (2.5e12, "2,500 GB"),
    ],
)
def test_size_has_three_digits(n_bytes, words):
    assert size(n_bytes) == words


def test_off_a_terminal_each_finished_cell_has_a_line():
    stream = io.StringIO()
    with Console(5, counts={"grokking": 3}, stream=stream) as console:
        console.say("the plan")
        console.moved(busy=2, lanes=4, left=LEFT)
        console.finished(ROW, left=LEFT)
        console.finished(ROW | {"phase": "memorisation", "grok_step": None}, left=None)
    assert stream.getvalue().splitlines() == [
        "the plan",
        "4/5 weight_decay=0.1 seed=2 · grokking · memorise step 100 · grok step 900 "
        "· 1 min 20 s to 3 min 20 s left",
        "5/5 weight_decay=0.1 seed=2 · memorisation · memorise step 100",
    ]


def test_a_line_leaves_out_the_axes_that_a_cell_has_no_value_of():
    stream = io.StringIO()
    axes = {"optimiser": "adamw", "muon_beta": math.nan, "seed": 2}
    with Console(5, stream=stream) as console:
        console.finished(ROW | {"axes": axes}, left=None)
    assert stream.getvalue().startswith("1/5 optimiser=adamw seed=2 · grokking")


def test_a_log_has_a_heartbeat_also_before_anything_has_ended(monkeypatch):
    monkeypatch.setattr(terminal, "HEARTBEAT_SECONDS", 0.05)
    stream = io.StringIO()
    with Console(5, stream=stream, order=("grokking", "confusion")) as console:
        wait_for(lambda: "0/5 · starting · 0:00\n" in stream.getvalue())
        console.moved(busy=2, lanes=4, left=LEFT)
        console.finished(ROW | {"phase": "confusion"}, left=LEFT)
        console.finished(ROW, left=LEFT)
        words = "2/5 · 1 grokking · 1 confusion · 2/4 lanes · 0:00 · 1:20 to 3:20 left"
        wait_for(lambda: f"{words}\n" in stream.getvalue())
    before = stream.getvalue()
    time.sleep(0.2)
    assert stream.getvalue() == before


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_diverged_cell_says_why_and_a_failed_one_that_it_failed():
    stream = io.StringIO()
    nothing = {"memorise_step": None, "grok_step": None}
    with Console(2, stream=stream) as console:
        lost = {"status": "diverged", "phase": "diverged", "cause": "not finite"}
        console.finished(ROW | nothing | lost, left=None)
        failed = {"status": "failed", "phase": "", "cause": "out of memory"}
        console.finished(ROW | nothing | failed, left=None)
    diverged, failed = stream.getvalue().splitlines()
    assert "· diverged (not finite)" in diverged
    assert "· failed (out of memory)" in failed


def test_a_terminal_shows_a_bar_with_what_is_asked_of_it():
    stream = Terminal()
    with Console(5, counts={"grokking": 3}, stream=stream) as console:
        console.moved(busy=2, lanes=4, left=LEFT)
        console.finished(ROW, left=LEFT)
        wait_for(lambda: "2/4 lanes" in stream.text())
        console.say("[bold]a/b[/bold] is said as it is")
    shown = stream.text()
    for words in ("4/5 ", "4 grokking", "2/4 lanes", "1:20 to 3:20 left"):
        assert words in shown
    assert "[bold]a/b[/bold] is said as it is" in shown
    assert "memorise step" not in shown  # the bar counts; lines are for log files


def test_at_its_end_a_bar_says_what_came_and_how_long_it_took():
    stream = Terminal()
    with Console(1, stream=stream) as console:
        console.moved(busy=1, lanes=4, left=LEFT)
        console.finished(ROW, left=LEFT)
    last = stream.text().splitlines()[-1]
    assert "1/1 " in last and "1 grokking · 0:00" in last
    assert "lanes" not in last and "left" not in last


def test_what_is_gone_through_is_counted_with_the_time_left(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(tracked(["a", "b"], "circuits")) == ["a", "b"]
    assert "2/2 circuits ━" in sys.stderr.text()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert list(tracked(["a", "b"], "circuits")) == ["a", "b"]
    assert sys.stderr.getvalue() == ""  # a log has heartbeats alone


def test_quiet_says_nothing():
    for stream in (io.StringIO(), Terminal()):
        with Console(5, stream=stream, quiet=True) as console:
            console.say("the plan")
            console.moved(busy=1, lanes=1, left=None)
            console.finished(ROW, left=None)
        assert stream.getvalue() == ""


class Front:
    """Stands for IPython and the front end: what a cell shows."""

    def __init__(self):
        self.pictures, self.lines = [], []

    def display(self, *objects, display_id=None, **options):
        if display_id:
            self.update(*objects)
            return self
        self.lines += [str(one) for one in objects]
        return None

    def update(self, bar):
        data = bar._repr_mimebundle_([], [])
        self.pictures.append(data["text/plain"])


@pytest.fixture
def front(monkeypatch):
    """A notebook, as rich recognises one."""
    front = Front()
    module = types.ModuleType("IPython.display")
    module.display = front.display
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(terminal, "NOTEBOOK_SECONDS", 0.0)
    return front


def test_the_bar_is_drawn_anew_in_its_place(front, capsys):
    with Console(5, counts={"grokking": 3}) as console:
        console.moved(busy=2, lanes=4, left=LEFT)
        console.finished(ROW, left=LEFT)
    assert len(front.pictures) == 4
    assert "3/5 " in front.pictures[0]
    assert "2/4 lanes" in front.pictures[1]
    assert "4/5 " in front.pictures[-1]
    assert capsys.readouterr() == ("", "")  # no red lines of stderr


def test_pictures_come_no_faster_than_anybody_looks(front, monkeypatch):
    monkeypatch.setattr(terminal, "NOTEBOOK_SECONDS", 1000.0)
    with Console(5) as console:
        for _ in range(5):
            console.finished(ROW, left=LEFT)
    assert len(front.pictures) == 2
    assert "5/5 " in front.pictures[-1]


def test_quiet_shows_nothing(front, capsys):
    with Console(5, quiet=True) as console:
        console.say("the plan")
        console.moved(busy=1, lanes=1, left=None)
        console.finished(ROW, left=None)
    assert (front.pictures, front.lines) == ([], [])
    assert capsys.readouterr() == ("", "")
