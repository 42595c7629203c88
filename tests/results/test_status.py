"""How far a run is, whatever there is of it."""

import dataclasses
import json
import platform
import shutil
from pathlib import Path

import pytest
from handmade import product, result, write

from jaxgrok.results.files import index, status_file
from jaxgrok.results.files.status_file import Live, WorkerStatus
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.results.status import read_status

OLD = Path(__file__).parents[1] / "formats" / "1"


@pytest.fixture
def half(tmp_path):
    """A run with four of its six cells, one of them failed."""
    manifest = product()
    one, two, three, four, *_ = manifest.cells
    results = [result(cell) for cell in (one, two, three)]
    results.append(result(four, evals=0, status="failed", cause="out of memory"))
    return write(tmp_path / "run", manifest, results)


def test_a_stopped_run_is_counted_from_its_table(half):
    status = read_status(half)
    assert (status.state, status.done, status.cells) == ("stopped", 4, 6)
    assert status.counts == {"confusion": 3, "failed": 1}
    assert status.last_failure == "out of memory"
    lines = str(status).splitlines()
    assert lines[:2] == [
        status.title,
        "stopped; the same command goes on: 4 of 6 cells · 3 confusion · 1 failed",
    ]
    assert lines[-1] == "last failure: out of memory"


def test_a_running_one_says_more_than_is_on_disk(half):
    worker = WorkerStatus("local", "2 × cpu", 3, 4, 0)
    live = Live({"grokking": 5}, 3, 4, 1234.5, 52.0, (40.0, 41.0), workers=(worker,))
    status_file.write(half, live)
    status = read_status(half)
    assert (status.state, status.done) == ("training", 5)
    assert str(status).splitlines()[1:] == [
        "training: 5 of 6 cells · 5 grokking",
        "3/4 lanes · 1,234 lane-steps/s · 0:52 · about 0:40 left",
        "worker local: 2 × cpu, 3/4 lanes, group 1",
        "last failure: out of memory",
    ]
    entries = json.loads(json.dumps(status.as_dict()))
    assert (entries["busy"], entries["lanes"], entries["left"]) == (3, 4, [40.0, 41.0])
    assert entries["workers"] == [vars(worker)]


def test_one_that_was_killed_is_told_from_one_that_trains(half, monkeypatch):
    monkeypatch.setattr(Live, "is_alive", False)
    status_file.write(half, Live({"grokking": 5}, 3, 4))
    status = read_status(half)
    assert (status.state, status.done, status.live) == ("killed", 4, None)
    assert "killed; the same command goes on: 4 of 6 cells" in str(status)


def test_a_sweep_that_hangs_is_said_to_be_silent(half):
    updated = "2026-01-01T00:00:00Z"
    host = platform.node()
    status_file.write(half, Live({}, process=1, host=host, updated=updated))
    assert "\nsilent for " in str(read_status(half))


def test_a_finished_run_says_how_long_it_took(half):
    times = {"begun": "2026-11-25T13:05:09Z", "ended": "2026-11-25T13:06:19Z"}
    table = (half / "cells.csv").read_text().splitlines()
    with RunDirectory(half) as directory:
        manifest = directory.manifest()
        directory.write_manifest(dataclasses.replace(manifest, **times))
        text = "\n".join([*table, table[1], table[2]]) + "\n"
        directory.write_table("cells.csv", text.encode())
    status = read_status(half)
    assert (status.state, status.elapsed) == ("finished", 70)
    assert str(status).splitlines()[1:3] == [
        "finished: 6 of 6 cells · 5 confusion · 1 failed",
        "in 1 min 10 s · ended 2026-11-25T13:06:19Z",
    ]


def test_an_old_run_without_times_is_finished_too():
    status = read_status(OLD)
    assert (status.state, status.done, status.cells) == ("finished", 2, 2)
    assert (status.begun, status.elapsed) == ("", None)


@pytest.mark.parametrize("names", [(), (".lock", ".lock.holder"), (".DS_Store",)])
def test_an_empty_one_has_nothing_yet(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("")
    status = read_status(tmp_path)
    assert status.state == "empty"
    assert str(status).startswith("nothing yet: no manifest.json in ")


def test_whatever_is_cut_or_lost_the_others_are_told(half):
    (half / "curves").rename(half / "gone")
    text = (half / "cells.csv").read_text()
    (half / "cells.csv").write_text(text[: len(text) // 2])
    status = read_status(half)
    assert (status.state, status.done, status.cells) == ("unreadable", 0, 6)
    assert "cells.csv is damaged; the same command writes it anew" in str(status)
    (half / "cells.csv").unlink()
    assert "cells.csv is missing" in read_status(half).note
    (half / "files.json").unlink()
    assert "files.json is missing" in read_status(half).note
    for name in ("manifest.json", "manifest.copy.json"):
        assert read_status(half).cells == 6
        manifest = (half / name).read_text()
        (half / name).write_text(manifest[:100])
    status = read_status(half)
    assert status.state == "unreadable"
    assert "manifest.json is not JSON" in str(status)


def test_a_search_has_no_number_of_cells(half, tmp_path):
    shutil.copytree(half, tmp_path / "search")
    with RunDirectory(tmp_path / "search") as directory:
        directory.write_table("crossover.csv", b"outcome\n")
    status = read_status(tmp_path / "search")
    assert (status.state, status.cells) == ("finished", None)


def test_a_search_that_lost_its_table_is_no_stopped_sweep(half):
    with RunDirectory(half) as directory:
        directory.write_table("crossover.csv", b"outcome\n")
    assert read_status(half).state == "finished"
    (half / "crossover.csv").unlink()
    status = read_status(half)
    assert (status.state, status.done) == ("unreadable", 0)
    assert "crossover.csv is missing; the same command writes it anew" in str(status)


@pytest.mark.parametrize(
    ("text", "words"),
    [('{"name": "app"}', "is not that of a sweep"), ("[]", "is not that of a sweep")],
)
def test_something_else_is_refused(tmp_path, text, words):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=words):
        read_status(tmp_path)


def test_a_sweep_that_ends_meanwhile_is_never_stopped_or_killed(half, monkeypatch):
    """What it says of itself goes after its last table: the table is read later."""
    known = index.read(half)
    known.tables.clear()  # It is replaced below.
    index.write(half, known)
    table = (half / "cells.csv").read_bytes()
    last = table + b"".join(table.splitlines(keepends=True)[1:3])
    reading = status_file.read

    def read_then_end(path):
        live = reading(path)
        (half / "cells.csv").write_bytes(last)
        status_file.remove(half)
        return live

    monkeypatch.setattr(status_file, "read", read_then_end)
    status_file.write(half, Live({"grokking": 4}, 1, 4))
    assert read_status(half).state == "training"
    (half / "cells.csv").write_bytes(table)
    assert read_status(half).state == "finished"
    # By now its process has ended too.
    (half / "cells.csv").write_bytes(table)
    monkeypatch.setattr(Live, "is_alive", False)
    status_file.write(half, Live({"grokking": 4}, 1, 4))
    status = read_status(half)
    assert (status.state, status.done) == ("finished", 6)
