"""Each kind of file is read to its last byte."""

import numpy as np
import pytest
from handmade import all_results, product, rewrite, write

from jaxgrok.host.files import checked_files
from jaxgrok.results.files import index
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.results.files.snapshot_files import enter, forget, write_shard
from jaxgrok.verify import contents
from jaxgrok.verify.contents import Check, Fault


@pytest.fixture
def run_dir(tmp_path):
    manifest = product()
    results = all_results(manifest)
    return write(tmp_path / "run", manifest, results[:2], results[2:])


def test_a_shard_that_is_gone_is_named_and_the_others_are_read(run_dir):
    one, _ = sorted((run_dir / "curves").iterdir())
    one.unlink()
    check = Check(run_dir)
    results = contents.curves(check, read_manifest(run_dir))
    assert len(results) == 4
    assert check.faults == [Fault(f"curves/{one.name}", "is missing")]


def test_a_shard_that_the_index_does_not_know_counts_and_is_named(run_dir):
    one, _ = sorted((run_dir / "curves").iterdir())
    known = index.read(run_dir)
    del known.curves[one.name]
    index.write(run_dir, known)
    check = Check(run_dir)
    assert len(contents.curves(check, read_manifest(run_dir))) == 6
    words = "is not in files.json; the same command enters it"
    assert check.faults == [Fault(f"curves/{one.name}", words)]


def test_a_table_is_what_the_curves_say(run_dir):
    manifest = read_manifest(run_dir)
    check = Check(run_dir)
    results = contents.curves(check, manifest)
    (run_dir / index.FILE).unlink()
    (run_dir / "cells.csv").write_text("cell\n")
    contents.tables(check, manifest, results, is_over=True)
    assert [fault.file for fault in check.faults] == ["cells.csv"]
    assert "is not what the curves say" in check.faults[0].words


@pytest.mark.parametrize("folder", ["resume", "final_states", "checkpoints"])
def test_other_files_are_read_too(run_dir, folder):
    (run_dir / folder).mkdir()
    name = "x.json" if folder == "checkpoints" else "x.npz"
    (run_dir / folder / name).write_bytes(b"PK")
    check = Check(run_dir)
    contents.lanes(check)
    contents.snapshots(check, read_manifest(run_dir), {})
    assert check.faults == [Fault(f"{folder}/{name}", "is damaged")]


@pytest.mark.parametrize(
    ("how", "words"), [("gone", "is missing"), ("other", "is damaged")]
)
def test_a_description_of_snapshots_is_in_the_index(run_dir, how, words):
    rows = {"a": {0: np.ones(4, np.float32), 20: np.ones(4, np.float32)}}
    write_shard(run_dir / "checkpoints", rows, {"W": (2, 2)})
    known = index.read(run_dir)
    assert enter(run_dir, known)
    index.write(run_dir, known)
    (file,) = (run_dir / "checkpoints").glob("*.json")
    if how == "gone":
        file.unlink()
    else:
        forget(run_dir, {"a": {20}}, index.Index())
        index.write(run_dir, known)
    check = Check(run_dir)
    contents.snapshots(check, read_manifest(run_dir), {})
    assert check.faults == [Fault(f"checkpoints/{file.name}", words)]


def test_what_an_analysis_left_is_checked(run_dir):
    for name in ("circuits.csv", "heads.csv"):
        checked_files.write(run_dir / name, b"cell\n")
    (run_dir / "circuits.csv").write_bytes(b"?")
    (run_dir / "heads.csv").unlink()
    check = Check(run_dir)
    contents.analyses(check)
    words = "is damaged; the command that made it makes it anew"
    assert check.faults == [
        Fault("circuits.csv", words),
        Fault("heads.csv", words.replace("damaged", "missing")),
    ]


def test_a_damaged_status_is_named(run_dir):
    (run_dir / "status.json").write_bytes(b"{}")
    check = Check(run_dir)
    contents.status(check)
    assert check.faults == [Fault("status.json", "is damaged")]


def test_snapshots_that_a_sweep_still_has_to_make_are_no_fault(run_dir, monkeypatch):
    monkeypatch.setattr(contents, "lacking", lambda *_: frozenset({"a"}))
    for ended, again, words in (
        ("", {"a"}, []),
        ("2026-11-28T20:00:00Z", set(), ["lack snapshots of 1 finished cells"]),
    ):
        rewrite(run_dir, ended=ended)
        check = Check(run_dir)
        assert contents.snapshots(check, read_manifest(run_dir), {}) == again
        assert [fault.words for fault in check.faults] == words
