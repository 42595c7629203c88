"""The table of every cell's circuit: its columns, its texts, and None as nothing."""

import csv
import dataclasses

import pytest

from jaxgrok.analyse.survey import COLUMNS, CircuitRow, write_survey

NUMBERS = {
    "neuron_share": 0.5,
    "W_E_share": 0.9,
    "W_L_share": None,
    "logit_variance_explained": 0.8,
    "train_loss": 1e-7,
    "test_loss": None,
    "all_loss": 0.25,
    "trig_loss": 0.1,
    "excluded_loss": 4.5,
    "cos_approximation_loss": 0.2,
}


@pytest.fixture
def row():
    return CircuitRow(
        cell=3,
        axes={"weight_decay": 1.0, "seed": 0},
        order=13,
        step=400,
        phase="grokking",
        grok_step=None,
        has_circuit=True,
        sparse=True,
        key_frequencies=(2, 5),
        clusters={2: 4, 5: 6},
        **NUMBERS,
    )


def test_a_row_is_its_cell_its_axes_and_its_fields(row):
    entries = row.as_dict()
    assert list(entries) == ["cell", "weight_decay", "seed", *COLUMNS]
    assert (entries["cell"], entries["seed"], entries["clusters"]) == (
        3,
        0,
        {2: 4, 5: 6},
    )
    assert not {"cell", "axes"} & set(COLUMNS)


def test_the_table_has_a_row_a_cell_and_a_figure(row, tmp_path):
    other = dataclasses.replace(
        row,
        cell=4,
        axes={"weight_decay": 1.0, "seed": 1},
        key_frequencies=(),
        clusters={},
    )
    path = write_survey([row, other], tmp_path)
    assert path == tmp_path / "circuits.csv"
    with open(path, newline="") as file:
        first, second = csv.DictReader(file)
    assert list(first) == ["cell", "weight_decay", "seed", *COLUMNS]
    assert (first["key_frequencies"], first["clusters"]) == ("2 5", "2:4 5:6")
    assert (first["grok_step"], first["test_loss"]) == ("", "")
    assert float(first["train_loss"]) == 1e-7 and first["phase"] == "grokking"
    assert (second["seed"], second["key_frequencies"]) == ("1", "")
    assert (tmp_path / "plots" / "circuits.png").stat().st_size > 10_000
