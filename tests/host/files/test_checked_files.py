"""What was written comes back, or is named; what was made by hand counts."""

import subprocess

import pytest

from jaxgrok.host.files import checked_files
from jaxgrok.host.files.paths import as_path


@pytest.fixture(params=["disk", "bucket"])
def folder(request, tmp_path):
    if request.param == "disk":
        return tmp_path
    return as_path(request.getfixturevalue("bucket")) / "run"


def test_it_comes_back_and_damage_is_named(folder):
    file = folder / "t.csv"
    checked_files.write_table(file, ["a"], [{"a": 1}])
    assert checked_files.read(file) == b"a\n1\n"
    file.write_bytes(b"a\n2\n")
    with pytest.raises(ValueError, match=r"t\.csv is damaged; the command that made"):
        checked_files.read(file)
    assert [one.name for one in checked_files.checked_files(folder)] == ["t.csv"]
    checked_files.write(file, b"new")
    assert checked_files.read(file) == b"new"
    file.unlink()
    with pytest.raises(FileNotFoundError):
        checked_files.read(file)


@pytest.mark.parametrize("content", [b"", b"\xff\n", b"0\n"])
def test_a_checksum_that_is_damaged_is_none(tmp_path, content):
    file = tmp_path / "t.csv"
    checked_files.write(file, b"a")
    (tmp_path / "t.csv.b2").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        checked_files.read(file)


def test_one_without_a_checksum_counts(tmp_path):
    file = tmp_path / "t.csv"
    file.write_bytes(b"by hand")
    assert checked_files.read(file) == b"by hand"
    assert checked_files.checked_files(tmp_path) == []
    checked_files.forget(file)


def test_the_systems_own_command_checks_it(tmp_path):
    checked_files.write(tmp_path / "t.csv", b"a")
    command = ["b2sum", "-c", "t.csv.b2"]
    try:
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no b2sum")
    assert ran.stdout == "t.csv: OK\n"
