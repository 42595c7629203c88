"""Runs of every format can be read: tests/formats/N is a small one of format N.

A new format gets a folder of its own; those that are there stay as they are. Format 1:
`tiny.config(seed=(0, 1), snapshots="all", snapshot_every=20, snapshot_early_until=0)`,
and its circuits.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok.results.files.manifest import FORMAT

FOLDER = Path(__file__).parent / "formats"
RUNS = sorted(FOLDER.iterdir())
every_format = pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)


def test_there_is_a_run_of_every_format():
    assert [run.name for run in RUNS] == [str(n) for n in range(1, FORMAT + 1)]


@every_format
def test_its_curves_and_cells_are_those_of_its_tables(path):
    dataset, cells = jaxgrok.load(path), jaxgrok.cells(path)
    table = [line.split(",") for line in (path / "cells.csv").read_text().splitlines()]
    rows = [dict(zip(table[0], line, strict=True)) for line in table[1:]]
    assert [row["phase"] for row in rows] == cells.phase.tolist() == ["confusion"] * 2
    for row, loss in zip(rows, cells.test_loss, strict=True):
        assert float(np.float32(row["test_loss"])) == loss
    assert dataset.test_loss.squeeze().sel(seed=1, step=40) == np.float32(2.8212397)
    assert (jaxgrok.open(path).manifest.format, dataset.sizes["step"]) == (
        int(path.name),
        5,
    )
    curves = jaxgrok.curves(path)
    assert curves.step.tolist() == [0, 10, 20, 30, 40] * 2
    assert "jaxlib" in dataset.computed_with.values.ravel()[0]


@every_format
def test_its_snapshots_are_the_networks_of_its_curves(path):
    dataset = jaxgrok.load(path).squeeze()
    for seed in (0, 1):
        cell = jaxgrok.open(path).cell({"seed": seed})
        assert cell.steps() == [0, 20, 40]
        for step in cell.steps():
            squares = dataset.sum_of_squares.sel(seed=seed, step=step)
            for name, array in cell.params(step).items():
                recorded = squares.sel(matrix=name)
                np.testing.assert_allclose((array**2).sum(), recorded, rtol=1e-5)


@every_format
def test_its_networks_can_be_read(path):
    for seed in (0, 1):
        circuit = jaxgrok.open(path).cell({"seed": seed}).circuit()
        assert "of the logits' variance" in str(circuit.verdict)


@pytest.mark.parametrize("path", RUNS[:-1], ids=lambda path: path.name)
def test_a_run_of_an_older_format_is_read_and_not_gone_on_with(path, tmp_path):
    shutil.copytree(path, tmp_path / "run")
    config = tiny.config(
        seed=(0, 1), snapshots="all", snapshot_every=20, snapshot_early_until=0
    )
    with pytest.raises(ValueError, match=f"has format {path.name}, of jaxgrok"):
        jaxgrok.run(config, tmp_path / "run", quiet=True)


@every_format
def test_its_figures_can_be_drawn(path):
    names = [name for name, _ in jaxgrok.figures(path)]
    assert {"phase_diagram", "curves", "circuits"} <= set(names)
