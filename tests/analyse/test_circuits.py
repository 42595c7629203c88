"""From files to circuits: right network, right split, files that hold all."""

import csv
import io
import json
import sys

import numpy as np
import pytest

import jaxgrok
import planted
import tiny
from jaxgrok import grid
from jaxgrok.analyse import __main__ as analyse
from jaxgrok.analyse import circuits, survey
from jaxgrok.circuits.weights import transformerlens
from jaxgrok.grid import setups
from jaxgrok.results import run_cell
from jaxgrok.results.files.manifest import read_manifest

pytestmark = pytest.mark.long

FIELDS = {"seed": (0, 1), "equals_logit": False, "snapshot_early_until": 0}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "r"
    wanted = tiny.config(snapshots="all", snapshot_every=20, **FIELDS)
    jaxgrok.run(wanted, out, quiet=True)
    return out


@pytest.fixture(scope="module")
def report(run_dir):
    return circuits.read_circuit(run_dir, "seed=1")


def test_the_losses_are_those_of_the_run(run_dir, report):
    """The split and the weights are that cell's own: any other gives other losses."""
    recorded = jaxgrok.load(run_dir).sel(seed=1).squeeze()
    for name in ("train_loss", "test_loss"):
        final = float(recorded[f"final_{name}"])
        assert getattr(report.circuit, name) == pytest.approx(final, rel=1e-4)
        over_training = recorded[name].sel(step=[0, 20, 40]).values
        np.testing.assert_allclose(report.measures[name], over_training, rtol=1e-4)


def test_an_earlier_step(run_dir, report):
    early = circuits.read_circuit(run_dir, "seed=1", step=20)
    assert early.source.step == 20
    assert early.circuit.train_loss == pytest.approx(report.measures["train_loss"][1])
    np.testing.assert_allclose(
        early.measures["train_loss"][-1], report.circuit.train_loss
    )


def test_what_is_written(report, tmp_path):
    out = circuits.write(report, tmp_path / "seed=1")

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    facts = json.loads((out / "circuit.json").read_text(), parse_constant=refuse)
    assert facts.keys() >= planted.CIRCUIT_KEYS
    assert facts["axes"]["seed"] == 1 and facts["step"] == 40
    names = {file.stem for file in out.glob("*.png")}
    assert {"embedding_norms", "attention", "neuron_0", "progress"} <= names


def test_weights_from_elsewhere_have_the_same_circuit(run_dir, report, tmp_path):
    task, model = setups.build(dict(read_manifest(run_dir).config))
    params = jaxgrok.load_params(run_dir, "seed=1")
    transformerlens.save_npz(
        tmp_path / "m.npz", params, transformerlens.config_of(task, model)
    )
    rows = np.flatnonzero(report.network.pool_is_train)
    np.save(tmp_path / "rows.npy", rows)
    for train_index in (None, tmp_path / "rows.npy"):
        other = circuits.read_weights(tmp_path / "m.npz", train_index=train_index)
        found, wanted = other.as_dict(), report.circuit.as_dict()
        assert found["all_loss"] == pytest.approx(wanted["all_loss"])
        assert found["cos_coefficients"] == pytest.approx(wanted["cos_coefficients"])
        known = train_index is not None
        assert (found["train_loss"] == pytest.approx(wanted["train_loss"])) == known
        assert (found["train_loss"] is None) == (not known)


def _main(capsys, *arguments):
    code = analyse.main(["analyse", *map(str, arguments)])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def test_command_of_one_cell(run_dir, capsys):
    code, out, err = _main(capsys, run_dir, "--cell", "seed=0")
    assert (code, err) == (0, "")
    folder = run_dir / "circuits" / "weight_decay=1.0,train_fraction=0.5,seed=0"
    assert out.splitlines()[-1] == str(folder)
    facts = json.loads((folder / "circuit.json").read_text())
    # 40 steps teach nothing, and the line says so beside the losses.
    assert out.splitlines()[0] == facts["verdict"]
    assert out.splitlines()[1].startswith("right on ")
    assert out.splitlines()[1].endswith("the network does not solve x+y")
    assert facts["solves_task"] is False and facts["assumed"]["modulus"] == 7
    assert f"all {facts['all_accuracy']:.1%}" in out


def test_command_of_all_cells(run_dir, capsys):
    code, _, _ = _main(capsys, run_dir, "--cell", "all")
    assert code == 0
    with open(run_dir / "circuits.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["0", "1"]
    recorded = jaxgrok.load(run_dir).final_test_loss.values.ravel()
    losses = [float(row["test_loss"]) for row in rows]
    np.testing.assert_allclose(losses, recorded, rtol=1e-4)
    assert (run_dir / "plots" / "circuits.png").exists()


def test_frequencies_and_rules_that_are_named_are_honoured(run_dir, tmp_path, capsys):
    for flag, keys in (("--key_frequencies=3,1", "1 3"), ("--key_rule=W_E", None)):
        out = tmp_path / "new" / flag / "deep"
        code, text, _ = _main(capsys, run_dir, "--cell", "all", "--out", out, flag)
        assert code == 0 and "0 of 2 networks have a circuit" in text
        with open(out / "circuits.csv") as file:
            for row in csv.DictReader(file):
                assert row["has_circuit"] == "False"
                assert row["key_frequencies"] == keys or (
                    row["key_frequencies"] and not keys
                )
                assert float(row["trig_loss"]) > 0
    with open(run_dir / "circuits.csv") as file:
        for row in csv.DictReader(file):
            assert row["key_frequencies"] == row["trig_loss"] == ""
            assert float(row["all_accuracy"]) < 0.9


def test_one_cell_that_diverged_keeps_no_other_from_being_read(run_dir, monkeypatch):
    def network_of(cell, params):
        if cell.index == 1:
            params |= {"embed.W_E": np.full_like(params["embed.W_E"], np.nan)}
        return read(cell, params)

    read = run_cell.RunCell.network_of
    monkeypatch.setattr(run_cell.RunCell, "network_of", network_of)
    rows = survey.survey(run_dir)
    assert [row.has_circuit for row in rows] == [False, None]
    assert rows[0].all_loss > 0 and rows[1].all_loss is None
    assert survey.count(rows) == "0 of 2 networks have a circuit; 1 diverged"
    assert analyse.summary(rows).splitlines()[1].endswith("not finite: not read")
    with pytest.raises(
        ValueError, match=r"cell 1, step 40: .* last finite .* --step 40"
    ):
        circuits.read_circuit(run_dir, 1)


def test_a_terminal_shows_which_circuits_are_read(run_dir, monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    survey.survey(run_dir)
    assert stream.getvalue() == ""
    survey.survey(run_dir, quiet=False)
    assert "2/2 circuits " in stream.getvalue()


def test_snapshots_that_are_not_finite_are_left_out_and_counted(run_dir, monkeypatch):
    def trajectory(cell):
        steps, params = load(cell)
        params["embed.W_E"] = params["embed.W_E"].copy()
        params["embed.W_E"][1, 0, 0] = np.inf
        return steps, params

    load = run_cell.RunCell.trajectory
    monkeypatch.setattr(run_cell.RunCell, "trajectory", trajectory)
    found = circuits.read_circuit(run_dir, 0)
    assert found.skipped == found.as_dict()["skipped_snapshots"] == 1
    assert found.measures["steps"].tolist() == [0, 40]
    assert "1 snapshot not finite, left out" in analyse.describe(found)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cell", "seed=5"], "no cell has seed=5; there are 0, 1"),
        (["--cell", "weight_decay=1.0"], "fits 2 cells; say more: seed"),
        (["--cell", "0", "--step", "7"], "step=7 of cell 0 was not kept"),
        (["--cell", "0", "--key_frequencies", "4"], "whole numbers from 1 to 3"),
    ],
)
def test_bad_input_is_one_line(run_dir, capsys, arguments, words):
    code, out, err = _main(capsys, run_dir, *arguments)
    assert (code, out) == (2, "")
    assert words in err and err.count("\n") == 1


def test_a_sweep_without_snapshots(tmp_path, capsys):
    jaxgrok.run(tiny.config(steps=(10,)), tmp_path / "r", quiet=True)
    for cell in ("0", "all"):
        code, _, err = _main(capsys, tmp_path / "r", "--cell", cell)
        assert code == 2 and "--grid.snapshots=all" in err
    code, _, err = _main(capsys, tmp_path, "--cell", "0")
    assert code == 2 and "is not a run directory" in err


def test_an_mlp_has_neurons_and_no_attention(tmp_path, capsys):
    wanted = tiny.config(model="mlp", steps=(10,), snapshots="all", d_mlp=16)
    jaxgrok.run(wanted, tmp_path / "r", quiet=True)
    code, out, _ = _main(capsys, tmp_path / "r", "--cell", "0")
    assert code == 0 and "neurons in clusters" in out
    (folder,) = (tmp_path / "r" / "circuits").iterdir()
    names = {path.stem for path in folder.glob("*.png")}
    assert "neurons_2d" in names and "attention" not in names
    facts = json.loads((folder / "circuit.json").read_text())
    assert len(facts["neuron_frequency"]) == 16
    asked = ("--cell", "0", "--figures", "attention", "--out", str(tmp_path / "no"))
    code, out, err = _main(capsys, tmp_path / "r", *asked)
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert "figure 'attention': this network has no attention; available: " in err
    assert not (tmp_path / "no").exists()


def test_a_task_without_a_fourier_reading(tmp_path, capsys):
    wanted = tiny.config(operation="x^2+y^2", steps=(10,), snapshots="all")
    jaxgrok.run(wanted, tmp_path / "r", quiet=True)
    for cell in ("0", "all"):
        code, _, err = _main(capsys, tmp_path / "r", "--cell", cell)
        assert code == 2 and "x+y, x-y" in err and err.count("\n") == 1


@pytest.mark.slow
def test_measures_ride_along_with_a_training(with_figures, tmp_path):
    plain = jaxgrok.run(
        tiny.config(model="transformer"), tmp_path / "plain", quiet=True
    )
    measured = tiny.config(measures="fourier", snapshots="all", snapshot_every=10)
    dataset = jaxgrok.run(measured, tmp_path / "m", quiet=True)
    assert dataset.freq.values.tolist() == [1, 2, 3]
    report = circuits.read_circuit(tmp_path / "m", 0)
    excluded = dataset.excluded_loss.squeeze().values
    np.testing.assert_allclose(
        excluded, report.measures["excluded_loss_2d"], rtol=1e-3, atol=1e-5
    )
    norms = report.measures["W_E_norms"]
    pairs = np.hypot(norms[:, 1::2], norms[:, 2::2])
    np.testing.assert_allclose(dataset.W_E_norm.squeeze(), pairs, rtol=1e-4)
    for name in ("train_loss", "test_loss", "sum_of_squares"):
        np.testing.assert_allclose(dataset[name], plain[name], rtol=1e-4)
    assert (tmp_path / "m" / "plots" / "circuit_measures.png").exists()
    assert not (tmp_path / "plain" / "plots" / "circuit_measures.png").exists()


def test_measures_need_a_task_that_has_them():
    with pytest.raises(ValueError, match="measures='fourier' needs a task"):
        grid.resolve(tiny.config(measures="fourier", operation="x^3+xy"))


def test_the_page_of_a_run_shows_a_circuit_once_it_is_read(run_dir, capsys):
    page = run_dir / "report.html"
    page.write_text("of before")
    words = ["analyse", str(run_dir), "--cell", "seed=0", "--figures", "logits_2d"]
    assert analyse.main(words) == 0
    assert page.read_bytes().startswith(b"<!doctype html>")
    page.unlink()
    assert analyse.main(words) == 0
    assert not page.exists()
