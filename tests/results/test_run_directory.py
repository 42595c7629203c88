"""Run directories: what is written can be read, and nothing is ever half there."""

import csv
import dataclasses
import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from handmade import SCHEMA, all_results, product, result, write

import jaxgrok
from jaxgrok.host import command_line
from jaxgrok.results.run_directory import RunDirectory

ROOT = Path(__file__).parents[2]


def test_cells_csv_is_as_the_contract_says(tmp_path):
    manifest = product()
    results = all_results(manifest)
    learnt = results[4].records
    learnt[:, SCHEMA.columns("train_accuracy")] = [0, 1, 1, 1, 1]
    learnt[:, SCHEMA.columns("test_accuracy")] = [0, 0, 1, 1, 1]
    results[5] = result(
        manifest.cells[5], evals=2, status="diverged", cause="not finite, at step 7"
    )
    path = write(tmp_path, manifest, results)
    with open(path / "cells.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "cell",
        "weight_decay",
        "train_fraction",
        "seed",
        "n_train",
        "status",
        "phase",
        "memorise_step",
        "grok_step",
        "change_step",
        "change_width",
        "non_convex",
        "spikes",
        "steps",
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
        "block_width",
        "cause",
    ]
    assert [row["cell"] for row in rows] == ["0", "1", "2", "3", "4", "5"]
    assert [row["seed"] for row in rows] == ["0", "1", "2"] * 2
    assert rows[0]["memorise_step"] == rows[0]["grok_step"] == rows[0]["cause"] == ""
    assert rows[0]["phase"] == "confusion"
    assert (rows[4]["memorise_step"], rows[4]["grok_step"]) == ("10", "20")
    assert (rows[4]["phase"], rows[4]["status"]) == ("comprehension", "done")
    assert rows[4]["steps"] == "40"
    assert rows[4]["block_width"] == "2"
    assert np.float32(rows[4]["train_loss"]) == learnt[-1, SCHEMA.columns("train_loss")]
    assert rows[5]["cause"] == "not finite, at step 7"
    assert rows[5]["status"] == "diverged"


def test_cells_csv_does_not_depend_on_how_the_shards_are_cut(tmp_path):
    manifest = product()
    results = all_results(manifest)
    cuts = (
        [results],
        [results[::-1]],
        [[r] for r in results[::-1]],
        [results, results],
    )
    tables, datasets = [], []
    for i, shards in enumerate(cuts):
        path = write(tmp_path / str(i), manifest, *shards)
        tables.append((path / "cells.csv").read_bytes())
        datasets.append(jaxgrok.load(path))
    assert all(table == tables[0] for table in tables)
    assert all(dataset.identical(datasets[0]) for dataset in datasets)


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("dear")
    with (
        pytest.raises(ValueError, match=r"holds other files \(thesis.tex, …\)"),
        RunDirectory(tmp_path),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_holds_notes_of_macos_alone_is_empty(tmp_path):
    for name in (".DS_Store", "._runs"):
        (tmp_path / name).write_bytes(b"")
    with RunDirectory(tmp_path):
        pass


def test_the_home_folder_may_be_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with RunDirectory("~/runs/mine") as directory:
        assert directory.path == (tmp_path / "runs/mine").resolve()


def test_a_file_as_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(ValueError, match="file is a file; choose a folder"),
        RunDirectory(tmp_path / "file"),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(ValueError, match=r"below cannot be written.*--out"),
        RunDirectory(tmp_path / "file" / "below"),
    ):
        pass

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with (
        pytest.raises(ValueError, match=r"cannot be written \(Permission denied\)"),
        RunDirectory(tmp_path / "new"),
    ):
        pass


@pytest.mark.process
def test_a_folder_held_by_another_process_is_refused(tmp_path):
    program = (
        "import sys; from jaxgrok.results.run_directory import RunDirectory\n"
        "with RunDirectory(sys.argv[1]):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(ValueError, match="held by a running sweep") as error,
            RunDirectory(tmp_path),
        ):
            pass
        assert f"process {holder.pid}" in str(error.value)
        assert "\n" not in str(error.value)
        holder.kill()
    with RunDirectory(tmp_path) as directory:  # a killed process holds nothing
        assert directory.manifest() is None


def test_the_lock_is_given_back(tmp_path):
    with (
        RunDirectory(tmp_path),
        pytest.raises(ValueError, match=f"held by.*process {os.getpid()}"),
        RunDirectory(tmp_path),
    ):
        pass
    with RunDirectory(tmp_path):
        pass


def test_writes_are_all_or_nothing(tmp_path, monkeypatch):
    manifest = product()
    path = write(tmp_path, manifest, all_results(manifest))
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}

    def cut(*_):
        raise OSError(28, "No space left on device")

    for call in ("replace", "fsync"):
        with RunDirectory(path) as directory, monkeypatch.context() as patch:
            patch.setattr(os, call, cut)
            for attempt in (
                lambda: directory.write_manifest(
                    dataclasses.replace(manifest, title="new")
                ),
                lambda: directory.write_results(all_results(manifest, evals=2)),
                lambda: directory.write_tables(manifest, []),
            ):
                with pytest.raises(OSError, match="No space left"):
                    attempt()
    (path / ".lock").write_bytes(before[path / ".lock"])
    assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file()} == before


@pytest.mark.process
def test_a_sweep_killed_before_its_first_manifest_can_start_again(tmp_path):
    program = (
        "import os, sys; from types import SimpleNamespace\n"
        "from jaxgrok.results.run_directory import RunDirectory\n"
        "os.replace = lambda *_: os._exit(9)\n"
        "with RunDirectory(sys.argv[1]) as d: "
        "d.write_manifest(SimpleNamespace(to_json=dict, cells=()))"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert killed.returncode == 9
    assert len(list(tmp_path.iterdir())) == 3  # the lock's and what was cut off
    with pytest.raises(FileNotFoundError):
        jaxgrok.load(tmp_path)
    with RunDirectory(tmp_path) as directory:
        assert directory.manifest() is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_disk_that_refuses_the_lock_is_no_bad_input(tmp_path, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(OSError) as caught, RunDirectory(tmp_path / "a"):
        pass
    assert command_line.report(caught.value) == 1
    assert caught.value.filename == str(tmp_path / "a")
