"""What is pruned is written anew before it goes; what is damaged is set aside."""

import numpy as np
import pytest

from jaxgrok.results.files import index, snapshot_files
from jaxgrok.results.files.index import Index
from jaxgrok.results.files.snapshot_files import enter, forget, prune, write_shard
from jaxgrok.results.files.snapshot_shards import (
    descriptions,
    read_shard,
    read_shards,
)
from jaxgrok.results.snapshots import SnapshotIndex


@pytest.fixture
def run_dir(tmp_path):
    rows = {kin: {0: np.full(4, 1, np.float32)} for kin in "ab"}
    write_shard(tmp_path / "checkpoints", rows, {"W": (2, 2)})
    return tmp_path


def damage(run_dir):
    """Zero the files of the tree that hold its arrays."""
    for file in (run_dir / "checkpoints").rglob("*"):
        if file.is_file() and file.parent.name == "d":
            file.write_bytes(bytes(file.stat().st_size))


def test_a_damaged_shard_is_set_aside_instead_of_pruned(run_dir):
    damage(run_dir)
    (file,) = descriptions(run_dir)
    with pytest.raises(ValueError, match="is damaged; remove"):
        read_shard(file).arrays(["a"])
    prune(run_dir, {"a"}, Index())
    names = {path.name for path in (run_dir / "checkpoints").iterdir()}
    assert names == {f"{file.name}.damaged", f"{file.stem}.damaged"}
    assert SnapshotIndex(run_dir).trainings() == set()


def test_a_tree_that_lacks_bytes_is_seen_without_reading_it(run_dir):
    (file,) = descriptions(run_dir)
    read_shard(file).check_size()
    for path in file.with_suffix("").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    with pytest.raises(ValueError, match="is damaged"):
        read_shard(file).check_size()


@pytest.fixture
def known(run_dir):
    """The index of that shard."""
    known = Index()
    assert enter(run_dir, known)
    index.write(run_dir, known)
    return known


def names(run_dir):
    return [file.name for file in descriptions(run_dir)]


def test_a_shard_is_entered_once(run_dir, known):
    assert [*known.snapshots] == names(run_dir)
    assert not enter(run_dir, known)
    write_shard(
        run_dir / "checkpoints", {"c": {0: np.ones(4, np.float32)}}, {"W": (4,)}
    )
    (run_dir / "checkpoints" / "damaged.json").write_text("{")
    assert enter(run_dir, known)
    assert [*known.snapshots, "damaged.json"] == names(run_dir)


@pytest.mark.parametrize("act", ["prune", "forget"])
def test_the_index_follows_what_changes(run_dir, known, act):
    before = dict(known.snapshots)
    if act == "prune":
        prune(run_dir, {"a"}, known)
    else:
        forget(run_dir, {"b": {0}}, known)
    assert known.snapshots != before
    assert [*known.snapshots] == names(run_dir)
    assert index.read(run_dir) == known
    assert SnapshotIndex(run_dir).trainings() == {"a"}


def test_a_kill_on_the_way_leaves_shards_that_count(run_dir, known, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshot_files, "_remove", killed)
    with pytest.raises(KeyboardInterrupt):
        prune(run_dir, {"a"}, known)
    assert len(read_shards(run_dir)) == 2
    assert SnapshotIndex(run_dir).trainings() == {"a", "b"}
