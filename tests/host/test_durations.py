"""Time spans in words."""

import pytest

from jaxgrok.host.durations import TimeLeft, clock, duration, setting


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


def test_a_variable_holds_seconds_or_is_one_line(monkeypatch):
    monkeypatch.delenv("JAXGROK_SAVE", raising=False)
    assert setting("JAXGROK_SAVE", 300.0) == 300.0
    monkeypatch.setenv("JAXGROK_SAVE", "2.5")
    assert setting("JAXGROK_SAVE", 300.0) == 2.5
    for text in ("soon", "", "0", "-1", "nan"):
        monkeypatch.setenv("JAXGROK_SAVE", text)
        with pytest.raises(ValueError, match=f"JAXGROK_SAVE={text} must be a number"):
            setting("JAXGROK_SAVE", 300.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0:00"), (42.4, "0:42"), (59.6, "1:00"), (425, "7:05"), (12_059, "3:20:59")],
)
def test_a_clock_has_hours_where_there_are_any(seconds, words):
    assert clock(seconds) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (40, 41, "about 0:40"),
        (0, 0, "about 0:00"),
        (40, 80, "0:40 to 1:20"),
        (3, 80, "at most 1:20"),
        (0, 253, "at most 4:10"),
        (3000, 3300, "about 52:00"),
        (36_000, 100_000, "10:00:00 to 28:00:00"),
    ],
)
def test_an_estimate_is_as_vague_as_it_is(low, high, words):
    assert TimeLeft(low, high).words(clock) == words


def test_an_estimate_is_worded_in_units_elsewhere():
    assert TimeLeft(100, 200).words() == "1 min 40 s to 3 min 20 s"
