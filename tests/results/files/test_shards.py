"""Shards: results that are written come back, from any number of files."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from handmade import all_results, product, result, same, write

import jaxgrok
from jaxgrok.host.files import atomic_files
from jaxgrok.results.files import index, second_look, shards
from jaxgrok.results.files.shards import Result
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.training.records import PLAIN, Schema


def test_results_come_back_from_several_shards(tmp_path):
    manifest = product()
    results = all_results(manifest)
    write(tmp_path / "run", manifest, results[:1], results[1:4], results[4:])
    with RunDirectory(tmp_path / "run") as directory:
        found = directory.results()
        stored = directory.manifest()
    assert json.dumps(stored.to_json()) == json.dumps(manifest.to_json())
    assert set(found) == {r.cell_id for r in results}
    assert all(same(found[r.cell_id], r) for r in results)


def test_without_curves_all_else_is_there(tmp_path):
    manifest = product()
    write(tmp_path, manifest, all_results(manifest))
    whole, brief = (shards.read_results(tmp_path, curves=c) for c in (True, False))
    assert whole.keys() == brief.keys()
    for cell_id, one in brief.items():
        assert len(one.records) == 0 < len(whole[cell_id].records)
        assert same(dataclasses.replace(whole[cell_id], records=one.records), one)


def test_cells_of_one_shard_may_differ_in_columns_and_length(tmp_path):
    plain = Schema(PLAIN).with_steps()
    other = Result("c", "done", plain, np.ones((2, 6), np.float32), block_width=4)
    empty = Result("d", "failed", plain, np.empty((0, 6)), 4, "no memory")
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
        assert same(found[want.cell_id], want)
        assert found[want.cell_id].records.dtype == want.records.dtype


def test_a_later_shard_wins(tmp_path):
    manifest = product()
    cell = manifest.cells[0]
    first = result(cell, evals=3, status="failed", cause="first")
    second = result(cell, evals=4, tag=5.0)
    path = write(tmp_path, manifest, [first], [second])
    with RunDirectory(path) as directory:
        assert same(directory.results()[cell.id], second)


def test_shards_of_two_processes_of_one_moment_do_not_collide(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_files.time, "time_ns", lambda: 1)
    manifest = product()
    results = all_results(manifest)
    path = write(tmp_path, manifest, results[:2], results[2:4])
    monkeypatch.setattr(atomic_files.os, "getpid", lambda: 99_999_999)
    with RunDirectory(path) as directory:
        directory.write_results(results[4:])
        assert len(directory.results()) == 6


def test_what_macos_leaves_beside_a_shard_is_no_shard(tmp_path):
    manifest = product()
    path = write(tmp_path, manifest, all_results(manifest))
    (shard,) = (path / "curves").iterdir()
    shard.with_name(f"._{shard.name}").write_bytes(b"\x00\x05\x16\x07")
    assert set(shards.read_results(path)) == {cell.id for cell in manifest.cells}


def test_a_damaged_shard_is_named(tmp_path):
    manifest = product()
    path = write(tmp_path, manifest, all_results(manifest))
    (shard,) = (path / "curves").iterdir()
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(ValueError, match=rf"{shard.name} is damaged; the same comm"):
        jaxgrok.load(path)
    shard.write_bytes(b"")
    with pytest.raises(ValueError, match=rf"{shard.name} is damaged; the same comm"):
        jaxgrok.load(path)


def test_the_head_names_every_curve_with_its_dimension_and_labels(tmp_path):
    write(tmp_path, product(), all_results(product()))
    (file,) = (tmp_path / "curves").iterdir()
    with np.load(file) as shard:
        (kind,) = json.loads(str(shard["head"]))
    assert kind["curves"][0] == {
        "name": "step",
        "dim": "",
        "labels": [],
        "unit": "steps",
    }
    assert kind["curves"][-1] == {
        "name": "sum_of_squares",
        "dim": "matrix",
        "labels": ["W_E", "W_U"],
        "unit": "",
    }
    assert [cell["evals"] for cell in kind["cells"]] == [5] * 6


def test_a_shard_that_is_missing_at_first_sight_is_looked_for_again(
    tmp_path, monkeypatch
):
    manifest = product()
    write(tmp_path, manifest, all_results(manifest))
    listing, lists = shards.shards, [[]]
    monkeypatch.setattr(
        shards, "shards", lambda path: lists.pop() if lists else listing(path)
    )
    with pytest.raises(second_look.Gone, match=r"curves/.*npz is missing; bring it"):
        shards.read_results(tmp_path)
    lists.append([])
    assert len(jaxgrok.open(tmp_path).results) == len(manifest.cells)


def test_an_index_that_is_missing_is_looked_for_again(tmp_path, monkeypatch):
    manifest = product()
    write(tmp_path, manifest, all_results(manifest))
    reading, missing = index.read, [None]
    monkeypatch.setattr(
        index, "read", lambda path: missing.pop() if missing else reading(path)
    )
    assert len(jaxgrok.open(tmp_path).results) == len(manifest.cells)
