"""A run directory as it is read: everything once, nothing that it names executed."""

import json
import shutil
from pathlib import Path

import handmade
import numpy as np
import pytest
from handmade import rewrite

import jaxgrok
import tiny
from jaxgrok.analyse import __main__ as analyse
from jaxgrok.circuits.network import read
from jaxgrok.export import __main__ as export
from jaxgrok.results import run as runs_module
from jaxgrok.results.files import cell_table
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.results.run import open_run
from jaxgrok.tasks import TASKS

FIELDS = {"seed": (0, 1), "equals_logit": False, "snapshot_early_until": 0}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "r"
    config = tiny.config(snapshots="seed=1", snapshot_every=20, **FIELDS)
    jaxgrok.run(config, out, quiet=True)
    return out


@pytest.fixture
def run(run_dir):
    return jaxgrok.open(run_dir)


def test_an_open_run_is_taken_where_a_path_is(run, run_dir):
    assert open_run(run) is run
    assert jaxgrok.load(run).identical(jaxgrok.load(run_dir))
    assert jaxgrok.cells(run).equals(jaxgrok.cells(str(run_dir)))
    assert jaxgrok.curves(run).equals(jaxgrok.curves(run_dir))
    params = jaxgrok.load_params(run, "seed=1")
    for name, array in run.cell(1).params(40).items():
        np.testing.assert_array_equal(params[name], array)


def test_every_file_is_read_once(run_dir, monkeypatch):
    counts = {"read_manifest": 0, "SnapshotIndex": 0, "read_results": 0}

    def counted(name):
        original = getattr(runs_module, name)

        def call(*arguments, **options):
            counts[name] += 1
            return original(*arguments, **options)

        return call

    for name in counts:
        monkeypatch.setattr(runs_module, name, counted(name))
    run = jaxgrok.open(run_dir)
    assert counts == {"read_manifest": 1, "SnapshotIndex": 0, "read_results": 0}
    for _ in range(2):
        run.dataset(), run.cells(), run.curves()
        cell = run.cell("seed=1")
        cell.params(), cell.trajectory(), cell.circuit()
    assert counts == {"read_manifest": 1, "SnapshotIndex": 1, "read_results": 1}


def test_frames_say_what_the_dataset_says(run):
    dataset, cells, curves = run.dataset(), run.cells(), run.curves()
    assert cells.seed.tolist() == [0, 1]
    np.testing.assert_array_equal(
        cells.test_loss, dataset.final_test_loss.values.ravel()
    )
    one = curves[curves.seed == 1]
    assert one.step.tolist() == dataset.step.values.tolist()
    recorded = dataset.train_loss.sel(seed=1).values.ravel()
    np.testing.assert_array_equal(one.train_loss, recorded)


@pytest.mark.parametrize("selector", [1, "1", "seed=1", {"seed": 1}])
def test_a_cell_is_an_index_a_text_or_a_mapping(run, selector):
    cell = run.cell(selector)
    assert (cell.index, cell.axes["seed"], cell.cell.lane["seed"]) == (1, 1, 1)
    assert cell.label == "weight_decay=1.0,train_fraction=0.5,seed=1"
    assert "seed=1" in repr(cell) and "2 cells" in repr(run)


def test_a_cell_gives_its_network_and_circuit(run):
    cell = run.cell("seed=1")
    assert cell.steps() == [0, 20, 40]
    steps, params = cell.trajectory()
    assert steps.tolist() == cell.steps()
    for step, array in zip(steps, params["embed.W_E"], strict=True):
        np.testing.assert_array_equal(cell.params(int(step))["embed.W_E"], array)
    assert cell.is_train().sum() == cell.cell.lane["n_train"]
    network = cell.network(20)
    oracle = read(cell.task, cell.model, cell.params(20), cell.is_train())
    np.testing.assert_array_equal(network.logits, oracle.logits)
    recorded = run.dataset().train_loss.sel(seed=1, step=20).item()
    assert cell.circuit(20).train_loss == pytest.approx(recorded, rel=1e-4)


def test_only_cells_with_snapshots_are_listed(run):
    assert [cell.index for cell in run.cells_with_snapshots()] == [1]
    with pytest.raises(ValueError, match="cell 0 has no snapshots; cells 1 have"):
        run.cell(0).steps()


def test_no_run_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a run directory"):
        jaxgrok.open(tmp_path)


MINE = """
import pathlib
import jaxgrok.tasks
from jaxgrok.tasks.modular import Modular

pathlib.Path(__file__).with_name("executed").touch()
jaxgrok.tasks.register("mine", Modular)
"""


@pytest.fixture
def foreign(run_dir, tmp_path, monkeypatch):
    """A run whose task only a grid file registers, and that file."""
    monkeypatch.setattr(TASKS, "_entries", dict(TASKS))
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(run_dir / "manifest.json", folder)
    rewrite(folder, config=read_manifest(run_dir).config | {"task": "mine"})
    for name in ("checkpoints", "curves", "files.json"):
        (folder / name).symlink_to(run_dir / name)
    return folder, file


def test_an_unknown_task_names_the_way_out_and_runs_nothing(foreign, capsys):
    folder, file = foreign
    assert analyse.main(["analyse", str(folder), "--cell", "1"]) == 2
    error = capsys.readouterr().err
    assert "task='mine' is unknown" in error and "--grid FILE" in error
    assert error.count("\n") == 1
    assert export.main(["export", str(folder), "--cell", "1", "--out", "m.npz"]) == 2
    assert "--grid FILE" in capsys.readouterr().err
    assert not file.with_name("executed").exists()


def test_the_grid_file_that_the_user_names_registers_the_task(foreign, capsys):
    folder, file = foreign
    arguments = [str(folder), "--cell", "1", "--grid", str(file)]
    out = folder / "m.npz"
    assert export.main(["export", *arguments, "--out", str(out)]) == 0
    assert json.loads(out.with_name("cfg.json").read_text())["n_heads"] == 2
    TASKS._entries.pop("mine")
    capsys.readouterr()
    code = analyse.main(["analyse", *arguments, "--figures", "logits_2d"])
    assert code == 0
    folder_of_cell = Path(capsys.readouterr().out.splitlines()[-1])
    assert (folder_of_cell / "circuit.json").exists()


def test_a_grid_file_that_is_not_there(run_dir, capsys):
    arguments = [str(run_dir), "--cell", "1", "--grid", "nowhere.py"]
    assert analyse.main(["analyse", *arguments]) == 2
    assert "nowhere.py: there is no such file" in capsys.readouterr().err


def test_a_large_manifest_that_is_replaced_meanwhile_is_read_anew(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(cell_table, "MANY", 4)
    path = handmade.write(tmp_path / "run", handmade.product())
    grown = handmade.manifest_of(weight_decay=(0.1, 1.0), seed=(0, 1, 2, 3))
    reading, left = cell_table.read, [grown]

    def replace_first(run_dir, name):
        if left:
            handmade.write(path, left.pop())
        return reading(run_dir, name)

    monkeypatch.setattr(cell_table, "read", replace_first)
    assert len(jaxgrok.open(path)) == 8
