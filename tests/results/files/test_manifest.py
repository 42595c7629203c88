"""The manifest says all of a grid, comes back from JSON whole, and is never guessed."""

import dataclasses
import json

import pytest
from handmade import manifest_of, product

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.host import machine, source
from jaxgrok.host.clock import seconds_between, utc_now
from jaxgrok.results.files import manifest_file
from jaxgrok.results.files.manifest import Manifest, Usage, describe, read_manifest
from jaxgrok.results.run_directory import RunDirectory


def saved(manifest):
    """What a manifest is once it was written and read as JSON."""
    return Manifest.from_json(json.loads(json.dumps(manifest.to_json())))


def test_every_cell_is_in_one_group_of_one_program():
    resolved = grid.resolve(
        tiny.config(modulus=23, n_train=(10, 40), train_fraction=())
    )
    manifest = describe(resolved)
    assert manifest.cells == resolved.cells
    assert manifest.axes == ("weight_decay", "n_train", "seed")
    assert [(group.train_size, len(group.cells)) for group in manifest.groups] == [
        (group.setup.train_size, 1) for group in resolved.groups
    ]
    ids = [cell_id for group in manifest.groups for cell_id in group.cells]
    assert sorted(ids) == sorted(cell.id for cell in resolved.cells)


def test_it_records_what_decides_the_bits():
    manifest = product()
    assert manifest.bits == machine.bits() | {"block_width": 2}
    assert manifest.precision == ("float32",)
    assert manifest.versions == source.versions()


def test_it_records_when_how_and_with_which_flags(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    manifest = describe(grid.resolve(tiny.config()), command="jaxgrok sweep --grid a")
    assert manifest.xla_flags == "--xla_cpu_enable_fast_math=false"
    assert manifest.command == "jaxgrok sweep --grid a"
    assert seconds_between(manifest.begun, utc_now()) < 60
    assert manifest.ended == ""


def test_it_comes_back_from_json_as_it_was():
    file = GridFile("/home/me/mine.py", "x = 1\n", "0a")
    manifest = dataclasses.replace(product(), usage=Usage(3, 8), grid_file=file)
    again = saved(manifest)
    assert json.dumps(again.to_json()) == json.dumps(manifest.to_json())
    for name in ("axes", "thresholds", "groups", "cells", "usage", "grid_file"):
        entry = getattr(again, name)
        assert type(entry) is type(getattr(manifest, name))
    assert (again.cells, again.usage, again.grid_file) == (
        manifest.cells,
        Usage(3, 8),
        file,
    )
    assert saved(product()).grid_file is None


def test_a_cell_s_network_is_built_from_what_was_saved():
    manifest = saved(manifest_of(modulus=(5, 7)))
    tasks = [manifest.network(index)[0] for index in range(len(manifest.cells))]
    assert [task.modulus for task in tasks] == [5, 7]


def test_what_a_directory_writes_is_what_is_read(tmp_path):
    manifest = product()
    with RunDirectory(tmp_path) as directory:
        directory.write_manifest(manifest)
    assert read_manifest(tmp_path) == saved(manifest)


def test_load_of_something_else_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is not a run directory.*manifest"):
        jaxgrok.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere is not a run directory"):
        jaxgrok.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "manifest.json is not JSON"), ('{"name": "app"}', "not that of a sweep")],
)
def test_a_foreign_manifest_is_refused(tmp_path, text, message):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        jaxgrok.load(tmp_path)
    with RunDirectory(tmp_path) as directory, pytest.raises(ValueError, match=message):
        directory.manifest()


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_a_manifest_with_an_entry_too_few_or_too_many_is_refused(tmp_path, change):
    entries = product().to_json() | {"colour": "green"}
    if change == "missing":
        del entries["colour"], entries["title"]
    manifest_file.write(tmp_path, json.dumps(entries), edition=1)
    with pytest.raises(ValueError, match=r"is not that of a sweep \(.*choose another"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("name", ["x" * 9_000, "x\n" * 9_000])
def test_an_entry_with_a_long_name_is_refused_in_one_line(tmp_path, name):
    text = json.dumps(product().to_json() | {name: 1})
    manifest_file.write(tmp_path, text, edition=1)
    with pytest.raises(ValueError, match="is not that of a sweep") as caught:
        read_manifest(tmp_path)
    words = str(caught.value).replace(str(tmp_path), "")
    assert len(words) < 300 and "\n" not in words
