"""What is pruned is written anew before it goes; what is damaged is set aside."""

import numpy as np
import pytest

from jaxgrok.results.files.snapshot_files import prune, write_shard
from jaxgrok.results.files.snapshot_shards import check_arrays, check_size, descriptions
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
        check_arrays(file)
    prune(run_dir, {"a"})
    names = {path.name for path in (run_dir / "checkpoints").iterdir()}
    assert names == {f"{file.name}.damaged", f"{file.stem}.damaged"}
    assert SnapshotIndex(run_dir).trainings() == set()


def test_a_tree_that_lacks_bytes_is_seen_without_reading_it(run_dir):
    (file,) = descriptions(run_dir)
    check_size(file)
    for path in file.with_suffix("").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    with pytest.raises(ValueError, match="is damaged"):
        check_size(file)
