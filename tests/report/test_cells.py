import numpy as np
import pytest
from drawn import as_cells, phase_table

import jaxgrok
import reported
from jaxgrok.circuits.sweep_measures import survey
from jaxgrok.report.cells import last_values, table
from jaxgrok.results.dataset import LABELS, column_of, labels_of


def measure(entries, name):
    (only,) = [entry for entry in entries["measures"] if entry["name"] == name]
    return only


def test_every_cell_has_its_label_steps_and_axis_values():
    dataset = phase_table()
    entries = table(dataset)
    assert [LABELS[i] for i in entries["labels"]] == labels_of(dataset).tolist()
    names = [axis["name"] for axis in entries["axes"]]
    assert names == ["weight_decay", "train_fraction", "seed"]
    for axis in entries["axes"]:
        values = np.array(axis["texts"], float)[axis["index"]]
        np.testing.assert_array_equal(values, column_of(dataset, axis["name"]))
    steps = [np.nan if step is None else step for step in entries["grok_step"]]
    np.testing.assert_array_equal(steps, column_of(dataset, "grok_step"))


@pytest.mark.parametrize("name", ["grok_step", "delay"])
def test_a_censored_cell_says_up_to_when_it_was_followed(name):
    entries = table(phase_table())
    entry = measure(entries, name)
    memorised = 250 if name == "delay" else 0
    for cell, label in enumerate(entries["labels"]):
        if LABELS[label] == "memorisation":
            assert entry["late"][cell] == 5000 - memorised
            assert entry["values"][cell] is None and entry["tested"][cell]
        elif LABELS[label] in ("diverged", "pending"):
            assert entry["late"][cell] is None


def test_a_cell_that_never_memorised_has_no_delay():
    entries = table(phase_table())
    delay = measure(entries, "delay")
    confused = entries["labels"].index(LABELS.index("confusion"))
    assert not delay["tested"][confused]


def test_an_axis_that_is_not_in_the_grid_is_there_without_a_name():
    entries = table(as_cells(phase_table()).drop_vars("weight_decay"))
    assert {entries["view"]["x"], entries["view"]["y"]} <= {
        axis["name"] for axis in entries["axes"]
    }


def test_cells_that_share_axis_values_are_not_unique():
    dataset = as_cells(phase_table())
    assert table(dataset)["unique"]
    assert not table(dataset.drop_vars("seed"))["unique"]


def test_circuit_measures_are_those_of_the_survey(tmp_path):
    dataset = jaxgrok.load(reported.write(tmp_path))
    entries = table(dataset)
    curves = {
        name: dataset[name].values.reshape(18, *dataset[name].shape[-2:])
        for name in ("W_E_norm", "W_L_norm", "excluded_loss")
    } | {"step": dataset.step.values}
    share, _ = survey(curves, grok_step=column_of(dataset, "grok_step"))
    values = np.array(measure(entries, "share")["values"], float)
    np.testing.assert_allclose(values, share, rtol=1e-6)


def test_the_last_value_is_the_last_that_is_finite():
    curves = np.array([[1.0, 2, 3], [1, 2, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(last_values(curves), [3, 2, np.nan])
