"""What a run directory says of crossovers, where nothing is trained."""

import shutil

import pytest

import jaxgrok
from jaxgrok.crossover import report
from jaxgrok.crossover.find import read
from jaxgrok.crossover.verdict import Outcome
from searches import config

pytestmark = pytest.mark.usefixtures("undrawn")


def test_a_directory_is_drawn_again_as_it_was_answered(whole):
    stored = report.read_table(whole[0])
    table = report.table(whole[1])
    assert [report.line(row) for row in stored] == [report.line(row) for row in table]


def test_cells_without_test_pairs_tell_nothing(tmp_path):
    fractions = {"train_fraction": (0.2, 0.5, 1.0), "n_train": (), "train_size": 49}
    grid = config(**fractions, weight_decay=(0.1,))
    jaxgrok.run(grid, tmp_path / "a", blocks=2, quiet=True)
    [finding] = read(tmp_path / "a")
    assert finding.trainings == 2 * 4


def test_a_directory_without_any_test_pairs_is_refused(tmp_path):
    everything = {"train_fraction": (1.0,), "n_train": (), "train_size": 49}
    grid = config(**everything, weight_decay=(0.1,), seed=(0, 1))
    jaxgrok.run(grid, tmp_path / "a", blocks=2, quiet=True)
    with pytest.raises(ValueError, match="no training with test examples"):
        read(tmp_path / "a")


def test_a_grid_without_any_result_leaves_it_open(whole, tmp_path):
    (tmp_path / "a").mkdir()
    shutil.copy(whole[0] / "manifest.json", tmp_path / "a")
    findings = read(tmp_path / "a")
    assert {one.outcome for one in findings} == {Outcome.OPEN}
    assert findings[0].trainings == 0
