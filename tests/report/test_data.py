import gzip
import json
import os
from pathlib import Path

import pytest

import jaxgrok
import reported
from jaxgrok.report.data import RunData, blob_of


def header(*paths):
    data = gzip.decompress(blob_of([RunData.of(jaxgrok.open(path)) for path in paths]))
    return json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])


def test_a_run_that_trains_says_how_far_it_is(tmp_path):
    (run,) = header(reported.write(tmp_path / "run", pending=4))["runs"]
    assert run["progress"].startswith("14 of 18 cells, ")
    (run,) = header(reported.write(tmp_path / "whole"))["runs"]
    assert run["progress"].startswith("18 cells, ")


def test_a_run_of_one_cell_says_so(tmp_path):
    one = {"weight_decay": (0.1,), "train_fraction": (0.5,), "seed": (0,)}
    (run,) = header(reported.write(tmp_path / "run", **one))["runs"]
    assert run["progress"].startswith("1 cell, ")


def test_no_folder_of_this_machine_is_in_it(tmp_path, monkeypatch):
    path = reported.write(tmp_path / "runs" / "mine")
    assert str(tmp_path) not in json.dumps(header(path))
    (run,) = header(path)["runs"]
    assert run["path"] == "mine"
    monkeypatch.chdir(tmp_path)
    (run,) = header(Path("runs", "mine"))["runs"]
    assert run["path"] == "runs/mine"
    (run,) = header(os.path.join("..", tmp_path.name, "runs", "mine"))["runs"]
    assert run["path"] == "mine"


def test_runs_of_other_axes_are_not_compared(tmp_path):
    one = reported.write(tmp_path / "one")
    other = reported.write(tmp_path / "other", learning_rate=(1e-3, 2e-3))
    with pytest.raises(
        ValueError, match=r"one and .*other have different axes: weight"
    ):
        header(one, other)


def test_runs_of_the_same_axes_stand_side_by_side(tmp_path):
    paths = [reported.write(tmp_path / name, draw=i) for i, name in enumerate("ab")]
    assert [run["name"] for run in header(*paths)["runs"]] == ["a", "b"]


def test_a_shard_that_is_being_written_is_no_result(tmp_path):
    path = reported.write(tmp_path / "run")
    (run,) = header(path)["runs"]
    partial = path / "curves" / ".00001.npz.77.tmp"
    # Gone by the time that it is asked about, as the name of a file that got its own.
    partial.symlink_to(path / "nothing")
    assert header(path)["runs"] == [run]
