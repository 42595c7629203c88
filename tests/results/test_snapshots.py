"""Snapshots: complete, cheap to read alone, and the training does not notice them."""

import functools
import json
from contextlib import contextmanager

import jax
import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.results import run_directory, snapshots
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.sweep import run
from jaxgrok.training import trainer
from jaxgrok.training.setup import lane_of
from runs import StopAfter

DENSE = {"snapshot_every": 20, "snapshot_early_every": 3, "snapshot_early_until": 12}


def config(**fields):
    return tiny.config(**({"seed": (0, 1, 2), "snapshots": "all"} | DENSE | fields))


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "all"
    jaxgrok.run(config(), out, quiet=True)
    return out


def test_every_scheduled_step_is_kept(run_dir):
    steps, params = jaxgrok.load_trajectory(run_dir, "seed=1")
    assert steps.tolist() == [0, 3, 6, 9, 12, 20, 40]
    assert params["mlp.W_in"].shape == (7, 7, 16)


def test_snapshots_are_the_parameters_of_that_step(run_dir):
    dataset = jaxgrok.load(run_dir)
    for seed in (0, 1, 2):
        for step in (0, 20, 40):
            params = jaxgrok.load_params(run_dir, {"seed": seed}, step)
            recorded = dataset.sum_of_squares.sel(seed=seed, step=step).squeeze()
            assert set(params) == set(recorded.matrix.values)
            for name, w in params.items():
                np.testing.assert_allclose(
                    np.sum(w**2), recorded.sel(matrix=name), rtol=1e-5, err_msg=name
                )


@pytest.mark.parametrize("n_bytes", [1, snapshots.READ_BYTES])
def test_many_trainings_are_read_as_each_alone(run_dir, monkeypatch, n_bytes):
    monkeypatch.setattr(snapshots, "READ_BYTES", n_bytes)
    index = snapshots.SnapshotIndex(run_dir)
    kins = sorted(index.trainings())
    wanted = [(kins[2], 40), (kins[0], 3), (kins[2], 20)]
    every_params = [*index.each(wanted)]
    assert len(every_params) == 3
    for (kin, step), params in zip(wanted, every_params, strict=True):
        alone = index.load(kin, [step])
        assert params.keys() == alone.keys()
        for name in params:
            np.testing.assert_array_equal(params[name], alone[name][0])
    assert [*index.each([])] == []


def test_a_step_between_evaluations_is_that_very_step(run_dir):
    (group,) = grid.resolve(config()).groups
    lane = lane_of(group.setup, **group.cells[2].lane)
    init = functools.partial(trainer.init, group.setup)
    state = jax.jit(init)(lane)
    train = jax.jit(functools.partial(trainer.train, group.setup))
    kept = jaxgrok.load_params(run_dir, "seed=2", 9)
    for name, w in train(lane, state, 9).params.items():
        np.testing.assert_allclose(kept[name], w, rtol=1e-4, atol=1e-6, err_msg=name)


def test_training_does_not_notice(run_dir, tmp_path):
    without = jaxgrok.run(config(snapshots="none"), tmp_path / "none", quiet=True)
    assert without.drop_attrs().identical(jaxgrok.load(run_dir).drop_attrs())
    table = (run_dir / "cells.csv").read_text()
    assert (tmp_path / "none" / "cells.csv").read_text() == table
    assert not (tmp_path / "none" / "checkpoints").exists()


def test_only_the_listed_cells(tmp_path):
    jaxgrok.run(config(snapshots="seed=2; 0"), tmp_path / "r", quiet=True)
    assert len(jaxgrok.load_trajectory(tmp_path / "r", 0)[0]) == 7
    assert len(jaxgrok.load_trajectory(tmp_path / "r", 2)[0]) == 7
    with pytest.raises(ValueError, match="cell 1 has no snapshots; cells 0, 2 have"):
        jaxgrok.load_params(tmp_path / "r", 1)


def test_one_per_phase(tmp_path):
    fields = {"weight_decay": (0.0, 1.0), "train_fraction": (0.1, 1.0)}
    wanted = config(snapshots="phases", steps=(60,), seed=(0, 1), **fields)
    dataset = jaxgrok.run(wanted, tmp_path / "r", quiet=True)
    phases = dataset.phase.values.ravel()
    assert len(set(phases)) > 1
    first = {phases.tolist().index(phase) for phase in set(phases)}
    for cell in range(phases.size):
        if cell in first:
            steps, params = jaxgrok.load_trajectory(tmp_path / "r", cell)
            assert steps.tolist() == [0, 3, 6, 9, 12, 20, 40, 60]
            assert np.isfinite(params["mlp.W_in"]).all()
        else:
            with pytest.raises(ValueError, match="no snapshots"):
                jaxgrok.load_params(tmp_path / "r", cell)


def test_parameters_that_are_not_finite_are_not_kept(tmp_path):
    config_ = config(seed=(0,), learning_rate=(1e-3, 1e30))
    dataset = jaxgrok.run(config_, tmp_path / "r", quiet=True)
    assert dataset.status.values.ravel().tolist() == ["done", "diverged"]
    for cell in (0, 1):
        steps, params = jaxgrok.load_trajectory(tmp_path / "r", cell)
        assert (steps[0], len(steps) < 7) == (0, cell == 1)
        assert all(np.isfinite(w).all() for w in params.values())


def _stop_after(monkeypatch, dispatches):
    """Ask the sweep to stop after so many dispatches, as Ctrl-C does."""

    @contextmanager
    def stopping():
        # It is also asked before an engine is built, and when it is.
        yield StopAfter(dispatches + 1)

    monkeypatch.setattr(run, "asked_to_stop", stopping)


@pytest.mark.parametrize("dispatches", [1, 3, 6])
def test_a_stopped_sweep_goes_on_to_the_same_snapshots(
    run_dir, tmp_path, monkeypatch, dispatches
):
    with monkeypatch.context() as patch:
        _stop_after(patch, dispatches)
        with pytest.raises(run.Interrupted):
            jaxgrok.run(config(), tmp_path / "r", blocks=1, quiet=True)
    jaxgrok.run(config(), tmp_path / "r", quiet=True)
    for cell in range(3):
        steps, params = jaxgrok.load_trajectory(tmp_path / "r", cell)
        whole = jaxgrok.load_trajectory(run_dir, cell)
        assert steps.tolist() == whole[0].tolist()
        for name, w in params.items():
            np.testing.assert_array_equal(w, whole[1][name])


def test_finished_cells_have_their_snapshots_on_disk(tmp_path, monkeypatch):
    """A kill without warning may come right after a shard of results."""
    seen = []
    original = run_directory.RunDirectory.write_results

    def write_results(self, results):
        results = list(results)
        original(self, results)
        index = snapshots.SnapshotIndex(self.path)
        by_id = {cell.id: cell.kin for cell in self.manifest().cells}
        seen.extend(index.steps(by_id[result.cell_id])[-1] for result in results)

    monkeypatch.setattr(run_directory.RunDirectory, "write_results", write_results)
    jaxgrok.run(config(), tmp_path / "r", quiet=True)
    assert seen == [40, 40, 40]


def test_many_shards_read_as_one(run_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "SHARD_BYTES", 1)
    jaxgrok.run(config(), tmp_path / "r", quiet=True)
    assert len(list((tmp_path / "r" / "checkpoints").glob("*.json"))) > 3
    whole = jaxgrok.load_trajectory(run_dir, 1)
    steps, params = jaxgrok.load_trajectory(tmp_path / "r", 1)
    assert steps.tolist() == whole[0].tolist()
    for name, w in params.items():
        np.testing.assert_array_equal(w, whole[1][name])


def test_reading_a_cell_reads_its_arrays_alone(run_dir, monkeypatch):
    asked = []
    original = snapshots.Shard.arrays

    def arrays(self, kins):
        asked.append(set(kins))
        return original(self, kins)

    monkeypatch.setattr(snapshots.Shard, "arrays", arrays)
    jaxgrok.load_trajectory(run_dir, 1)
    kin = read_manifest(run_dir).cells[1].kin
    assert asked and all(names == {kin} for names in asked)


def test_a_shard_cut_off_while_written_does_not_count(tmp_path):
    jaxgrok.run(config(seed=(0,)), tmp_path / "r", quiet=True)
    stray = tmp_path / "r" / "checkpoints" / "00000000000000000001-1-0-local"
    stray.mkdir()
    assert len(jaxgrok.load_trajectory(tmp_path / "r", 0)[0]) == 7
    jaxgrok.run(config(seed=(0, 1)), tmp_path / "r", quiet=True)
    assert not stray.exists()
    assert len(jaxgrok.load_trajectory(tmp_path / "r", 1)[0]) == 7


def test_a_longer_budget_goes_on_with_the_snapshots(tmp_path):
    jaxgrok.run(config(seed=(0,)), tmp_path / "r", quiet=True)
    before = len(list((tmp_path / "r" / "checkpoints").glob("*.json")))
    jaxgrok.run(config(seed=(0,), steps=(60,)), tmp_path / "r", quiet=True)
    steps, _ = jaxgrok.load_trajectory(tmp_path / "r", 0)
    assert steps.tolist() == [0, 3, 6, 9, 12, 20, 40, 60]
    heads = sorted((tmp_path / "r" / "checkpoints").glob("*.json"))[before:]
    new = [json.loads(head.read_text())["steps"] for head in heads]
    assert [list(steps.values()) for steps in new] == [[[60]]]


def test_float64_snapshots_keep_their_precision(tmp_path):
    rows = np.arange(6.0).reshape(2, 3) + 1e-12
    with snapshots.Writer(tmp_path) as writer:
        for step in (0, 1):
            writer.add("kin", step, rows[step], {"b": (1,), "W": (2, 1)})
        writer.flush()
    params = snapshots.SnapshotIndex(tmp_path).load("kin", [0, 1])
    assert params["W"].shape == (2, 2, 1) and params["W"].dtype == np.float64
    np.testing.assert_array_equal(params["W"][..., 0], rows[:, 1:])


@pytest.mark.parametrize(
    ("cell", "step", "words"),
    [
        (0, 7, r"step=7 of cell 0 was not kept; the nearest is 6, the last 40"),
        (3, None, r"cell 3 does not exist; take 0 … 2"),
        ("weight_decay=1.0", None, r"fits 3 cells; say more: seed"),
        ("seed=9", None, r"no cell has seed=9; there are 0, 1, 2"),
        ("width=9", None, r"axis 'width' is unknown; axes are weight_decay"),
        ("seed", None, r"cell 'seed' is not understood; write an index"),
    ],
)
def test_what_was_not_kept_is_refused_in_one_line(run_dir, cell, step, words):
    with pytest.raises(ValueError, match=words) as error:
        jaxgrok.load_params(run_dir, cell, step)
    assert "\n" not in str(error.value)


def test_a_directory_without_a_sweep(tmp_path):
    with pytest.raises(FileNotFoundError, match="not a run directory"):
        jaxgrok.load_params(tmp_path, 0)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"snapshots": "some"}, "snapshots='some': .*take none, all, phases"),
        ({"snapshots": "seed=7"}, "no cell has seed=7"),
        ({"snapshot_every": 0}, "snapshot_every=0 must be at least 1"),
        ({"snapshot_early_until": -1}, "snapshot_early_until=-1 must be at least 0"),
    ],
)
def test_bad_fields(fields, words):
    with pytest.raises(ValueError, match=words):
        grid.resolve(config(**fields))
