"""An audit says what is whole, what is not, and how the cells ended."""

import json
import shutil
from pathlib import Path

import pytest
from handmade import all_results, product, write

from jaxgrok.host.files.folder_lock import FolderLock
from jaxgrok.results.files import index
from jaxgrok.verify import audit as module
from jaxgrok.verify import contents
from jaxgrok.verify.audit import audit

OLD = Path(__file__).parents[1] / "formats" / "1"


@pytest.fixture
def run_dir(tmp_path):
    manifest = product()
    return write(tmp_path / "run", manifest, all_results(manifest))


def test_a_whole_run(run_dir):
    report = audit(run_dir)
    assert report.is_whole
    assert sum(report.counts.values()) == 6
    # The manifest and its copy, the index, a shard and the table.
    assert report.files == 5
    assert str(report).startswith(f"{run_dir}: whole · 5 files\n6 cells: ")
    assert json.loads(json.dumps(report.as_dict()))["whole"] is True


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cells.csv", "is damaged; the same command writes it anew"),
        ("files.json", "is damaged; the same command checks every file"),
        ("manifest.json", "is damaged (it has no checksum)"),
        ("curves/*.npz", "is damaged"),
    ],
)
def test_what_is_damaged_is_named(run_dir, name, words):
    (file,) = run_dir.glob(name)
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(bytes(content))
    report = audit(run_dir)
    assert not report.is_whole
    (fault, *_) = report.faults
    assert fault.file.endswith(file.name)
    assert fault.words.startswith(words) or "JSON" in fault.words


def test_a_run_of_format_1_is_whole(tmp_path):
    shutil.copytree(OLD, tmp_path / "run")
    report = audit(tmp_path / "run")
    assert report.is_whole, str(report)


def test_what_was_set_aside_is_told_and_no_fault(run_dir):
    (run_dir / "curves" / "x.npz.damaged").write_bytes(b"")
    report = audit(run_dir)
    assert report.is_whole
    assert "x.npz.damaged was set aside" in str(report)


def test_a_run_without_a_manifest_that_can_be_read(run_dir):
    for name in ("manifest.json", "manifest.copy.json"):
        (run_dir / name).write_bytes(b"{")
    report = audit(run_dir)
    assert not report.is_whole
    assert "manifest.json is not JSON" in str(report)
    with pytest.raises(FileNotFoundError, match="is not a run directory"):
        audit(run_dir / "nowhere")


@pytest.fixture
def held(run_dir, monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.0)
    lock = FolderLock(run_dir)
    lock.acquire()
    yield run_dir
    lock.release()


def test_what_a_sweep_replaces_meanwhile_is_looked_at_again(held, monkeypatch):
    read, looks = contents.lanes, []

    def replaced(check):
        looks.append(1)
        if len(looks) < 3:
            check.fault(f"checkpoints/{len(looks)}.json", "is damaged")
        read(check)

    monkeypatch.setattr(contents, "lanes", replaced)
    report = audit(held)
    assert report.is_whole, str(report)
    assert len(looks) == 3


def test_what_is_damaged_is_named_while_a_sweep_holds_the_run(held, monkeypatch):
    (held / "cells.csv").write_text("cell\n")
    look, looks = module._look, []
    monkeypatch.setattr(module, "_look", lambda path: looks.append(1) or look(path))
    report = audit(held)
    assert [fault.file for fault in report.faults] == ["cells.csv"]
    assert len(looks) == 2


def test_a_search_that_lost_its_table_asked_for_no_more_cells(run_dir):
    known = index.read(run_dir)
    known.tables["crossover.csv"] = ["0" * 64]
    index.write(run_dir, known)
    report = audit(run_dir)
    assert [fault.file for fault in report.faults] == ["crossover.csv"]
    assert contents.is_search(contents.Check(run_dir))
    (run_dir / index.FILE).write_bytes(b"{")
    assert not contents.is_search(contents.Check(run_dir))
