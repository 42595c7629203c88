"""A sweep into a store of objects ends as one on a disk, to the last bit."""

import shutil
from contextlib import contextmanager

import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok.fleet import chores
from jaxgrok.fleet.chores import Period
from jaxgrok.host.files import object_lock
from jaxgrok.host.files.paths import as_path
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep import coordinator, run
from jaxgrok.sweep import figures as sweep_figures
from runs import FIELDS, StopAfter, same

SNAPSHOTS = FIELDS | {"snapshots": "all", "final_states": "all"}


@pytest.fixture(scope="module")
def whole(with_figures, tmp_path_factory):
    """A run on a disk."""
    path = tmp_path_factory.mktemp("whole")
    jaxgrok.run(tiny.config(**SNAPSHOTS), path, blocks=2, quiet=True)
    return path


@pytest.fixture(autouse=True)
def figures(request, monkeypatch):
    """No figures, but where a test asks for them: they take most of the time."""
    if "figures" not in request.node.originalname:
        monkeypatch.setattr(sweep_figures, "sweep_figures", lambda _: iter(()))


@pytest.fixture
def out(bucket):
    return as_path(f"{bucket}/runs/x")


def same_with_snapshots(found, want):
    same(found, want)
    found, want = jaxgrok.open(found), jaxgrok.open(want)
    indices = want.indices_with_snapshots()
    assert found.indices_with_snapshots() == indices != []
    for index in indices:
        pairs = zip(
            found.cell(index).trajectory(), want.cell(index).trajectory(), strict=True
        )
        steps, params = next(pairs)
        np.testing.assert_array_equal(steps, params)
        arrays, expected = next(pairs)
        assert arrays.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(arrays[name], array)


def names(folder):
    return [path.name for path in folder.iterdir()]


def stop_after(monkeypatch, out, asked, **fields):
    """Run, and stop once that has been asked for so many times."""

    @contextmanager
    def stopping():
        yield StopAfter(asked)

    with monkeypatch.context() as patch:
        patch.setattr(coordinator, "ANSWER_SECONDS", 0.0)
        patch.setattr(run, "asked_to_stop", stopping)
        with pytest.raises(run.Interrupted):
            jaxgrok.run(tiny.config(**fields), out, blocks=1, quiet=True)


@pytest.mark.long
def test_it_equals_one_on_a_disk_and_leaves_the_same_files_and_figures(whole, out):
    jaxgrok.run(tiny.config(**SNAPSHOTS), str(out), blocks=1, quiet=True)
    same_with_snapshots(out, whole)
    assert {*names(out)} - {".locks"} == {p.name for p in whole.iterdir()} - {".lock"}
    assert names(out / "plots") == sorted(p.name for p in (whole / "plots").iterdir())
    assert all(path.suffix == ".npz" for path in (out / "checkpoints").iterdir())


@pytest.mark.parametrize("asked", [3, 14])
def test_stopped_it_goes_on_from_its_lanes(whole, out, monkeypatch, asked):
    # Saved in passing too, as if it were killed between two saves.
    for name in ("flush", "save"):
        monkeypatch.setitem(chores.PERIODS, name, Period(0.0, 0.0))
    stop_after(monkeypatch, out, asked, **SNAPSHOTS)
    assert names(out / "resume")
    jaxgrok.run(tiny.config(**SNAPSHOTS), out, blocks=2, quiet=True)
    same_with_snapshots(out, whole)
    assert "resume" not in names(out)
    assert "status.json" not in names(out)


def test_a_longer_budget_goes_on_from_final_states(out, tmp_path):
    fields = {"seed": (0, 1), "final_states": "all", "snapshots": "all"}
    jaxgrok.run(tiny.config(**fields, steps=(20,)), out, quiet=True)
    usage = jaxgrok.open(out).manifest.usage.busy
    jaxgrok.run(tiny.config(**fields, steps=(40,)), out, quiet=True)
    jaxgrok.run(tiny.config(**fields, steps=(40,)), tmp_path / "a", quiet=True)
    same_with_snapshots(out, tmp_path / "a")
    # Half of the steps were not made again.
    assert jaxgrok.open(out).manifest.usage.busy == 2 * usage


def test_of_each_phase_one_cell_keeps_its_snapshots(out, tmp_path):
    fields = FIELDS | {"snapshots": "phases"}
    for folder in (out, tmp_path):
        jaxgrok.run(tiny.config(**fields), folder, quiet=True)
    same_with_snapshots(out, tmp_path)


@pytest.mark.long
def test_a_run_may_be_copied_from_and_to_a_disk(whole, out, tmp_path):
    # The trees of a disk are read in the store, and go on there.
    out.copy_from(whole)
    same_with_snapshots(out, whole)
    longer = {**SNAPSHOTS, "steps": (60,)}
    jaxgrok.run(tiny.config(**longer), out, quiet=True)
    shutil.copytree(whole, tmp_path / "a")
    jaxgrok.run(tiny.config(**longer), tmp_path / "a", quiet=True)
    same_with_snapshots(out, tmp_path / "a")
    # And the objects on a disk.
    out.copy_to(tmp_path / "b")
    same_with_snapshots(tmp_path / "b", tmp_path / "a")


def test_a_second_sweep_is_refused_while_the_first_trains(out, monkeypatch):
    for name in ("BEAT", "LOOK"):
        monkeypatch.setattr(object_lock, name, 0.05)
    with (
        RunDirectory(out),
        pytest.raises(ValueError, match=r"is held by a running sweep \(process \d+ on"),
    ):
        jaxgrok.run(tiny.config(), out, quiet=True)


def test_a_sweep_that_was_replaced_writes_nothing_more(out, monkeypatch):
    monkeypatch.setitem(chores.PERIODS, "flush", Period(0.0, 0.0))
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", 0.0)

    def replace(cell):
        # As another machine does once this one has been silent for a minute.
        (out / ".locks" / "00000009").write_bytes(b'{"holder": "process 7 on b"}')
        held.append({path.url: path.read_bytes() for path in files(out)})

    def files(folder):
        for path in folder.iterdir():
            yield from files(path) if path.is_dir() else [path]

    held = []
    with pytest.raises(run.Interrupted) as stopped:
        jaxgrok.run(tiny.config(**FIELDS), out, blocks=1, quiet=True, on_cell=replace)
    assert "process 7 on b has taken over its lock" in str(stopped.value)
    assert "free space" not in str(stopped.value)
    assert stopped.value.exit_code == 1
    assert {path.url: path.read_bytes() for path in files(out)} == held[0]
