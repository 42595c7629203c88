"""A bar and its words in terminals of every width."""

import io

import pytest
from rich.console import Console

from jaxgrok.host.progress_bar import ProgressBar

WORDS = [
    "8 grokking",
    "25 memorisation",
    "3 confusion",
    "4/4 lanes",
    "0:52",
    "about 0:40 left",
]
BAR = ProgressBar("40/84", 40 / 84, WORDS)


def shown(bar, width, encoding="utf-8"):
    """The lines of a terminal so wide."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    Console(file=stream, width=width, force_terminal=True, color_system=None).print(bar)
    stream.flush()
    return stream.buffer.getvalue().decode(encoding).splitlines()


def test_a_wide_terminal_has_it_all_in_one_line():
    (line,) = shown(BAR, 200)
    head, bar, *words = line.split(" ", 2)
    assert (head, words) == ("40/84", [" · ".join(WORDS)])
    assert bar == "━" * 60


@pytest.mark.parametrize("width", [100, 80, 60, 40, 20])
def test_no_word_is_broken_and_no_line_too_long(width):
    lines = shown(BAR, width)
    assert max(map(len, lines)) <= width
    assert " · ".join(lines).split(" · ")[-len(WORDS) :] == WORDS or len(lines) == 1
    assert lines[0].startswith("40/84 ━━")


def test_without_a_total_there_is_no_bar():
    assert shown(ProgressBar("12", None, ["8 grokking"]), 80) == ["12 · 8 grokking"]


@pytest.mark.parametrize(("share", "marks"), [(0.0, 0), (0.5, 5), (1.0, 10), (2.0, 10)])
def test_the_bar_is_full_in_proportion(share, marks):
    (line,) = shown(ProgressBar("1", share, []), 13, encoding="ascii")
    assert line.split(" ")[1].count("#") == marks


def test_in_a_log_it_is_words_alone():
    assert str(BAR) == "40/84 · " + " · ".join(WORDS)
