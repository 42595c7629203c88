"""Grid files: neighbours they import, what they register, what is recorded of them."""

import hashlib
import re
import subprocess
import sys

import pytest

import jaxgrok
import tiny
from jaxgrok.grid import fields, grid_file
from jaxgrok.grid.resolver import resolve
from jaxgrok.results.files.manifest import describe, read_manifest
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.tasks import TASKS

GRID = """
from jaxgrok import grid
from common import MODULUS


def get_config(scale="laptop"):
    from later import FRACTION

    config = grid.base(scale)
    config.update(modulus=MODULUS, train_fraction=(FRACTION,))
    return config
"""
REGISTERS = """
import dataclasses

import jaxgrok
from jaxgrok.tasks.modular import Modular


@dataclasses.dataclass(frozen=True)
class Twice(Modular):
    times: int = 2

    def pool(self):
        from later import FRACTION

        assert FRACTION == 0.4
        return super().pool()


def squared(logits, labels):
    return ((logits - 1) ** 2).sum(-1)


jaxgrok.tasks.register("twice", Twice)
jaxgrok.losses.register("squared", squared)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a grid file and two neighbours; imports are as before after it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("common", "later"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "common.py").write_text("MODULUS = 5\n")
    (tmp_path / "later.py").write_text("FRACTION = 0.4\n")
    (tmp_path / "mine.py").write_text(GRID)
    yield tmp_path
    for name in ("common", "later"):
        sys.modules.pop(name, None)


@pytest.fixture
def registries(monkeypatch):
    """What a grid file registers is forgotten after the test."""
    for registry in (*fields.OWNERS.values(), jaxgrok.losses.LOSSES):
        monkeypatch.setattr(registry, "_entries", dict(registry))


@pytest.mark.process
def test_the_commit_of_its_repository_is_kept_with_it(folder):
    _, file = grid_file.load(str(folder / "mine.py"), None)
    assert file.commit == ""
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init"], ["add", "mine.py"], ["commit", "-m", "one"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    _, file = grid_file.load(str(folder / "mine.py"), None)
    # common.py, which it imports, is of no commit.
    assert re.fullmatch(r"[0-9a-f]{40}\+", file.commit)
    assert file.run_directory("a/b") == "runs/mine-a%2Fb"


def test_a_grid_file_imports_its_neighbours(folder):
    config, _ = grid_file.load(str(folder / "mine.py"), "laptop")
    assert (config.modulus, config.train_fraction) == (5, (0.4,))


def test_its_folder_comes_last_once_it_is_loaded(folder):
    before = list(sys.path)
    (folder / "json.py").write_text("raise AssertionError")
    grid_file.load(str(folder / "mine.py"), None)
    grid_file.load(str(folder / "mine.py"), None)
    assert sys.path == [*before, str(folder)]


def test_the_neighbours_of_another_grid_file_are_not_taken_for_its_own(folder):
    other = folder / "other"
    other.mkdir()
    (other / "common.py").write_text("MODULUS = 11\n")
    (other / "mine.py").write_text(GRID)
    first, _ = grid_file.load(str(folder / "mine.py"), None)
    second, _ = grid_file.load(str(other / "mine.py"), None)
    assert (first.modulus, second.modulus) == (5, 11)


def test_a_mistake_in_a_neighbour_is_one_line(folder):
    (folder / "common.py").write_text("x = 1\nif x\n")
    with pytest.raises(ValueError, match=r"common\.py, line 2: expected ':'") as error:
        grid_file.load(str(folder / "mine.py"), None)
    assert "\n" not in str(error.value)


def test_registrations_are_loaded_without_a_config(folder, registries):
    (folder / "mine.py").write_text(REGISTERS)
    grid_file.load_registrations(str(folder / "mine.py"))
    config = tiny.config(task="twice", loss="squared", modulus=7)
    config.times = 3
    group = resolve(config).groups[0]
    assert (group.setup.task.times, group.setup.loss) == (3, "squared")
    # A neighbour that is imported once the file has long been loaded.
    assert len(TASKS["twice"](modulus=3).pool()[0]) == 9


def test_a_missing_file_has_no_registrations():
    with pytest.raises(ValueError, match=r"--grid no\.py: there is no such file"):
        grid_file.load_registrations("no.py")


def test_the_manifest_records_the_grid_file(folder):
    path = folder / "mine.py"
    config, file = grid_file.load(str(path), None)
    content = path.read_bytes()
    assert file == grid_file.GridFile(
        str(path), content.decode(), hashlib.sha256(content).hexdigest()
    )
    assert file.name == "mine"
    manifest = describe(resolve(config), file)
    run = folder / "run"
    with RunDirectory(run) as directory:
        directory.write_manifest(manifest)
    assert read_manifest(run).grid_file == file
    assert describe(resolve(config)).grid_file is None


TINY = """from jaxgrok import grid


def get_config(scale="laptop"):
    config = grid.base(scale)
    config.weight_decay = (0.1, 1.0)
    return config
"""
NULL = "SyntaxError: " if sys.version_info >= (3, 11, 4) else ""
"""What Python calls a file with a null byte."""
BROKEN = [
    ("def get_config(\n", ", line 1: '(' was never closed"),
    ("x = 1\n\nif x\n", ", line 3: expected ':'"),
    ("x = 1\n", " defines no get_config(scale); see jaxgrok "),
    ("get_config = 3\n", " defines no get_config(scale); see jaxgrok "),
    ("\ndef get_config():\n    1 / 0\n", ", line 3: ZeroDivisionError: division by"),
    ("def get_config():\n    {}['a']\n", ", line 2: KeyError: 'a'"),
    ("def get_config():\n    open('no')\n", ", line 2: FileNotFoundError: "),
    ("import nosuch\n", ", line 1: ModuleNotFoundError: No module named 'nosuch'"),
    ("def get_config(): pass\n", ": get_config returned None; return the config that"),
    ("def get_config(): return dict(a=1)\n", ": get_config returned {'a': 1}; return"),
    ("a\x00b", f": {NULL}source code string cannot contain null bytes"),
    (
        "from jaxgrok import grid\n\ndef get_config():\n    grid.base('laptop').nope\n",
        ", line 4: AttributeError: \"'nope'\"",
    ),
    (
        TINY.replace("(0.1, 1.0)", "[0.1, 1.0]"),
        ", line 6: weight_decay=[0.1, 1.0] is a list; axes are tuples: write (0.1, 1",
    ),
    (
        TINY.replace("(0.1, 1.0)", "1.0"),
        ", line 6: weight_decay=1.0 is a float; axes are tuples: write (1.0,)",
    ),
]


@pytest.mark.parametrize(("text", "message"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_one_line_that_names_its_own(folder, text, message):
    path = folder / "broken.py"
    path.write_text(text)
    with pytest.raises(ValueError) as error:
        grid_file.load(str(path), None)
    assert str(error.value).startswith(f"--grid {path}{message}")
    assert "\n" not in str(error.value)


def test_an_unknown_scale_is_refused_where_the_file_uses_it(folder):
    path = folder / "scaled.py"
    path.write_text(TINY)
    with pytest.raises(ValueError) as error:
        grid_file.load(str(path), "huge")
    assert str(error.value) == (
        f"--grid {path}, line 5: scale='huge' is unknown; choose one of post, laptop, "
        "auto"
    )


def test_a_scale_for_a_file_that_takes_none_is_refused(folder):
    path = folder / "fixed.py"
    path.write_text(
        TINY.replace('(scale="laptop")', "()").replace("(scale)", "('laptop')")
    )
    grid_file.load(str(path), None)
    words = r"get_config\(\) takes 0 positional arguments but 1 was given"
    with pytest.raises(ValueError, match=words):
        grid_file.load(str(path), "post")


@pytest.mark.parametrize("name", ["nowhere.py", "."])
def test_a_path_without_a_file_is_refused(folder, name):
    with pytest.raises(ValueError, match="there is no such file"):
        grid_file.load(str(folder / name), None)


def test_a_long_error_of_a_grid_file_is_one_short_line(folder):
    text = "def get_config(scale='laptop'):\n    raise TypeError('long\\n' * 999)\n"
    (folder / "mine.py").write_text(text)
    with pytest.raises(ValueError) as error:
        grid_file.load(str(folder / "mine.py"), None)
    line = str(error.value).removeprefix(f"--grid {folder}/mine.py, line 2: TypeError")
    assert len(line) < 210 and "\n" not in line
