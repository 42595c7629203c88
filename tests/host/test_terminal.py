"""What a sweep says, and where."""

import io
import sys
import types

import pytest

from jaxgrok.host import terminal
from jaxgrok.host.terminal import Console, duration, number, size

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


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 cells"), (1, "1 cell"), (2000, "2,000 cells")]
)
def test_number_knows_one_from_many(count, words):
    assert number(count, "cell") == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (42, "42 s"),
        (59.6, "1 min 0 s"),
        (425, "7 min 5 s"),
        (3600, "1 h 0 min"),
        (12_059, "3 h 20 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_duration_names_its_two_largest_units(seconds, words):
    assert duration(seconds) == words


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
    with Console(5, done=3, stream=stream) as console:
        console.say("the plan")
        console.moved(busy=2, lanes=4, rate=1234.5, left=80)
        console.finished(ROW, left=80)
        console.finished(ROW | {"phase": "memorisation", "grok_step": None}, left=0)
    assert stream.getvalue().splitlines() == [
        "the plan",
        "4/5 weight_decay=0.1 seed=2 · grokking · memorise step 100 · grok step 900 "
        "· 1 min 20 s left",
        "5/5 weight_decay=0.1 seed=2 · memorisation · memorise step 100 · 0 s left",
    ]


def test_a_diverged_cell_says_why_and_a_failed_one_that_it_failed():
    stream = io.StringIO()
    nothing = {"memorise_step": None, "grok_step": None}
    with Console(2, stream=stream) as console:
        lost = {"status": "diverged", "phase": "diverged", "cause": "not finite"}
        console.finished(ROW | nothing | lost, left=0)
        failed = {"status": "failed", "phase": "", "cause": "out of memory"}
        console.finished(ROW | nothing | failed, left=0)
    diverged, failed = stream.getvalue().splitlines()
    assert "· diverged (not finite)" in diverged
    assert "· failed (out of memory)" in failed


def test_a_terminal_shows_a_bar_with_what_is_asked_of_it():
    stream = Terminal()
    with Console(5, done=3, stream=stream) as console:
        console.moved(busy=2, lanes=4, rate=1234.5, left=80)
        console.finished(ROW, left=80)
        console.say("[bold]a/b[/bold] is said as it is")
    shown = stream.getvalue()
    for words in (
        "4/5 cells",
        "2/4 lanes busy",
        "1,234 lane-steps/s",
        "1 min 20 s left",
    ):
        assert words in shown
    assert "[bold]a/b[/bold] is said as it is" in shown
    assert "memorise step" not in shown  # the bar counts; lines are for log files


def test_quiet_says_nothing():
    for stream in (io.StringIO(), Terminal()):
        with Console(5, stream=stream, quiet=True) as console:
            console.say("the plan")
            console.moved(busy=1, lanes=1, rate=1.0, left=0)
            console.finished(ROW, left=0)
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
    with Console(5, done=3) as console:
        console.moved(busy=2, lanes=4, rate=1234.5, left=80)
        console.finished(ROW, left=80)
    assert len(front.pictures) == 4
    assert "3/5 cells" in front.pictures[0]
    assert "2/4 lanes busy" in front.pictures[1]
    assert "4/5 cells" in front.pictures[-1]
    assert capsys.readouterr() == ("", "")  # no red lines of stderr


def test_pictures_come_no_faster_than_anybody_looks(front, monkeypatch):
    monkeypatch.setattr(terminal, "NOTEBOOK_SECONDS", 1000.0)
    with Console(5) as console:
        for _ in range(5):
            console.finished(ROW, left=80)
    assert len(front.pictures) == 2
    assert "5/5 cells" in front.pictures[-1]


def test_quiet_shows_nothing(front, capsys):
    with Console(5, quiet=True) as console:
        console.say("the plan")
        console.moved(busy=1, lanes=1, rate=1.0, left=0)
        console.finished(ROW, left=0)
    assert (front.pictures, front.lines) == ([], [])
    assert capsys.readouterr() == ("", "")
