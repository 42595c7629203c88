"""The cells of a large manifest in a file of their own."""

import dataclasses
import math

import pytest
from handmade import manifest_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tiny
from jaxgrok import grid
from jaxgrok.grid.cells import Cell
from jaxgrok.results.files import cell_table
from jaxgrok.results.files.manifest import describe, read_manifest
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.results.status import read_status

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2),
)
ENTRIES = st.dictionaries(st.sampled_from(["seed", "steps", "loss", "a-b"]), VALUES)


def exactly(value):
    """A value with its types, which `==` does not look at; NaN equals itself here."""
    if isinstance(value, dict):
        return {name: exactly(item) for name, item in value.items()}
    return repr(value)


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(st.tuples(ENTRIES, ENTRIES, ENTRIES, st.booleans()), min_size=1))
def test_cells_come_back_as_they_were(tmp_path, rows):
    cells = [
        Cell(f"{i:016x}", f"{i + 1:016x}", *dicts, tested)
        for i, (*dicts, tested) in enumerate(rows)
    ]
    members = [[cell.id for cell in cells[::2]], [cell.id for cell in cells[1::2]]]
    name = cell_table.write(tmp_path, cells, members)
    again, groups = cell_table.read(tmp_path, name)
    assert [exactly(vars(c)) for c in again] == [exactly(vars(c)) for c in cells]
    assert groups == [tuple(ids) for ids in members]


def test_an_axis_that_a_part_lacks_is_not_a_number(tmp_path):
    cell = Cell("0" * 16, "1" * 16, {"modulus": math.nan}, {}, {}, True)
    (again,), _ = cell_table.read(tmp_path, cell_table.write(tmp_path, [cell], []))
    assert math.isnan(again.axes["modulus"])


@pytest.fixture
def many(monkeypatch):
    """Five cells are many."""
    monkeypatch.setattr(cell_table, "MANY", 4)


def test_a_large_manifest_is_read_as_it_was(tmp_path, many):
    fields = {"seed": tuple(range(5)), "modulus": (5, 7)}
    manifest = manifest_of(**fields)
    with RunDirectory(tmp_path) as directory:
        directory.write_manifest(manifest)
        again = read_manifest(tmp_path)
        assert again.cells == manifest.cells
        assert again.groups == manifest.groups
        assert len(manifest.groups) == 2
        assert (tmp_path / "manifest.json").read_text().count(manifest.cells[0].id) == 0
        (file,) = tmp_path.glob("cells-*.npz")
        before = file.stat().st_mtime_ns
        directory.write_manifest(dataclasses.replace(manifest, ended="now"))
        assert file.stat().st_mtime_ns == before
        assert read_manifest(tmp_path).ended == "now"
        assert read_status(tmp_path).cells == 10


def test_one_that_grew_leaves_no_old_file(tmp_path, many):
    for seeds in (5, 6):
        with RunDirectory(tmp_path) as directory:
            directory.write_manifest(manifest_of(seed=tuple(range(seeds))))
            assert len(read_manifest(tmp_path).cells) == seeds
    assert len(list(tmp_path.glob("cells-*.npz"))) == 1


def test_up_to_so_many_it_is_all_in_manifest_json(tmp_path, many):
    manifest = describe(grid.resolve(tiny.config(seed=(0, 1, 2, 3))))
    with RunDirectory(tmp_path) as directory:
        directory.write_manifest(manifest)
    assert not list(tmp_path.glob("cells-*"))
    assert read_manifest(tmp_path).cells == manifest.cells


def test_a_missing_or_damaged_file_is_named(tmp_path, many):
    with RunDirectory(tmp_path) as directory:
        directory.write_manifest(manifest_of(seed=tuple(range(5))))
    (file,) = tmp_path.glob("cells-*.npz")
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"cells-.*npz is damaged; the run cannot"):
        read_manifest(tmp_path)
    file.unlink()
    with pytest.raises(ValueError, match=r"cells-.*npz is missing; the run cannot"):
        read_manifest(tmp_path)


def test_a_run_killed_before_its_first_manifest_starts_anew(tmp_path, many):
    manifest = manifest_of(seed=tuple(range(5)))
    cell_table.write(tmp_path, manifest.cells, [])
    with RunDirectory(tmp_path) as directory:
        assert directory.manifest() is None
