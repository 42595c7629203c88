"""What a killed process leaves goes, and what anyone writes stays."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxgrok.host.files.atomic_files import atomic_file
from jaxgrok.host.files.paths import as_path
from jaxgrok.host.files.unfinished import LONGEST_WRITE, remove_abandoned, unfinished

MACHINE = unfinished(Path("a")).name.removeprefix(".a.").partition("-")[0]


@pytest.fixture(scope="module")
def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def written_by(path, process, machine=MACHINE):
    """A file or folder as a process writes it."""
    return path.with_name(f".{path.name}.{machine}-{process}.tmp")


@pytest.mark.parametrize("name", ["cells.csv", "plots/a.b.png"])
def test_what_a_killed_process_left_is_removed(tmp_path, gone, name):
    (tmp_path / "plots").mkdir()
    written_by(tmp_path / name, gone).write_text("half")
    (tmp_path / name).write_text("whole")
    remove_abandoned(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [tmp_path / name]


def test_a_folder_is_removed_with_all_below(tmp_path, gone):
    folder = written_by(tmp_path / "run", gone)
    (folder / "events").mkdir(parents=True)
    (folder / "events" / "1").write_text("half")
    remove_abandoned(tmp_path)
    assert not any(tmp_path.iterdir())


def test_what_somebody_writes_stays(tmp_path, gone):
    elsewhere = written_by(tmp_path / "cells.csv", gone, machine="0" * 8)
    elsewhere.write_text("half")
    with atomic_file(tmp_path / "manifest.json") as file:
        file.write(b"whole")
        remove_abandoned(tmp_path)
    assert {*tmp_path.iterdir()} == {elsewhere, tmp_path / "manifest.json"}


@pytest.mark.parametrize("is_here", [True, False])
def test_no_write_takes_so_long(tmp_path, gone, is_here):
    # Here by a process whose number another one has got.
    owner = (os.getpid(),) if is_here else (gone, "0" * 8)
    file = written_by(tmp_path / "cells.csv", *owner)
    file.write_text("half")
    old = time.time() - LONGEST_WRITE - 1
    os.utime(file, (old, old))
    remove_abandoned(tmp_path)
    assert not file.exists()


def test_names_of_others_stay(tmp_path, gone):
    names = ["cells.csv.tmp", ".cells.csv.tmp", f".cells.csv.{gone}.tmp", "a-7.tmp"]
    for name in names:
        (tmp_path / name).write_text("")
    remove_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*names}


def test_the_name_is_this_process_alone(tmp_path):
    assert unfinished(tmp_path / "a") == written_by(tmp_path / "a", os.getpid())


def test_a_store_has_no_such_files(bucket):
    remove_abandoned(as_path(bucket))
