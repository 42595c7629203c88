"""Shards of snapshots: damage is named, and what is forgotten is gone."""

import json
import os
import shutil
import time

import numpy as np
import pytest

from jaxgrok.host.files.paths import as_path
from jaxgrok.host.files.unfinished import LONGEST_WRITE
from jaxgrok.results.files import index, second_look, snapshot_shards
from jaxgrok.results.files.snapshot_files import (
    enter,
    forget,
    prune,
    remove_incomplete,
    write_shard,
)
from jaxgrok.results.files.snapshot_shards import read_shards
from jaxgrok.results.snapshots import SnapshotIndex

SHAPES = {"W": (2, 2)}


def rows(value):
    return {0: np.full(4, value, np.float32), 20: np.full(4, value + 1, np.float32)}


def written(path):
    """Two shards of the trainings a and b."""
    for value in (1, 5):
        tree = {"a": rows(value), f"b{value}": rows(value + 2)}
        write_shard(path / "checkpoints", tree, SHAPES)
    return path


@pytest.fixture
def run_dir(tmp_path):
    """On a disk, in a folder whose name has brackets."""
    path = tmp_path / "run[1]"
    path.mkdir()
    return written(path)


@pytest.fixture
def stored(bucket):
    """In a store of objects."""
    return written(as_path(bucket) / "run")


@pytest.fixture(params=["run_dir", "stored"])
def either(request):
    return request.getfixturevalue(request.param)


def known(run_dir):
    """The index of all shards, as it was written."""
    known = index.read(run_dir) or index.Index()
    if enter(run_dir, known):
        index.write(run_dir, known)
    return known


def values(run_dir, kin):
    index = SnapshotIndex(run_dir)
    steps = index.steps(kin)
    return dict(zip(steps, index.load(kin, steps)["W"][:, 0, 0].tolist(), strict=True))


def test_the_later_of_two_shards_wins(either):
    assert values(either, "a") == {0: 5, 20: 6}
    assert values(either, "b1") == {0: 3, 20: 4}


def test_a_step_that_is_forgotten_is_gone_and_the_others_stay(either):
    run_dir = either
    forget(run_dir, {"a": {20}, "b5": {0, 20}}, known(run_dir))
    assert values(run_dir, "a") == {0: 5}
    assert values(run_dir, "b1") == {0: 3, 20: 4}
    assert "b5" not in SnapshotIndex(run_dir)
    prune(run_dir, {"b5", "b1"}, known(run_dir))
    assert values(run_dir, "b1") == {0: 3, 20: 4}
    assert SnapshotIndex(run_dir).trainings() == {"b1"}


@pytest.mark.parametrize("text", ["", '{"steps": {"a": [0', "[]", "{}", "\x00"])
def test_a_damaged_description_is_named_with_the_way_out(run_dir, text):
    shard = read_shards(run_dir)[0].path
    shard.with_suffix(".json").write_text(text)
    with pytest.raises(ValueError, match=r"\.json is damaged; remove .*again") as error:
        SnapshotIndex(run_dir)
    assert f"remove {shard} and {shard.name}.json" in str(error.value)


def test_a_description_that_is_gone_is_missed(either):
    index, files = known(either), snapshot_shards.descriptions(either)
    files[0].unlink()
    words = rf"{files[0].name} is missing; bring it back, or the run's command trains"
    with pytest.raises(second_look.Gone, match=words):
        SnapshotIndex(either)
    # A worker goes on without; so does who reads a run that has no index.
    assert len(read_shards(either, indexed=False)) == 1
    assert [*index.snapshots] == [file.name for file in files]


def test_a_description_in_the_place_of_another_is_not_believed(run_dir):
    known(run_dir)
    one, two = snapshot_shards.descriptions(run_dir)
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    with pytest.raises(ValueError, match=f"{one.name} is damaged; remove"):
        SnapshotIndex(run_dir)


def test_arrays_of_another_shard_are_not_believed(run_dir):
    one, two = (shard.path for shard in read_shards(run_dir))
    shutil.rmtree(two)
    shutil.copytree(one, two)
    assert values(run_dir, "b1") == {0: 3, 20: 4}
    with pytest.raises(ValueError, match=f"{two.name} is damaged; remove"):
        values(run_dir, "a")


def test_in_a_store_a_shard_is_one_object_which_a_disk_reads_too(stored, tmp_path):
    objects = sorted((stored / "checkpoints").iterdir())
    assert [path.suffix for path in objects] == [".npz", ".npz"]
    assert [shard.path for shard in read_shards(stored)] == objects
    stored.copy_to(tmp_path / "copy")
    assert values(tmp_path / "copy", "a") == {0: 5, 20: 6}
    prune(stored, {"a"}, known(stored))
    assert [*read_shards(stored)[0].steps] == ["a"]
    assert len([*(stored / "checkpoints").iterdir()]) == 2


def test_the_trees_of_a_disk_are_read_in_a_store(run_dir, bucket):
    copy = as_path(bucket) / "copy"
    copy.copy_from(run_dir)
    assert values(copy, "a") == {0: 5, 20: 6}
    forget(copy, {"a": {20}}, known(copy))
    assert values(copy, "a") == {0: 5}
    prune(copy, {"b5"}, known(copy))
    assert SnapshotIndex(copy).trainings() == {"b5"}
    assert len([*copy.glob("checkpoints/*.json")]) == 0


def test_a_damaged_object_is_named_with_the_way_out(stored):
    path = sorted((stored / "checkpoints").iterdir())[0]
    data = path.read_bytes()
    place = data.index(rows(1)[0].tobytes())
    for damaged in (
        data[: len(data) // 2],
        b"",
        data[:place] + b"\xff" + data[place + 1 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(
            ValueError, match=r"\.npz is damaged; remove it, and the run"
        ):
            read_shards(stored)[0].arrays(["a"])


def test_a_description_holds_what_there_is(run_dir):
    file = read_shards(run_dir)[0].path.with_suffix(".json")
    entries = json.loads(file.read_text())
    assert set(entries) == {"steps", "shapes", "dtype", "checksums", "checksum"}


def test_shards_that_were_cut_off_are_removed_and_whole_ones_stay(tmp_path):
    remove_incomplete(tmp_path)  # There are none yet.
    folder = tmp_path / "checkpoints"
    for worker in ("local", "two"):
        write_shard(folder, {worker: {0: np.zeros(4, np.float32)}}, SHAPES, worker)
    cut, whole = sorted(path for path in folder.iterdir() if path.is_dir())
    assert (cut.name[-6:], whole.name[-4:]) == ("-local", "-two")
    cut.with_suffix(".json").unlink()
    # As orbax names a tree until it is whole.
    (folder / f"{cut.name}.orbax-checkpoint-tmp" / "d").mkdir(parents=True)
    remove_incomplete(tmp_path)
    assert sorted(folder.iterdir()) == [whole, whole.with_suffix(".json")]
    [shard] = read_shards(tmp_path)
    assert shard.steps == {"two": [0]}


def test_a_worker_elsewhere_may_still_be_writing_its_shard(tmp_path):
    folder = tmp_path / "checkpoints"
    write_shard(folder, {"a": {0: np.zeros(4, np.float32)}}, SHAPES, "worker-1")
    [file] = folder.glob("*.json")
    file.unlink()
    remove_incomplete(tmp_path)
    [shard] = folder.iterdir()
    old = time.time() - LONGEST_WRITE - 1
    os.utime(shard, (old, old))
    remove_incomplete(tmp_path)
    assert list(folder.iterdir()) == []


def test_a_reader_follows_a_training_into_the_shard_that_replaces_its_own(either):
    index = SnapshotIndex(either)
    prune(either, {"a"}, known(either))
    assert index.load("a", [0, 20])["W"][:, 0, 0].tolist() == [5, 6]
    assert index.load("a", [20])["W"][:, 0, 0].tolist() == [6]


def test_a_reader_is_told_of_snapshots_that_the_sweep_has_removed(either):
    index = SnapshotIndex(either)
    prune(either, {"a"}, known(either))
    with pytest.raises(ValueError, match=r"has removed the snapshots .* open the run"):
        index.load("b1", [0])


def test_a_shard_that_goes_while_they_are_listed_is_not_missed(run_dir, monkeypatch):
    one = read_shards(run_dir)[0]
    reading, left = snapshot_shards.read_each, [one]

    def remove_first(read, paths):
        if left:
            left.pop().path.with_suffix(".json").unlink()
        return reading(read, paths)

    monkeypatch.setattr(snapshot_shards, "read_each", remove_first)
    assert SnapshotIndex(run_dir).trainings() == {"a", "b5"}
