"""What a run has on disk is whole at every moment, and nothing is kept twice."""

import os

import numpy as np
import pytest
from handmade import SCHEMA, manifest_of, result

import tiny
from jaxgrok import grid
from jaxgrok.engine.engine import ResumeState
from jaxgrok.fleet.messages import Dispatch, Progress
from jaxgrok.host.files.unfinished import unfinished
from jaxgrok.results.files import (
    cell_table,
    index,
    manifest,
    resume,
    shards,
    snapshot_files,
)
from jaxgrok.results.files.final_states import FinalStateWriter
from jaxgrok.results.files.manifest import Usage, read_manifest
from jaxgrok.results.files.resume import Resumable
from jaxgrok.results.files.saved_lanes import SavedLane
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.results.snapshots import SnapshotIndex
from jaxgrok.sweep import archive as module
from jaxgrok.sweep.archive import Archive

SHAPES = {"W": (2, 2)}


def resolved(**fields):
    return grid.resolve(tiny.config(**{"seed": (0, 1, 2), "snapshots": "all"} | fields))


@pytest.fixture
def directory(tmp_path):
    with RunDirectory(tmp_path / "run") as directory:
        yield directory


@pytest.fixture
def archive(directory):
    """That of a run that has just begun."""
    archive = Archive(resolved(), directory)
    archive.write_manifest()
    return archive


def lane(value):
    """A lane in flight that holds one number."""
    return SavedLane(ResumeState(3, [np.float32([value])]), np.full((2, 5), value))


def save(directory, *lanes, worker="local", unkept=()):
    """Save cells with their lanes, as a worker does; all but some have a snapshot."""
    kins = [cell.kin for cell, _ in lanes if cell not in unkept]
    snapshots = {kin: {0: np.zeros(4, np.float32)} for kin in kins}
    by_id = {cell.id: lane for cell, lane in lanes}
    resumable = Resumable(by_id, snapshots, SHAPES)
    return resume.save(directory.path, worker, resumable, eval_every=10)


def write_snapshots(directory, cell, *steps):
    rows = {cell.kin: {step: np.full(4, step, np.float32) for step in steps}}
    snapshot_files.write_shard(directory.path / "checkpoints", rows, SHAPES)


def read(directory, cell, place):
    lane, *_ = resume.read(directory.path, place, cell.kin)
    return lane


def files(directory):
    return sorted(path.name for path in (directory.path / "resume").iterdir())


def test_lane_steps_add_up_over_pauses(archive, directory):
    dispatch = Dispatch(steps=10, lane_steps=30, executed=40, seconds=1.0)
    archive.count(dispatch)
    archive.count(dispatch)
    archive.write_manifest()
    assert read_manifest(directory.path).usage == Usage(60, 80)
    archive = Archive(resolved(), directory)
    archive.count(dispatch)
    archive.write_manifest()
    assert read_manifest(directory.path).usage == Usage(90, 120)


def test_where_memory_was_short_stays_in_the_manifest(archive, directory):
    def noted():
        return [group.short for group in read_manifest(directory.path).groups]

    archive.note_shortage(Progress(0))
    assert not archive.usage_changed and noted() == [""]
    archive.note_shortage(Progress(0, short="memory is short: 1 block of 2"))
    assert archive.usage_changed
    archive.write_manifest()
    archive.note_shortage(Progress(0, short="memory is short: 1 block of 2"))
    archive.note_shortage(Progress())
    assert not archive.usage_changed
    assert noted() == ["memory is short: 1 block of 2"]
    # Another start, with more memory, of a grid with more cells.
    Archive(resolved(seed=(0, 1, 2, 3)), directory).write_manifest()
    assert noted() == ["memory is short: 1 block of 2"]


def test_the_times_of_a_run_span_its_pauses(archive, directory, monkeypatch):
    begun = read_manifest(directory.path).begun
    assert read_manifest(directory.path).ended == ""
    archive.leave()
    assert read_manifest(directory.path).ended >= begun
    monkeypatch.setattr(manifest, "utc_now", lambda: "2999-01-01T00:00:00Z")
    monkeypatch.setattr(module, "utc_now", lambda: "2999-01-01T00:00:09Z")
    later = Archive(resolved(), directory, command="jaxgrok sweep --grid a")
    later.write_manifest()
    entries = read_manifest(directory.path)
    assert (entries.begun, entries.ended) == (begun, "")
    for cell in resolved().cells:
        later.add(result(cell))
    later.leave()
    entries = read_manifest(directory.path)
    assert (entries.begun, entries.ended) == (begun, "2999-01-01T00:00:09Z")
    assert entries.command == "jaxgrok sweep --grid a"


def test_cells_in_flight_come_back(archive, directory):
    one, two, _ = resolved().cells
    save(directory, (one, lane(1)), (two, lane(2)))
    places = Archive(resolved(), directory).resume()
    assert list(places) == [one.id, two.id]
    assert (places[two.id].step, places[two.id].offset) == (13, 3)
    again = read(directory, two, places[two.id])
    np.testing.assert_array_equal(again.state.leaves[0], [2])
    np.testing.assert_array_equal(again.records, np.full((2, 5), 2))


def test_cells_of_several_workers_come_back_each_from_its_last_save(archive, directory):
    one, two, _ = resolved().cells
    save(directory, (one, lane(1)), (two, lane(1)), worker="a")
    save(directory, (two, lane(2)), worker="b")
    assert len(files(directory)) == 2
    places = Archive(resolved(), directory).resume()
    values = [
        read(directory, cell, places[cell.id]).records[0, 0] for cell in (one, two)
    ]
    assert values == [1, 2]


def test_a_cell_that_has_ended_since_the_save_is_not_resumed(archive, directory):
    one, two, three = resolved().cells
    save(directory, *((cell, lane(0)) for cell in (one, two, three)))
    archive.add(result(one))
    archive.add(result(two, status="stopped"))
    archive.flush()
    write_snapshots(directory, one, 0, 20, 40)
    assert list(Archive(resolved(), directory).resume()) == [two.id, three.id]


def test_a_cell_whose_snapshots_were_not_kept_so_far_starts_anew(archive, directory):
    one, two, _ = resolved().cells
    save(directory, (one, lane(0)), (two, lane(0)), unkept=[two])
    assert list(Archive(resolved(), directory).resume()) == [one.id]


def test_a_cell_that_the_grid_has_no_more_is_not_resumed(archive, directory):
    save(directory, *((cell, lane(0)) for cell in resolved().cells))
    _, two, _ = resolved().cells
    assert list(Archive(resolved(seed=(1,)), directory).resume()) == [two.id]


def test_a_cell_goes_on_as_the_same_training_with_a_longer_budget(archive, directory):
    one, *_ = resolved().cells
    save(directory, (one, lane(7)))
    longer = resolved(steps=(60, 80), seed=(0,))
    places = Archive(longer, directory).resume()
    assert places.keys() == {cell.id for cell in longer.cells}
    for cell in longer.cells:
        assert read(directory, cell, places[cell.id]).state.leaves[0] == 7


def test_a_cell_that_is_lost_goes_on_from_its_last_save(archive, directory):
    one, two, _ = resolved().cells
    assert archive.place_of(one.id) is None
    for value in (1, 2):
        places = save(directory, (one, lane(value)), (two, lane(value)))
        archive.note_saves(places)
        assert archive.place_of(one.id) == places[one.id]
        assert len(files(directory)) == 1  # The older one is gone.
    archive.add(result(one))
    assert archive.place_of(one.id) is None
    assert archive.place_of(two.id) == places[two.id]


def test_the_last_lane_of_a_shorter_budget_is_a_start(archive, directory):
    one, *_ = resolved().cells
    write_snapshots(directory, one, 0, 20, 40)
    writer = FinalStateWriter(directory.path)
    writer.add(one.kin, 40, lane(7))
    writer.flush()
    archive.add(result(one))
    archive.flush()
    longer = resolved(steps=(60,))
    archive = Archive(longer, directory)
    first, second, _ = longer.cells
    assert archive.starting_steps() == {first.id: 40}
    assert archive.starting_place(second.id) is None
    place = archive.place_of(first.id)
    assert place == archive.starting_place(first.id)
    assert (place.step, place.offset) == (40, 0)
    # It has gone on since, and its worker is lost.
    archive.note_saves(save(directory, (first, lane(8))))
    assert archive.place_of(first.id).file.startswith("resume/")


def test_with_nothing_in_flight_nothing_is_left_to_resume(archive, directory):
    one, *_ = resolved().cells
    archive.note_saves(save(directory, (one, lane(0))))
    archive.add(result(one))
    archive.flush()
    assert files(directory) == []
    assert Archive(resolved(), directory).resume() == {}


def test_a_save_stays_until_the_result_is_on_disk(archive, directory):
    """A coordinator that is killed loses results of a few seconds, not their work."""
    one, two, _ = resolved().cells
    places = save(directory, (one, lane(3)))
    archive.note_saves(places)
    archive.add(result(one))
    archive.note_saves(save(directory, (two, lane(4))))
    assert len(files(directory)) == 2
    assert Archive(resolved(), directory).resume()[one.id] == places[one.id]
    archive.flush()
    assert len(files(directory)) == 1
    assert Archive(resolved(), directory).resume().keys() == {two.id}


def test_a_cell_that_is_trained_again_keeps_its_new_save(archive, directory):
    one, *_ = resolved().cells
    archive.note_saves(save(directory, (one, lane(3))))
    archive.add(result(one, status="stopped"))
    archive.ledger.reopen(one.id)
    places = save(directory, (one, lane(4)))
    archive.note_saves(places)
    archive.flush()
    assert archive.place_of(one.id) == places[one.id]
    assert len(files(directory)) == 1


def test_shards_of_snapshots_that_were_cut_off_are_removed(archive, directory):
    one, *_ = resolved().cells
    write_snapshots(directory, one, 0)
    [file] = (directory.path / "checkpoints").glob("*.json")
    file.unlink()
    Archive(resolved(), directory)
    assert list((directory.path / "checkpoints").iterdir()) == []


def test_snapshots_are_entered_with_the_results_of_their_cells(archive, directory):
    one, *_ = resolved().cells
    write_snapshots(directory, one, 0, 20, 40)
    archive.add(result(one))
    archive.flush()
    (file,) = (directory.path / "checkpoints").glob("*.json")
    assert [*index.read(directory.path).snapshots] == [file.name]
    file.unlink()
    with pytest.raises(ValueError, match=f"{file.name} is missing; bring it back"):
        SnapshotIndex(directory.path)
    again = Archive(resolved(), directory)
    assert again.again == {one.id}
    assert f"{file.name} is missing: its arrays set aside as " in again.notes[0]


@pytest.mark.parametrize("ended", [False, True])
def test_crossovers_of_fewer_trainings_go_as_training_begins(archive, directory, ended):
    for cell in resolved().cells[: 3 if ended else 2]:
        write_snapshots(directory, cell, 0, 20, 40)
        archive.add(result(cell))
    archive.flush()
    directory.write_table("crossover.csv", b"outcome\n")
    (directory.path / "plots").mkdir()
    (directory.path / "plots" / "crossover.png").touch()
    Archive(resolved(), directory).begin()
    assert (directory.path / "crossover.csv").exists() == ended
    assert (directory.path / "plots" / "crossover.png").exists() == ended
    assert ("crossover.csv" in index.read(directory.path).tables) == ended


def test_files_that_killed_processes_were_writing_are_removed(archive, directory):
    # A number that no system gives.
    half = unfinished(directory.path / "cells.csv")
    half = half.with_name(half.name.replace(f"-{os.getpid()}.", f"-{2**22 + 1}."))
    half.write_text("half")
    Archive(resolved(), directory)
    assert not half.exists()


def test_at_the_end_each_phase_has_the_snapshots_of_its_first_cell(
    directory, monkeypatch
):
    monkeypatch.setattr(module.figures, "redraw", lambda *_: "drawn")
    fields = resolved(snapshots="phases")
    results = [result(cell) for cell in fields.cells]
    fitted = results[0].records
    fitted[1:, SCHEMA.columns("train_accuracy")] = 1
    archive = Archive(fields, directory)
    archive.write_manifest()
    archive.note_saves(save(directory, (fields.cells[0], lane(0))))
    for cell, one in zip(fields.cells, results, strict=True):
        write_snapshots(directory, cell, 40)
        archive.add(one)
    archive.flush()
    assert archive.finish() == "drawn"
    phases = [row["phase"] for row in archive.ledger.rows()]
    assert phases == ["memorisation", "confusion", "confusion"]
    kins = {cell.kin for cell in fields.cells[:2]}
    assert SnapshotIndex(directory.path).trainings() == kins
    assert not (directory.path / "resume").exists()


def test_a_directory_of_another_grid_stays_as_it_is(directory):
    other = manifest_of(modulus=5)
    directory.write_manifest(other)
    directory.write_results([result(other.cells[0])])
    before = (directory.path / "manifest.json").read_bytes()
    with pytest.raises(ValueError, match="holds another sweep"):
        Archive(resolved(), directory)
    assert (directory.path / "manifest.json").read_bytes() == before
    assert sorted(path.name for path in directory.path.iterdir()) == [
        ".lock",
        ".lock.holder",
        "curves",
        "files.json",
        "manifest.copy.json",
        "manifest.json",
    ]


def test_a_large_run_goes_on_without_curves_in_memory(directory, monkeypatch):
    cells = resolved(snapshots="none")
    archive = Archive(cells, directory)
    archive.write_manifest()
    for evals in (4, 5):  # the first cell twice: its later result counts
        archive.add(result(cells.cells[0], evals))
        archive.flush()
    archive.add(result(cells.cells[1]))
    archive.flush()
    rows = Archive(cells, directory).ledger.rows()
    assert [row["steps"] for row in rows] == [40, 40]
    monkeypatch.setattr(cell_table, "MANY", 2)
    read = []
    read_shard = shards.read_shard

    def noted(file, known, *, curves=True):
        read.append(curves)
        return read_shard(file, known, curves=curves)

    monkeypatch.setattr(shards, "read_shard", noted)
    again = Archive(cells, directory)
    assert again.ledger.rows() == rows
    assert again.standing_rows() == rows
    # First, each is checked to its last byte, and dropped.
    assert read == [True] * 3 + [False] * 3 + [True] * 3
    # What is new is found beside it, and a longer budget needs the curves.
    assert again.starting_steps() == {}
    longer = Archive(resolved(snapshots="none", steps=(80,)), directory)
    assert longer.ledger.rows() == []
    assert read[9:] == [True] * 6
