"""What a grid takes over from a run directory, and which directories it refuses."""

import dataclasses
import json

import pytest
from handmade import all_results, result, rewrite, write

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.host import machine
from jaxgrok.results.adoption import adopt
from jaxgrok.results.files.manifest import describe, read_manifest
from jaxgrok.results.run_directory import RunDirectory


def adopted(path, *, mixed_bits=False, kept=(), **fields):
    resolved = grid.resolve(tiny.config(**fields))
    with RunDirectory(path) as directory:
        return adopt(
            directory, resolved, describe(resolved), dict(kept), mixed_bits=mixed_bits
        )


def finished(path, **fields):
    manifest = describe(grid.resolve(tiny.config(**fields)))
    return write(path, manifest, all_results(manifest))


def elsewhere(path, **bits):
    """Let a directory say that it was computed on another machine."""
    rewrite(path, bits=read_manifest(path).bits | bits)


def contents(path):
    return {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"modulus": 5}, "modulus is 7 there and 5 here"),
        ({"weight_decay": (0.1,)}, "weight_decay is"),
        ({"d_mlp": 32}, "d_mlp is 16 there and 32 here"),
    ],
)
def test_another_sweep_s_directory_is_refused_with_the_difference(
    tmp_path, fields, words
):
    path = finished(tmp_path, weight_decay=(0.1, 1.0), seed=(0, 1, 2))
    other = {"weight_decay": (0.1, 1.0), "seed": (0, 1, 2)} | fields
    with pytest.raises(ValueError, match="another --out") as error:
        adopted(path, **other)
    message = str(error.value)
    assert message.startswith(f"out={path} holds another sweep: {words}")
    assert "beta1" not in message


def test_a_directory_without_results_pins_nothing(tmp_path):
    manifest = describe(grid.resolve(tiny.config(seed=(0, 1))))
    path = write(tmp_path, manifest)
    for fields in ({"seed": (0,)}, {"block_width": 1}, {"modulus": 5}):
        assert adopted(path, **fields).results == {}
    failed = [dataclasses.replace(r, status="failed") for r in all_results(manifest)]
    write(path, manifest, failed)
    assert adopted(path, block_width=1).results == {}
    write(path, manifest, all_results(manifest)[:1])
    with pytest.raises(ValueError, match="not in this grid"):
        adopted(path, seed=(1,))
    with pytest.raises(ValueError, match=r"--grid\.block_width=2"):
        adopted(path, block_width=1, seed=(0, 1, 2))


def test_cells_in_flight_of_another_arithmetic_start_anew(tmp_path):
    path = write(tmp_path, describe(grid.resolve(tiny.config())))
    for name in ("checkpoints", "resume"):
        (path / name).mkdir()
    assert adopted(path).notes == ()
    assert (path / "resume").exists()
    assert adopted(path, block_width=1, mixed_bits=True).elsewhere
    assert (path / "resume").exists()
    (note,) = adopted(path, block_width=1).notes
    assert "block_width=2, here it is 1: its cells in flight start anew" in note
    assert not (path / "resume").exists() and not (path / "checkpoints").exists()


def test_another_machine_is_refused_with_what_differs_and_both_ways_out(tmp_path):
    path = finished(tmp_path)
    elsewhere(path, cpu_threads=999, jaxlib="0.0.1")
    before = contents(path)
    there = adopted(path)  # nothing is left to train
    assert (there.elsewhere, there.manifest.bits["cpu_threads"]) == (False, 999)
    with pytest.raises(ValueError, match="mixed_bits") as error:
        adopted(path, seed=(0, 1))
    assert contents(path) == before
    words = str(error.value)
    assert "jaxlib=0.0.1, here it is " in words
    assert "cpu_threads=999, here it is " in words
    assert "pip install jaxlib==0.0.1, NPROC=999" in words
    assert "go on with --mixed_bits" in words
    assert "\n" not in words


def test_for_another_processor_there_is_no_setting(tmp_path):
    path = finished(tmp_path)
    elsewhere(path, device="abacus", cpu_threads=999)
    with pytest.raises(ValueError, match="device=abacus") as error:
        adopted(path, seed=(0, 1))
    assert "NPROC" not in str(error.value)
    assert "--mixed_bits" in str(error.value)


def test_with_mixed_bits_it_goes_on_and_says_so(tmp_path):
    path = finished(tmp_path)
    elsewhere(path, cpu_threads=999)
    found = adopted(path, seed=(0, 1), mixed_bits=True)
    assert found.elsewhere
    assert len(found.results) == 1
    assert "cpu_threads=999" in found.notes[0]
    assert found.manifest.bits == machine.bits() | {"block_width": 2}


def test_another_format_is_read_and_not_written(tmp_path):
    path = finished(tmp_path)
    entries = json.loads((path / "manifest.json").read_text())
    assert next(iter(entries)) == "format"
    rewrite(path, format=3, versions={"jaxgrok": "9.9"})
    words = "has format 3, written by jaxgrok 9.9; this one reads formats up to 2"
    with pytest.raises(ValueError, match=words):
        jaxgrok.load(path)
    with pytest.raises(ValueError, match=words):
        adopted(path)


def test_an_earlier_format_is_refused_in_a_line_that_names_its_version(
    tmp_path, monkeypatch
):
    path = finished(tmp_path)
    monkeypatch.setattr("jaxgrok.results.files.manifest.FORMAT", 3)
    monkeypatch.setattr("jaxgrok.results.adoption.FORMAT", 3)
    jaxgrok.load(path)
    with pytest.raises(ValueError, match=r"has format 2, of jaxgrok .*writes format 3"):
        adopted(path)


def test_finished_cells_without_wanted_snapshots_are_trained_again(tmp_path):
    path = finished(tmp_path, seed=(0, 1, 2))
    cells = grid.resolve(tiny.config(seed=(0, 1, 2))).cells
    every = {cells[0].kin: {0, 20, 40}, cells[1].kin: {0, 20}}
    fields = {"snapshot_early_until": 0, "snapshot_every": 20, "seed": (0, 1, 2)}
    assert adopted(path, kept=every, **fields).again == frozenset()
    found = adopted(path, kept=every, snapshots="all", **fields)
    assert found.again == {cells[1].id, cells[2].id}
    assert found.notes == (
        "2 finished cells lack snapshots that snapshots='all' asks for: trained again, "
        "to the same bits, 80 steps in all",
    )
    assert adopted(path, kept=every, snapshots="0", **fields).again == frozenset()


def test_one_training_of_each_phase_is_enough_where_phases_are_wanted(tmp_path):
    manifest = describe(grid.resolve(tiny.config(seed=(0, 1, 2, 3))))
    results = [result(cell) for cell in manifest.cells]  # all of one phase
    results[3] = result(manifest.cells[3], evals=3, status="diverged")
    path = write(tmp_path, manifest, results)
    fields = {"snapshot_every": 20, "snapshot_early_until": 0, "seed": (0, 1, 2, 3)}
    fields["snapshots"] = "phases"
    ids = [cell.id for cell in manifest.cells]
    assert adopted(path, **fields).again == {ids[0], ids[3]}
    kept = {manifest.cells[1].kin: {0, 20, 40}}
    assert adopted(path, kept=kept, **fields).again == {ids[3]}
    kept[manifest.cells[3].kin] = {0}
    assert adopted(path, kept=kept, **fields).again == frozenset()
