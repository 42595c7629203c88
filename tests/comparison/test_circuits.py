"""Key frequencies and leads by method, where a run records them."""

import numpy as np
import pytest

import compared
import jaxgrok
from jaxgrok.comparison.circuits import cell_circuits
from jaxgrok.comparison.report import text
from jaxgrok.training.records import PLAIN, Curve, Schema

FREQUENCIES = (1, 2, 3, 4, 5, 6)
MEASURED = Schema(
    (
        *PLAIN,
        *(Curve(n, "freq", FREQUENCIES) for n in ("W_E_norm", "W_L_norm")),
        Curve("excluded_loss", "freq", FREQUENCIES),
    )
).with_steps()


def measured(cell, grok_step, keys, lead):
    """A cell with so many key frequencies, whose excluded loss leads by some steps."""
    result = compared.result(cell, grok_step, schema=MEASURED)
    for name in ("W_E_norm", "W_L_norm"):
        norms = np.where(np.array(FREQUENCIES) <= keys, 1.0, 0.01 if keys else 1.0)
        result.records[:, MEASURED.columns(name)] = norms
    rises = result.records[:, 0] >= (grok_step or 0) - lead
    result.records[:, MEASURED.columns("excluded_loss")] = 1 + 4 * rises[:, None]
    return result


@pytest.fixture
def run(tmp_path):
    """Adam has two key frequencies and leads by 200, AdamW one and by 50.

    For x-y both have one more.
    """

    def result(cell):
        keys, lead = {"adam": (2, 200), "adamw": (1, 50)}[cell.axes["optimiser"]]
        keys += cell.axes["operation"] == "x-y"
        # A seed without a sparse spectrum has neither, and counts for nothing.
        keys = 0 if cell.axes["seed"] == 0 else keys
        return measured(cell, compared.halves(cell.axes), keys, lead)

    fields = {"optimiser": ("adam", "adamw"), "operation": ("x+y", "x-y")}
    fields |= {"measures": "fourier", "modulus": 13}
    return compared.write_results(tmp_path / "run", result, **fields)


def test_every_cell_has_its_count_and_its_lead(run):
    circuits = cell_circuits(jaxgrok.open(run))
    # [operation, optimiser, seed], as in cells.csv.
    counts = circuits.key_frequencies.reshape(2, 2, 8)
    assert np.isnan(counts[..., 0]).all()
    assert (counts[..., 1:] == np.array([[2, 1], [3, 2]])[..., None]).all()
    leads = circuits.lead.reshape(2, 2, 8)
    assert np.isnan(leads[..., 0]).all()
    assert (leads[:, 0, 1:] == 200).all() and (leads[:, 1, 1:] == 50).all()


def test_a_comparison_has_the_medians_of_both_methods(run):
    plus, minus = jaxgrok.compare(run, "optimiser=adamw").to_dict("records")
    assert (plus["key_frequencies"], plus["baseline_key_frequencies"]) == (2, 1)
    assert (minus["key_frequencies"], minus["baseline_key_frequencies"]) == (3, 2)
    assert (plus["lead"], plus["baseline_lead"]) == (200, 50)


def test_the_text_says_them_of_the_method_and_of_the_baseline(run):
    lines = text(jaxgrok.compare(run, "optimiser=adamw")).splitlines()
    assert "key frequencies  lead" in lines[0]
    assert "2 and 1          200 and 50" in lines[1]


def test_of_some_cells_it_has_those_of_these_cells(run):
    part = jaxgrok.compare(run, "optimiser=adam", cell="operation=x-y")
    (row,) = part.to_dict("records")
    assert (row["key_frequencies"], row["baseline_key_frequencies"]) == (2, 3)
    assert (row["lead"], row["baseline_lead"]) == (50, 200)


def test_a_run_without_the_measures_has_no_such_columns(tmp_path):
    fields = {"optimiser": ("adam", "adamw")}
    path = compared.write(tmp_path / "run", compared.halves, **fields)
    assert cell_circuits(jaxgrok.open(path)) is None
    assert "lead" not in jaxgrok.compare(path, "optimiser=adamw")
