"""Paths as users write them: the home folder, and names that any system takes."""

import ast
import shutil
import time
from pathlib import Path

import pytest

import jaxgrok
from jaxgrok.host.files import paths
from jaxgrok.host.files.object_path import ObjectPath


@pytest.fixture
def ada(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--out=~/x", "/home/ada/x"),
        ("--out=~", "/home/ada"),
        ("~/runs/mine", "/home/ada/runs/mine"),
        ("~", "/home/ada"),
        ("~bob/x", "~bob/x"),
        ("--grid.decay_on=~/x", "--grid.decay_on=~/x"),
        ("a~/b", "a~/b"),
        ("--out=runs/~", "--out=runs/~"),
    ],
)
def test_a_tilde_at_the_start_is_the_home_folder(ada, word, expected):
    flag = "--out=" if word.startswith("--out=~") else ""
    assert paths.expanded(word) == flag + expected


def test_a_path_of_python_is_expanded_too(ada):
    assert paths.as_path(Path("~/x")) == Path("/home/ada/x")


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_where_no_home_is_known_nothing_is_made_in_its_place(monkeypatch, home):
    def unknown():
        if home is None:
            raise RuntimeError("Could not determine home directory.")
        return Path(home)

    monkeypatch.setattr(Path, "home", unknown)
    assert paths.home() is None
    with pytest.raises(ValueError, match="--out=~/x: the home folder is unknown; set"):
        paths.expanded("--out=~/x")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("operation=x/y,seed=0", "operation=x%2Fy,seed=0"),
        ("decay_on=W_E,b_*", "decay_on=W_E,b_%2A"),
        ("..\\..", "..%5C.."),
        ("50%", "50%25"),
        ("a\nb", "a%0Ab"),
        ("é", "é"),
    ],
)
def test_a_file_name_is_that_of_one_file(text, name):
    assert paths.file_name(text) == name


@pytest.fixture(params=["disk", "store"])
def folder(request, tmp_path):
    """A folder with two files, on a disk and in a store of objects."""
    in_store = request.param == "store"
    path = request.getfixturevalue("bucket") if in_store else tmp_path
    folder = paths.as_path(path) / "x"
    for name in ("a", "b-c"):
        (folder / name).mkdir(parents=True)
        (folder / name / "1.npz").write_bytes(b"01234")
    (folder / "a,d").mkdir()
    (folder / "a,d" / "1.npz").write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("word", "url"),
    [
        ("gs://b/x", "gs://b/x"),
        ("s3://b/x/", "s3://b/x"),
        (Path("gs://b/x"), "gs://b/x"),
        (ObjectPath("s3://b"), "s3://b"),
    ],
)
def test_a_url_is_a_path_of_objects_and_pathlib_does_not_break_it(word, url):
    assert paths.as_path(word) == ObjectPath(url)


@pytest.mark.parametrize("word", ["runs/x", "gs/b", "C:/runs", "a:b", "./s3:/b"])
def test_any_other_word_is_a_path_on_a_disk(word):
    assert paths.as_path(word) == Path(word)


def test_matches_are_sorted_by_their_parts(folder):
    found = paths.matches(folder, "*/[!.]*.npz")
    assert [path.parent.name for path in found] == ["a", "a,d", "b-c"]


def test_each_is_read_in_order(folder):
    files = paths.matches(folder, "*/*.npz")
    sizes = paths.read_each(lambda path: len(path.read_bytes()), files)
    assert [*sizes] == [5, 0, 5]
    assert [*paths.read_each(str, [])] == []


def test_a_file_is_opened_for_parts_of_it(folder):
    with paths.opened(folder / "a" / "1.npz") as file:
        file.seek(2)
        assert file.read(2) == b"23"


def test_a_file_says_when_it_was_written(folder):
    assert abs(paths.modified(folder / "a" / "1.npz") - time.time()) < 60


def test_a_removed_folder_is_gone(folder):
    paths.remove_tree(folder)
    assert not folder.exists()
    paths.remove_tree(folder)


def test_a_folder_is_on_a_disk_for_as_long_as_it_is_used(folder):
    with paths.on_disk(folder) as copy:
        assert isinstance(copy, Path)
        assert (copy / "a" / "1.npz").read_bytes() == b"01234"
    assert copy.exists() == (copy == folder)


ROOT = Path(jaxgrok.__file__).parent
ROOMS = ("results", "sweep", "report", "plots", "analyse", "crossover", "export")
ON_DISK_ALONE = {
    ("sweep/run.py", "Path"),  # runs/
    ("report/page.py", "Path"),  # of the package
}


def test_whoever_handles_runs_does_so_by_way_of_these_modules():
    calls = set()
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    name = ast.unparse(node.func)
                    calls.add((file.relative_to(ROOT).as_posix(), name))
    names = ("open", "Path", "os.replace", "os.remove", "os.rename", "np.load")
    of_disks = {c for c in calls if c[1] in names or c[1].startswith("shutil.")}
    assert of_disks == ON_DISK_ALONE


def test_free_bytes_are_those_of_the_disk_that_a_new_folder_would_be_on(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    assert paths.free_bytes(tmp_path / "new" / "run") == pytest.approx(free, rel=0.5)
    assert paths.free_bytes(ObjectPath("memory://bucket/run")) is None


def test_a_file_and_an_object_have_a_size(tmp_path, bucket):
    for path in (tmp_path / "a.bin", ObjectPath(f"{bucket}/a.bin")):
        path.write_bytes(b"12345")
        assert paths.size(path) == 5
