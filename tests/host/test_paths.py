"""Paths as users write them: the home folder, and names that any system takes."""

from pathlib import Path

import pytest

from jaxgrok.host import paths


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
