"""The README and the documents name what exists, and their code runs."""

import importlib
import re
from pathlib import Path

import matplotlib.image
import pytest

import tiny
from jaxgrok import __main__ as console
from jaxgrok import grid

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "LOG.md", *(ROOT / "docs").glob("*.md")]
PACKAGES = {file.parent.name for file in (ROOT / "jaxgrok").glob("*/__init__.py")}
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
    for name in re.findall(r"\]\(([^)]+)\)|(sweeps/\w+\.py)", README):
        assert (ROOT / "".join(name)).exists()


def test_the_tree_names_every_package():
    assert set(re.findall(r"^  (\w+)/ ", README, re.MULTILINE)) == PACKAGES


def defined(dotted):
    """Whether a dotted name, without jaxgrok in front, is a module or a part of one."""
    head, _, last = f"jaxgrok.{dotted}".rpartition(".")
    try:
        return hasattr(importlib.import_module(head), last) or bool(
            importlib.import_module(f"{head}.{last}")
        )
    except ImportError:
        return False


@pytest.mark.parametrize(
    "document",
    [file for file in DOCUMENTS if file.stem != "LOG"],  # which tells of the past
    ids=lambda file: file.stem,
)
def test_dotted_names_exist(document):
    names = re.findall(r"`(?:jaxgrok\.)?(\w+\.[\w.]+)[`(]", document.read_text())
    names = [name for name in names if name.partition(".")[0] in PACKAGES]
    # report.html is a file, not a part of jaxgrok.report.
    names = [name for name in names if not name.endswith((".html", ".json", ".md"))]
    assert [name for name in names if not defined(name)] == []


@pytest.mark.parametrize(
    "document",
    [file for file in DOCUMENTS if file.stem != "fields"],  # generated tables
    ids=lambda file: file.stem,
)
def test_lines_have_at_most_100_columns(document):
    lines = document.read_text().splitlines()
    assert [line for line in lines if len(line) > 100] == []


def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tiny.config(weight_decay=(1.0,))
    monkeypatch.setattr(grid, "base", lambda _: config)
    names = {}
    exec(NOTEBOOK, names)
    assert list(names["run"].cells().phase)
    assert matplotlib.image.imread("curves.png").any()
