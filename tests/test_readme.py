"""The README's code does what it says."""

import re
from pathlib import Path

import matplotlib.image
import pytest

import jaxgrok
import tiny
from jaxgrok import __main__ as console
from jaxgrok import grid

README = (Path(__file__).parent.parent / "README.md").read_text()
GRID_FILE, NOTEBOOK = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_grid_file_makes_nine_cells_in_one_program(tmp_path):
    names = {}
    exec(GRID_FILE, names)
    resolved = grid.resolve(names["get_config"]())
    assert len(resolved.cells) == 9
    assert len(resolved.groups) == 1


def test_every_command_and_file_that_is_named_exists():
    for name in re.findall(r"jaxgrok (\w+) (?:--|runs)", README):
        assert name in console.COMMANDS
    folder = Path(__file__).parent.parent
    for name in re.findall(r"\]\(([^)]+)\)|(sweeps/\w+\.py)", README):
        assert (folder / "".join(name)).exists()


def test_the_tree_names_every_package():
    folder = Path(__file__).parent.parent / "jaxgrok"
    packages = {file.parent.name for file in folder.glob("*/__init__.py")}
    assert set(re.findall(r"^  (\w+)/ ", README, re.MULTILINE)) == packages


@pytest.mark.skipif(not hasattr(jaxgrok, "open"), reason="before the merge")
@pytest.mark.usefixtures("hurried")
def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tiny.config(weight_decay=(1.0,))
    monkeypatch.setattr(grid, "base", lambda _: config)
    names = {}
    exec(NOTEBOOK, names)
    assert list(names["run"].cells().phase)
    assert matplotlib.image.imread("curves.png").any()
