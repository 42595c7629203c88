"""What is damaged is set aside, never deleted; what is whole stays."""

import json

import numpy as np
import pytest
from handmade import all_results, product, write

from jaxgrok.engine.engine import ResumeState
from jaxgrok.host.files import checked_files, sealed
from jaxgrok.results import mending
from jaxgrok.results.files import index
from jaxgrok.results.files.final_states import FinalStateWriter
from jaxgrok.results.files.saved_lanes import SavedLane
from jaxgrok.results.files.shards import read_results
from jaxgrok.results.files.snapshot_files import write_shard
from jaxgrok.results.mending import mend
from jaxgrok.results.run_directory import RunDirectory


@pytest.fixture
def run_dir(tmp_path):
    manifest = product()
    results = all_results(manifest)
    return write(tmp_path / "run", manifest, results[:2], results[2:])


def test_a_whole_run_stays_as_it_is(run_dir):
    before = {file: file.read_bytes() for file in run_dir.rglob("*.*")}
    lines, found = mend(run_dir)
    assert lines == []
    assert found == index.read(run_dir)
    assert {file: file.read_bytes() for file in run_dir.rglob("*.*")} == before


@pytest.mark.parametrize("how", ["cut", "swapped"])
def test_a_damaged_shard_is_set_aside(run_dir, how):
    one, two = sorted((run_dir / "curves").iterdir())
    content = two.read_bytes() if how == "swapped" else one.read_bytes()[:99]
    one.write_bytes(content)
    with pytest.raises(ValueError, match=f"{one.name} is damaged"):
        read_results(run_dir)
    lines, found = mend(run_dir)
    assert lines == [
        f"curves/{one.name} is damaged: set aside as {one.name}.damaged, its cells "
        "train again"
    ]
    assert list(found.curves) == [two.name]
    assert (run_dir / "curves" / f"{one.name}.damaged").read_bytes() == content
    assert len(read_results(run_dir)) == 4


def test_a_shard_that_is_gone_is_missed(run_dir):
    one, _ = sorted((run_dir / "curves").iterdir())
    one.unlink()
    with pytest.raises(ValueError, match=f"{one.name} is missing; bring it back"):
        read_results(run_dir)
    lines, _ = mend(run_dir)
    assert lines == [f"curves/{one.name} is missing: its cells train again"]
    assert len(read_results(run_dir)) == 4


@pytest.mark.parametrize("content", [None, b"{}"])
def test_an_index_that_is_lost_is_made_of_the_shards(run_dir, content):
    known = index.read(run_dir)
    file = run_dir / index.FILE
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ValueError, match=r"files\.json is (missing|damaged); the same"):
        read_results(run_dir)
    (line,), found = mend(run_dir)
    assert line.startswith("files.json is ")
    assert found.curves == known.curves
    assert len(read_results(run_dir)) == 6


def test_a_new_directory_has_nothing_to_mend(tmp_path):
    assert mend(tmp_path) == ([], index.Index())


@pytest.fixture
def described(run_dir):
    """The description of a shard of snapshots that the index knows."""
    rows = {kin: {0: np.ones(4, np.float32)} for kin in "ab"}
    write_shard(run_dir / "checkpoints", rows, {"W": (2, 2)})
    known = mend(run_dir)[1]
    (file,) = (run_dir / "checkpoints").glob("*.json")
    assert [*known.snapshots] == [file.name]
    return file


def test_a_description_that_is_gone_is_missed_and_its_arrays_are_kept(
    run_dir, described
):
    described.unlink()
    lines, found = mend(run_dir)
    tree = described.with_suffix("").name
    assert lines == [
        f"checkpoints/{described.name} is missing: its arrays set aside as "
        f"{tree}.damaged, cells that lack snapshots train again"
    ]
    assert (described.parent / f"{tree}.damaged").is_dir()
    assert found.snapshots == index.read(run_dir).snapshots == {}
    assert mend(run_dir)[0] == []


def test_a_description_of_other_steps_is_set_aside(run_dir, described):
    content = sealed.unsealed(described.read_bytes())
    content["steps"]["a"] = [20]
    described.write_bytes(sealed.sealed(json.dumps(content)))
    (line,), found = mend(run_dir)
    assert line.startswith(f"checkpoints/{described.name} is damaged: set aside as")
    assert found.snapshots == {}


@pytest.mark.parametrize("limit", [mending.SOON_READ, 0])
def test_a_lane_of_a_longer_budget_that_is_damaged_is_set_aside(
    run_dir, monkeypatch, limit
):
    monkeypatch.setattr(mending, "SOON_READ", limit)
    writer = FinalStateWriter(run_dir)
    lane = SavedLane(ResumeState(0, [np.zeros(9_000, np.float32)]), np.zeros((3, 5)))
    writer.add("a", 20, lane)
    writer.flush()
    assert mend(run_dir)[0] == []
    (file,) = (run_dir / "final_states").iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    lines, _ = mend(run_dir)
    # Of many gigabytes, `jaxgrok verify` and who needs a lane read more than its name.
    words = "set aside as {0}.damaged, a longer budget starts its cells anew"
    damaged = f"final_states/{file.name} is damaged: " + words.format(file.name)
    assert lines == ([damaged] if limit else [])
    assert file.exists() == (not limit)


def test_a_name_in_the_index_leads_nowhere(run_dir):
    known = index.read(run_dir)
    (run_dir / "checkpoints").mkdir()
    (run_dir / "other").mkdir()
    known.snapshots["../other.json"] = "1"
    index.write(run_dir, known)
    lines, _ = mend(run_dir)
    assert lines == [
        "checkpoints/../other.json is missing: cells that lack snapshots train again"
    ]
    assert (run_dir / "other").is_dir()


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_tables_that_a_sweep_only_shows_are_set_aside(run_dir, how):
    with RunDirectory(run_dir) as directory:
        directory.write_table("crossover.csv", b"outcome\n")
    checked_files.write(run_dir / "circuits.csv", b"cell\n")
    assert mend(run_dir)[0] == []
    for name in ("crossover.csv", "circuits.csv"):
        (run_dir / name).unlink()
        if how == "damaged":
            (run_dir / name).write_bytes(b"?")
    lines, found = mend(run_dir)
    aside = how == "damaged"
    for line, name in zip(lines, ("crossover.csv", "circuits.csv"), strict=True):
        assert line.startswith(f"{name} is {how}")
        assert (run_dir / f"{name}.damaged").exists() == aside
    assert [*found.tables] == ["cells.csv"]
    assert not (run_dir / "circuits.csv.b2").exists()
    assert mend(run_dir)[0] == []


@pytest.mark.parametrize("soon_read", [10**9, 0])
def test_snapshots_that_are_damaged_inside_are_set_aside(
    run_dir, monkeypatch, soon_read
):
    monkeypatch.setattr(mending, "SOON_READ", soon_read)
    rows = {kin: {0: np.ones(4, np.float32)} for kin in "ab"}
    write_shard(run_dir / "checkpoints", rows, {"W": (2, 2)})
    assert mend(run_dir)[0] == []
    for file in (run_dir / "checkpoints").rglob("d/*"):
        file.write_bytes(bytes(file.stat().st_size))
    lines, _ = mend(run_dir)
    assert len(lines) == (1 if soon_read else 0)
