"""The shipped grids are listed, run by name and copied, wherever they lie."""

from pathlib import Path

import pytest

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
