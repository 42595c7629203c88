"""Run directories: what is written can be read, and nothing is ever half there."""

import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.host import atomic_files
from jaxgrok.results import run_directory
from jaxgrok.results.manifest import describe
from jaxgrok.results.rows import Result
from jaxgrok.results.run import load
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.training.records import CURVES

ROOT = Path(__file__).parents[2]
MATRICES = ("W_E", "W_U")
COLUMNS = ("step", *CURVES, *MATRICES)
EVERY = 10


def manifest_of(**fields):
    return describe(grid.resolve(tiny.config(**fields)))


def product():
    """Two weight decays times three seeds."""
    return manifest_of(weight_decay=(0.1, 1.0), seed=(0, 1, 2))


def result(cell, evals=5, status="done", cause="", tag=0.0):
    """A result whose every number says where it belongs."""
    records = np.zeros((evals, len(COLUMNS)), np.float32)
    records[:, 0] = np.arange(evals) * EVERY
    for column in range(1, len(COLUMNS)):
        records[:, column] = tag + column / 100 + np.arange(evals) / 1000
    return Result(cell.id, status, COLUMNS, records, block_width=2, cause=cause)


def write(path, manifest, *shards):
    with RunDirectory(path) as directory:
        directory.write_manifest(manifest)
        for shard in shards:
            directory.write_results(shard)
        rows = run_directory.table(manifest, directory.results())
        directory.write_tables(manifest, rows)
    return path


def all_results(manifest, **fields):
    return [result(c, tag=i, **fields) for i, c in enumerate(manifest.cells)]


def same(one, two):
    np.testing.assert_array_equal(one.records, two.records)
    facts = ("cell", "status", "columns", "block_width", "cause")
    return [getattr(one, f) for f in facts] == [getattr(two, f) for f in facts]


def test_results_come_back_from_several_shards(tmp_path):
    manifest = product()
    results = all_results(manifest)
    write(tmp_path / "run", manifest, results[:1], results[1:4], results[4:])
    with RunDirectory(tmp_path / "run") as directory:
        found = directory.results()
        stored = directory.manifest()
    assert json.dumps(stored.to_json()) == json.dumps(manifest.to_json())
    assert set(found) == {r.cell for r in results}
    assert all(same(found[r.cell], r) for r in results)


def test_cells_of_one_shard_may_differ_in_columns_and_length(tmp_path):
    other = Result(
        "c", "done", ("step", *CURVES), np.ones((2, 6), np.float32), block_width=4
    )
    empty = Result("d", "failed", other.columns, np.empty((0, 6)), 4, "no memory")
    results = [
        result(SimpleNamespace(id="a")),
        other,
        empty,
        result(SimpleNamespace(id="b"), evals=3, cause="why"),
    ]
    with RunDirectory(tmp_path) as directory:
        directory.write_results(results)
        found = directory.results()
    assert found.keys() == {"a", "b", "c", "d"}
    for want in results:
        assert same(found[want.cell], want)
        assert found[want.cell].records.dtype == want.records.dtype


def test_a_later_shard_wins(tmp_path):
    manifest = product()
    cell = manifest.cells[0]
    first = result(cell, evals=3, status="failed", cause="first")
    second = result(cell, evals=4, tag=5.0)
    path = write(tmp_path, manifest, [first], [second])
    with RunDirectory(path) as directory:
        assert same(directory.results()[cell.id], second)


def test_shards_of_two_processes_of_one_moment_do_not_collide(tmp_path, monkeypatch):
    monkeypatch.setattr(run_directory.time, "time_ns", lambda: 1)
    manifest = product()
    results = all_results(manifest)
    path = write(tmp_path, manifest, results[:2], results[2:4])
    monkeypatch.setattr(run_directory.os, "getpid", lambda: 99_999_999)
    with RunDirectory(path) as directory:
        directory.write_results(results[4:])
        assert len(directory.results()) == 6


def test_load_has_a_product_as_dims(tmp_path):
    manifest = product()
    dataset = load(write(tmp_path, manifest, all_results(manifest)))
    assert dict(dataset.sizes) == {
        "weight_decay": 2,
        "train_fraction": 1,
        "seed": 3,
        "step": 5,
        "matrix": 2,
    }
    assert dataset.step.values.tolist() == [0, 10, 20, 30, 40]
    for i, cell in enumerate(manifest.cells):
        here = dataset.sel(cell.axes)
        assert here.id.item() == cell.id
        column = 1 + CURVES.index("test_loss")
        expected = np.float32(i + column / 100 + np.arange(5) / 1000)
        np.testing.assert_allclose(here.test_loss, expected, rtol=1e-6)
        assert here.final_test_loss.item() == here.test_loss.values[-1]
        assert here.n_train.item() == cell.lane["n_train"]


def test_selection_and_mean_over_seeds_as_in_the_readme(tmp_path):
    manifest = product()
    dataset = load(write(tmp_path, manifest, all_results(manifest)))
    found = dataset.train_loss.sel(weight_decay=1.0).mean("seed")
    assert found.dims == ("train_fraction", "step")
    np.testing.assert_allclose(found.values[0], 4.01 + np.arange(5) / 1000, rtol=1e-6)
    assert float(dataset.sel(weight_decay=1.0).mean("seed").final_train_loss[0]) > 4


def test_load_has_one_cell_dim_for_zip_and_chain(tmp_path):
    manifest = manifest_of(
        weight_decay=(0.1, 1.0),
        learning_rate=(1e-3, 2e-3),
        zip="weight_decay,learning_rate",
    )
    dataset = load(write(tmp_path, manifest, all_results(manifest)))
    assert dataset.train_loss.dims == ("cell", "step")
    assert dataset.weight_decay.dims == ("cell",)
    assert dataset.weight_decay.values.tolist() == [0.1, 1.0]
    assert dataset.learning_rate.values.tolist() == [1e-3, 2e-3]
    assert dataset.cell.values.tolist() == [0, 1]
    assert dataset.id.values.tolist() == [c.id for c in manifest.cells]


def test_n_train_is_a_dim_where_it_is_the_axis(tmp_path):
    manifest = manifest_of(n_train=(10, 20), train_fraction=())
    path = write(tmp_path, manifest, all_results(manifest))
    dataset = load(path)
    assert dataset.n_train.dims == ("n_train",)
    assert dataset.sel(n_train=20).id.item() == manifest.cells[1].id
    with open(path / "cells.csv", newline="") as file:
        header = next(csv.reader(file))
    assert header.count("n_train") == 1


def test_curves_are_nan_past_the_end_of_a_cell(tmp_path):
    manifest = product()
    results = all_results(manifest)
    results[2] = result(manifest.cells[2], evals=2)
    dataset = load(write(tmp_path, manifest, results))
    short = dataset.sel(manifest.cells[2].axes)
    for name in (*CURVES, "sum_of_squares"):
        missing = np.isnan(short[name].values).reshape(5, -1).all(axis=1)
        assert missing.tolist() == [False, False, True, True, True], name
    assert not np.isnan(dataset.train_loss.isel(weight_decay=1).values).any()
    assert short.steps.item() == 10
    assert short.final_train_loss.item() == short.train_loss.values[1]


def test_sum_of_squares_is_by_matrix(tmp_path):
    manifest = product()
    dataset = load(write(tmp_path, manifest, all_results(manifest)))
    assert dataset.sum_of_squares.dims[-2:] == ("step", "matrix")
    assert dataset.matrix.values.tolist() == list(MATRICES)
    first = dataset.sum_of_squares.sel(matrix="W_U", step=20).values.ravel()[0]
    column = COLUMNS.index("W_U")
    np.testing.assert_allclose(first, column / 100 + 2 / 1000, rtol=1e-6)


def test_a_partial_directory_loads(tmp_path):
    manifest = product()
    dataset = load(write(tmp_path, manifest, all_results(manifest)[3:4]))
    assert dataset.phase.sel(weight_decay=1.0, seed=0).item() != ""
    assert (dataset.status.values == "").sum() == 5
    assert (dataset.phase.values == "").sum() == 5
    assert np.isnan(dataset.train_loss.sel(weight_decay=0.1).values).all()
    assert np.isnan(dataset.steps.values).sum() == 5
    assert not np.isnan(dataset.n_train.values).any()
    assert len((tmp_path / "cells.csv").read_text().splitlines()) == 2


def test_a_directory_without_results_loads(tmp_path):
    dataset = load(write(tmp_path, product()))
    assert dataset.sizes["seed"] == 3
    assert dataset.sizes["step"] == 0
    assert (dataset.status.values == "").all()


def test_a_failed_cell_loads_without_records(tmp_path):
    manifest = product()
    results = all_results(manifest)
    for records in (np.zeros((0, len(COLUMNS))), np.zeros(0)):
        results[1] = Result(
            manifest.cells[1].id, "failed", COLUMNS, records, 2, "out of memory"
        )
        path = write(tmp_path / str(records.ndim), manifest, results)
        here = load(path).sel(manifest.cells[1].axes)
        assert (here.status.item(), here.phase.item()) == ("failed", "")
        assert here.cause.item() == "out of memory"
        assert here.steps.item() == 0
        assert np.isnan(here.train_loss.values).all()
    write(tmp_path / "alone", manifest, results[1:2])
    assert load(tmp_path / "alone").status.values.ravel()[1] == "failed"


def test_a_diverged_cell_says_so(tmp_path):
    manifest = product()
    lost = result(manifest.cells[0], evals=2, status="diverged", cause="step 7")
    dataset = load(write(tmp_path, manifest, [lost]))
    here = dataset.sel(manifest.cells[0].axes)
    assert (here.status.item(), here.phase.item()) == ("diverged", "diverged")


def test_cells_csv_is_as_the_contract_says(tmp_path):
    manifest = product()
    results = all_results(manifest)
    learnt = results[4].records
    learnt[:, COLUMNS.index("train_accuracy")] = [0, 1, 1, 1, 1]
    learnt[:, COLUMNS.index("test_accuracy")] = [0, 0, 1, 1, 1]
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
    assert np.float32(rows[4]["train_loss"]) == learnt[-1, COLUMNS.index("train_loss")]
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
        datasets.append(load(path))
    assert all(table == tables[0] for table in tables)
    assert all(dataset.identical(datasets[0]) for dataset in datasets)


def test_load_of_something_else_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is not a run directory.*manifest"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere is not a run directory"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "manifest.json is not JSON"), ('{"name": "app"}', "not that of a sweep")],
)
def test_a_foreign_manifest_is_refused(tmp_path, text, message):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load(tmp_path)
    with RunDirectory(tmp_path) as directory, pytest.raises(ValueError, match=message):
        directory.manifest()


def test_a_damaged_shard_is_named(tmp_path):
    manifest = product()
    path = write(tmp_path, manifest, all_results(manifest))
    (shard,) = (path / "curves").iterdir()
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(ValueError, match=rf"{shard.name} is damaged; remove it"):
        load(path)
    shard.write_bytes(b"")
    with pytest.raises(ValueError, match=rf"{shard.name} is damaged; remove it"):
        load(path)


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("dear")
    with (
        pytest.raises(ValueError, match=r"holds other files \(thesis.tex, …\)"),
        RunDirectory(tmp_path),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


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

    monkeypatch.setattr("builtins.open", refuse)
    with (
        pytest.raises(ValueError, match=r"cannot be written \(Permission denied\)"),
        RunDirectory(tmp_path / "new"),
    ):
        pass


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
            patch.setattr(run_directory.os, call, cut)
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


def test_a_sweep_killed_before_its_first_manifest_can_start_again(tmp_path):
    program = (
        "import os, sys; from types import SimpleNamespace\n"
        "from jaxgrok.results import run_directory as store\n"
        "store.os.replace = lambda *_: os._exit(9)\n"
        "with store.RunDirectory(sys.argv[1]) as d: "
        "d.write_manifest(SimpleNamespace(to_json=dict))"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert killed.returncode == 9
    assert len(list(tmp_path.iterdir())) == 2  # the lock and what was cut off
    with pytest.raises(FileNotFoundError):
        load(tmp_path)
    with RunDirectory(tmp_path) as directory:
        assert directory.manifest() is None


def saved(step):
    meta = {"step": step, "cells": ["a", "b"]}
    arrays = {
        "leaves": {"0000": np.arange(6, dtype=np.float32).reshape(2, 3) + step},
        "tracks": {"a": np.float32([[step, 1.5]]), "b": np.int32([step])},
    }
    return meta, arrays


def assert_same_state(found, expected):
    (meta, arrays), (expected_meta, expected_arrays) = found, expected
    assert meta == expected_meta
    for group, tensors in expected_arrays.items():
        assert set(arrays[group]) == set(tensors)
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(np.asarray(arrays[group][name]), tensor)
            assert arrays[group][name].dtype == tensor.dtype


def test_resume_state_is_bitwise_and_rolling(tmp_path):
    with RunDirectory(tmp_path / "run") as directory:
        directory.write_manifest(product())
        assert directory.load_resume() is None
        for step in (1, 2):
            directory.save_resume(*saved(step))
            assert_same_state(directory.load_resume(), saved(step))
            assert len(list((tmp_path / "run" / "resume").iterdir())) == 1
    with RunDirectory(tmp_path / "run") as directory:
        assert_same_state(directory.load_resume(), saved(2))
        (old,) = (tmp_path / "run" / "resume").iterdir()
        directory.save_resume(*saved(3))
        (new,) = (tmp_path / "run" / "resume").iterdir()
        assert int(new.name) > int(old.name)  # newer, to whoever finds both
        directory.drop_resume()
        assert directory.load_resume() is None
        directory.drop_resume()


def test_a_missing_or_unfinished_resume_state_falls_back_to_the_one_before(tmp_path):
    with RunDirectory(tmp_path / "run") as directory:
        new = two_states(directory, tmp_path)
        assert_same_state(directory.load_resume(), saved(2))
        shutil.rmtree(new)
        new.mkdir()
        assert_same_state(directory.load_resume(), saved(1))
        (new.parent / f"{new.name}9.orbax-checkpoint-tmp").mkdir()
        assert_same_state(directory.load_resume(), saved(1))
        directory.save_resume(*saved(3))
        assert len(list(new.parent.iterdir())) == 1
        assert_same_state(directory.load_resume(), saved(3))


def test_a_resume_state_with_any_file_cut_is_never_read_wrongly(tmp_path):
    # In a process of its own: orbax leaves unfinished threads behind when it fails.
    program = "import sys, test_store; test_store.cut(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        check=True,
    )


def two_states(directory, tmp_path):
    """Leave states 1 and 2 in the directory; return the folder of the second."""
    folder = directory.path / "resume"
    directory.save_resume(*saved(1))
    (old,) = folder.iterdir()
    shutil.copytree(old, tmp_path / "old")
    directory.save_resume(*saved(2))
    (new,) = folder.iterdir()
    assert int(new.name) > int(old.name)
    shutil.copytree(tmp_path / "old", old)
    return new


def cut(tmp_path):
    """Cut each file of the newest state; what is read has to be 1 or 2, whole."""
    tmp_path, steps = Path(tmp_path), []
    with RunDirectory(tmp_path / "run") as directory:
        new = two_states(directory, tmp_path)
        shutil.copytree(new, tmp_path / "whole")
        for file in filter(Path.is_file, (tmp_path / "whole").rglob("*")):
            for size in (0, file.stat().st_size // 2):
                shutil.rmtree(new)
                shutil.copytree(tmp_path / "whole", new)
                broken = new / file.relative_to(tmp_path / "whole")
                broken.write_bytes(file.read_bytes()[:size])
                found = directory.load_resume()
                steps.append(found[0]["step"])
                assert_same_state(found, saved(steps[-1]))
    assert 1 in steps


def test_write_atomically_replaces(tmp_path):
    file = tmp_path / "a.txt"
    for text in (b"one", b"two"):
        atomic_files.write_atomically(file, text)
        assert file.read_bytes() == text
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_table_leaves_out_what_has_no_result():
    manifest = product()
    results = {r.cell: r for r in all_results(manifest)[::2]}
    rows = run_directory.table(manifest, results)
    assert [row["cell"] for row in rows] == [0, 2, 4]
    assert all(row["axes"] == manifest.cells[row["cell"]].axes for row in rows)
    assert run_directory.table(manifest, {}) == []
