"""What a sweep writes is compared with what the disk has, before it begins."""

import shutil
from collections import namedtuple

import pytest

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.host.files import paths
from jaxgrok.sweep import estimate, free_space, plan

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def resolved():
    fields = {"seed": (0, 1, 2, 3), "snapshots": "all", "stop": "steps"}
    return grid.resolve(tiny.config(**fields))


@pytest.fixture
def free(monkeypatch):
    """Let the disk have so many bytes."""

    def set_free(n_bytes):
        usage = Usage(2 * n_bytes, n_bytes, n_bytes)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    return set_free


def test_all_that_is_written_is_counted_for_the_cells_that_are_open(resolved):
    needs = free_space.needs_of(resolved, (), blocks=1)
    rows = 4 * free_space.CELL_BYTES
    assert needs.results == rows + estimate.curve_bytes(resolved)
    assert needs.least == rows + estimate.curve_bytes(resolved) // 2
    assert needs.others["snapshots"] == estimate.snapshot_bytes(resolved)
    assert needs.others["final states"] == estimate.state_bytes(resolved)
    assert needs.total > needs.results + estimate.snapshot_bytes(resolved)
    ended = {cell.id for cell in resolved.cells[:2]}
    assert free_space.needs_of(resolved, ended, blocks=1).results == needs.results // 2
    every = {cell.id for cell in resolved.cells}
    assert free_space.needs_of(resolved, every, blocks=1).total == 0


def test_saves_are_of_the_lanes_that_train_at_a_time(resolved):
    saves = [
        free_space.needs_of(resolved, (), blocks=n).others["saves"] for n in (1, 2, 9)
    ]
    assert 0 < saves[0] == saves[1] / 2 == saves[2] / 2


def test_cells_that_may_end_early_are_refused_for_their_rows_alone():
    early = grid.resolve(tiny.config(stop="grokked", steps=(10_000_000,)))
    least = free_space.needs_of(early, (), blocks=1).least
    assert least == free_space.CELL_BYTES * len(early.cells)


def test_what_fits_says_nothing_and_what_may_not_is_a_warning(resolved, free, tmp_path):
    needs = free_space.needs_of(resolved, (), blocks=1)
    free(needs.total)
    assert free_space.check(resolved, (), tmp_path, blocks=1) == []
    free(needs.total - 1)
    (line,) = free_space.check(resolved, (), tmp_path, blocks=1)
    assert line.startswith(f"warning: {tmp_path} has ")
    assert "of results, " in line and "of snapshots" in line
    free(needs.least)
    assert len(free_space.check(resolved, (), tmp_path, blocks=1)) == 1
    free(needs.least - 1)
    with pytest.raises(ValueError, match=r"and the results alone take .*; free space"):
        free_space.check(resolved, (), tmp_path, blocks=1)


def test_a_sweep_whose_results_do_not_fit_trains_nothing(free, tmp_path):
    free(100)
    with pytest.raises(ValueError, match=r"^out=.*/a has 0\.1 kB free"):
        jaxgrok.run(tiny.config(), tmp_path / "a", quiet=True)
    assert not (tmp_path / "a" / "manifest.json").exists()


def test_the_plan_says_it_too(resolved, free, tmp_path):
    free(free_space.needs_of(resolved, (), blocks=1).least)
    lines = plan.outline(resolved, 1, tmp_path / "new" / "run").splitlines()
    assert lines[-1].startswith(f"warning: {tmp_path}/new/run has ")


def test_of_a_store_of_objects_nobody_knows(resolved, free):
    free(0)
    url = paths.as_path("memory://bucket/run")
    assert free_space.check(resolved, (), url, blocks=1) == []
