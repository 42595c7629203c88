"""The shipped grids are listed, run by name and copied, wherever they lie."""

from pathlib import Path

import pytest

from jaxgrok.grid import __main__ as command
from jaxgrok.grid import grid_file, shipped

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_they_are_the_files_of_the_folder():
    assert shipped.names() == sorted(f.stem for f in (ROOT / "sweeps").glob("*.py"))
    assert "wd_vs_frac" in shipped.names()


@pytest.mark.parametrize("name", shipped.names())
def test_each_says_its_question_its_command_and_its_time(name):
    entry = shipped.entry(name)
    assert entry.question
    assert entry.command == ("crossover" if "crossover" in name else "sweep")
    assert any(unit in entry.time for unit in (" s", " min", " h")), entry


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


def test_a_name_is_a_grid_file_anywhere(here):
    config, file = grid_file.load("wd_vs_frac", "laptop")
    assert file.name == "wd_vs_frac"
    assert config.measures == "fourier"
    grid_file.load_registrations("wd_vs_frac")


def test_a_file_of_that_name_comes_first(here):
    text = (
        "from jaxgrok import grid\n\ndef get_config():\n    return grid.base('post')\n"
    )
    (here / "wd_vs_frac").write_text(text)
    assert grid_file.load("wd_vs_frac", None)[0].scale == "post"


def test_a_path_that_is_missing_names_the_shipped_grid(here):
    with pytest.raises(ValueError, match=r"no such file; --grid wd_vs_frac is shipped"):
        grid_file.load("sweeps/wd_vs_frac.py", None)


def test_an_installation_without_them_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "_FOLDERS", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(ValueError, match="no shipped grids; name a file by its path"):
        shipped.names()
