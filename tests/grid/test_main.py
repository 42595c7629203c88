"""`jaxgrok grids` lists the shipped grids and copies one."""

from pathlib import Path

import pytest

from jaxgrok.grid import __main__ as command
from jaxgrok.grid import shipped

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_list_needs_no_argument_and_names_all(capsys):
    assert command.main(["jaxgrok grids"]) == 0
    shown = capsys.readouterr().out
    for name in shipped.names():
        assert f"--grid {name} (" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_a_copy_is_the_file_itself_and_overwrites_nothing(here, capsys):
    assert command.main(["grids", "--copy", "wd_vs_frac"]) == 0
    assert capsys.readouterr().out == "wd_vs_frac.py\n"
    original = (ROOT / "sweeps" / "wd_vs_frac.py").read_bytes()
    assert (here / "wd_vs_frac.py").read_bytes() == original
    (here / "wd_vs_frac.py").write_text("mine")
    assert command.main(["grids", "--copy=wd_vs_frac"]) == 2
    assert capsys.readouterr().err == (
        "error: wd_vs_frac.py exists; remove it, or copy into another folder\n"
    )
    assert (here / "wd_vs_frac.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--copy", "wd_vs_frak"], "grid wd_vs_frak is unknown; did you mean wd_vs_fr"),
        (["--copy", "x"], "grid x is unknown; see jaxgrok grids"),
        (["--copi=a"], "flag --copi is unknown; allowed: --copy; did you mean --copy?"),
        (["seeds"], "argument 'seeds' is not understood; see --help"),
    ],
)
def test_what_is_unknown_is_one_line(here, capsys, arguments, message):
    assert command.main(["grids", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert list(here.iterdir()) == []
