"""A full disk: results first, one line, and the same command goes on."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok.fleet import chores
from jaxgrok.fleet.chores import Period
from jaxgrok.host.files import trees
from jaxgrok.results import run_directory, snapshots
from jaxgrok.results.files import final_states, resume, shards, snapshot_files
from jaxgrok.sweep import coordinator, run
from runs import same

SPARSE = {"snapshot_every": 20, "snapshot_early_until": 0}


def config(**fields):
    return tiny.config(**({"seed": (0, 1, 2), "snapshots": "all"} | SPARSE | fields))


def refuse(path, *_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole")
    jaxgrok.run(config(), path, blocks=1, quiet=True)
    return path


def interruption(out, **options):
    with pytest.raises(run.Interrupted) as caught:
        jaxgrok.run(config(), out, blocks=1, quiet=True, **options)
    words = str(caught.value)
    assert words.startswith(f"out={out} cannot be written (No space left on device); ")
    assert words.endswith("; free space there")
    assert caught.value.exit_code == 1
    return words


def finished(out):
    return int((jaxgrok.load(out).status == "done").sum())


def same_snapshots(found, want):
    """All cells have the same snapshots at the same steps."""
    for cell in range(3):
        steps, params = jaxgrok.load_trajectory(found, cell)
        want_steps, want_params = jaxgrok.load_trajectory(want, cell)
        np.testing.assert_array_equal(steps, want_steps)
        for name, weights in want_params.items():
            np.testing.assert_array_equal(params[name], weights)


def test_results_are_written_where_snapshots_do_not_fit(tmp_path, monkeypatch, whole):
    with monkeypatch.context() as patch:
        patch.setattr(snapshot_files, "write_tree", refuse)
        words = interruption(tmp_path / "a")
    assert "; 3 cells finished; " in words
    assert finished(tmp_path / "a") == 3
    jaxgrok.run(config(), tmp_path / "a", blocks=1, quiet=True)
    same(tmp_path / "a", whole)
    same_snapshots(tmp_path / "a", whole)


def test_a_snapshot_that_is_lost_is_in_no_state_either(tmp_path, monkeypatch, whole):
    """Lanes saved after it would go on without it: they go on from before it."""
    written = []

    def once(path, tree, **options):
        written.append(path)
        if len(written) > 1:
            refuse(path)
        return trees.write_tree(path, tree, **options)

    with monkeypatch.context() as patch:
        patch.setitem(chores.PERIODS, "save", Period(0.0, spacing=0))
        patch.setattr(snapshots, "SHARD_BYTES", 1)  # each snapshot is written at once
        patch.setattr(snapshot_files, "write_tree", once)
        interruption(tmp_path / "a")
    jaxgrok.run(config(), tmp_path / "a", blocks=1, quiet=True)
    same(tmp_path / "a", whole)
    same_snapshots(tmp_path / "a", whole)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (shards, "write_packed"),  # curves
        (run_directory.RunDirectory, "write_table"),
        (run_directory, "write_atomically"),  # the manifest
        (resume, "write_packed"),
        (final_states, "write_packed"),
    ],
    ids=["curves", "table", "manifest", "state", "final"],
)
def test_whatever_is_refused_is_one_line_and_goes_on(
    tmp_path, monkeypatch, whole, module, name
):
    with monkeypatch.context() as patch:
        patch.setattr(coordinator, "ANSWER_SECONDS", 0.0)
        patch.setitem(chores.PERIODS, "save", Period(0.0, spacing=0))
        patch.setattr(module, name, refuse)
        interruption(tmp_path / "a")
    jaxgrok.run(config(), tmp_path / "a", blocks=1, quiet=True)
    same(tmp_path / "a", whole)


@pytest.mark.usefixtures("with_figures")
def test_a_disk_that_fills_while_figures_are_drawn_has_all_results(
    tmp_path, monkeypatch
):
    from jaxgrok.sweep import figures

    with monkeypatch.context() as patch:
        patch.setattr(figures, "save", refuse)
        assert "; 3 cells finished; " in interruption(tmp_path / "a")
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert len(manifest["cells"]) == finished(tmp_path / "a") == 3
    assert Path(tmp_path / "a" / "cells.csv").read_text().count("\n") == 4
