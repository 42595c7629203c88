"""What is said of the code that runs."""

import os
import subprocess
from pathlib import Path

import pytest

import jaxgrok
from jaxgrok.host import source


def copy_in_a_repository(folder):
    """A git repository of the package, which has a module: pack/host/source.py."""
    file = folder / "pack/host/source.py"
    file.parent.mkdir(parents=True)
    file.write_text(Path(source.__file__).read_text())
    (folder / "setup.cfg").write_text("[metadata]\nname = jaxgrok\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "one")
    return file


def git(folder, *words):
    names = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", str(folder), *names, *words]
    variables = {name: v for name, v in os.environ.items() if name != "GIT_DIR"}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=variables
    ).stdout


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Such a repository, and its module for the one in use."""
    file = copy_in_a_repository(tmp_path)
    monkeypatch.setattr(source, "PACKAGE", file.parents[1])
    # As git sets it for its hooks.
    monkeypatch.setenv("GIT_DIR", str(Path(__file__).parent))
    return tmp_path


@pytest.mark.process
def test_the_commit_has_a_plus_where_any_file_of_the_package_differs(repository):
    (repository / "outside.txt").write_text("not of the package")
    name = git(repository, "rev-parse", "HEAD").strip()
    assert source.commit() == name
    (repository / "pack/other.py").write_text("")
    assert source.commit() == f"{name}+"


@pytest.mark.process
@pytest.mark.parametrize(
    ("moves", "text"), [({}, "name = mine\n"), ({"setup.cfg": "pack"}, None)]
)
def test_a_commit_of_somebody_else_s_repository_is_not_ours(repository, moves, text):
    # A copy that is part of it, or lies deeper in it, as in a virtual environment.
    (repository / "setup.cfg").write_text(text or "")
    for name, folder in moves.items():
        (repository / name).rename(repository / folder / name)
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "two")
    assert source.commit() == ""


@pytest.mark.process
def test_a_folder_in_a_repository_has_its_commit_and_any_other_has_none(
    repository, tmp_path_factory
):
    name = git(repository, "rev-parse", "HEAD").strip()
    assert source.commit_of(repository / "pack") == name
    (repository / "pack/new.py").write_text("")
    assert source.commit_of(repository / "pack") == f"{name}+"
    assert source.commit_of(tmp_path_factory.mktemp("elsewhere")) == ""


def test_a_machine_without_git_has_no_commits(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(source, "COMMIT_FILE", "none.txt")  # of an installed wheel
    assert source.commit() == source.commit_of(Path()) == ""


def test_the_version_is_the_package_s_whether_installed_or_not():
    assert source.versions()["jaxgrok"] == jaxgrok.__version__


def test_a_wheel_says_the_commit_that_it_was_built_from(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "PACKAGE", tmp_path / "jaxgrok")
    (tmp_path / "jaxgrok").mkdir()
    assert source.commit() == ""
    (tmp_path / "jaxgrok" / source.COMMIT_FILE).write_text("0a1b+\n")
    assert source.commit() == "0a1b+"
