"""What all command lines do alike."""

import gc
import os

import pytest
from absl import flags

from jaxgrok.host import command_line

ENOMEM = "[Errno 12] Cannot allocate memory"


def values():
    defined = flags.FlagValues()
    flags.DEFINE_string("grid", None, "a grid file", flag_values=defined)
    flags.DEFINE_integer("step", None, "a step", flag_values=defined)
    return defined


@pytest.fixture(autouse=True)
def unprepared(monkeypatch):
    """Leave this process's environment variables for JAX alone."""
    monkeypatch.setattr(command_line.machine, "prepare", lambda: None)


def test_flags_may_stand_anywhere():
    defined = values()
    rest = command_line.parse(
        defined, ["name", "one", "--step=3", "two", "--grid", "g"]
    )
    assert rest == ["one", "two"]
    assert (defined.step, defined.grid) == (3, "g")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gird", "g"], r"flag --gird is unknown; .*; did you mean --grid\?$"),
        (["-setp=3"], r"flag --setp is unknown; .*; did you mean --step\?$"),
        (["--gird.seed=0"], r"flag --gird.seed is unknown; .*; did you mean --grid\?$"),
        (["--xyz"], r"flag --xyz is unknown; allowed: --grid, --step; see --help$"),
        (["--step=x"], r"--step=x: .*; see --help$"),
    ],
)
def test_a_bad_flag_is_named_with_its_nearest_neighbour(arguments, message):
    with pytest.raises(ValueError, match=message):
        command_line.parse(values(), ["name", *arguments])


def test_a_prefix_allows_the_fields_below_a_flag():
    rest = ["name", "--grid.seed=0", "--nogrid.tie", "-1", "more"]
    command_line.check_flags(rest, ["grid"], prefix="grid")
    with pytest.raises(ValueError, match=r"flag --grip\.seed is unknown"):
        command_line.check_flags([*rest, "--grip.seed=0"], ["grid"], prefix="grid")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("two\nlines"), 2, "error: two lines\n"),
        (FileNotFoundError("no file"), 2, "error: no file\n"),
        (
            OSError(28, "No space left on device", "runs/a"),
            1,
            "error: runs/a cannot be written (No space left on device); free space "
            "there\n",
        ),
        (KeyboardInterrupt(), 130, ""),
        *[
            (
                error,
                1,
                f"error: memory ran out ({words}); free some, or raise the limit "
                "(ulimit -v, -u)\n",
            )
            for error, words in (
                (MemoryError(), "MemoryError"),
                (RuntimeError("can't start new thread"), "can't start new thread"),
                (OSError(12, "Cannot allocate memory"), ENOMEM),
            )
        ],
    ],
)
def test_bad_input_is_one_line_and_an_interruption_says_nothing(
    capsys, error, code, line
):
    def body(_):
        raise error

    assert command_line.run(["name", "x"], "usage", body) == code
    assert capsys.readouterr() == ("", line)


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("no backend")])
def test_what_comes_of_a_device_that_is_not_there_is_one_line(
    monkeypatch, capsys, error
):
    def body(_):
        raise error

    with pytest.raises(type(error)):
        command_line.run(["name", "x"], "usage", body)
    monkeypatch.setattr("jax.default_backend", lambda: body(None))
    assert command_line.run(["name", "x"], "usage", body) == 2
    _, line = capsys.readouterr()
    assert line.startswith("error: JAX_PLATFORMS=") and line.count("\n") == 1


def test_a_tilde_behind_a_flag_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    defined = values()
    assert command_line.parse(defined, ["~", "--grid=~/g.py"]) == []
    assert defined.grid == "/home/ada/g.py"


@pytest.mark.parametrize(("arguments", "code"), [(["x", "--help"], 0), ([], 2)])
def test_help_is_printed_in_place_of_the_body(capsys, arguments, code):
    assert command_line.run(["name", *arguments], "\nusage\n", lambda _: 1) == code
    assert capsys.readouterr() == ("usage\n", "")


@pytest.mark.parametrize("buffering", [1, 1 << 16])
def test_a_reader_that_left_changes_neither_the_work_nor_the_code(
    monkeypatch, buffering
):
    """Whether the pipe breaks in the middle of the output or only at its end."""
    reading, writing = os.pipe()
    os.close(reading)
    steps = []

    def body(_):
        for step in range(3):
            print("a line")
            steps.append(step)
        return 7

    with open(writing, "w", buffering=buffering) as stream:
        monkeypatch.setattr("sys.stdout", stream)
        assert command_line.run(["name", "x"], "usage", body) == 7
    assert steps == [0, 1, 2]


def test_garbage_is_looked_for_less_often_while_a_command_runs():
    seen = []

    def body(_):
        seen.append(gc.get_threshold()[0])
        return 0

    first, *others = gc.get_threshold()
    try:
        for threshold in (0, 700, 10**6):  # 0 is none
            gc.set_threshold(threshold, *others)
            assert command_line.run(["name", "word"], "", body) == 0
            assert gc.get_threshold()[0] == threshold
    finally:
        gc.set_threshold(first, *others)
    assert seen == [0, command_line.NEW_OBJECTS, 10**6]
