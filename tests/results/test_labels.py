"""Every variable of a dataset labels itself in a plot."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from handmade import SCHEMA, all_results, product, write

import jaxgrok
from jaxgrok.results import labels
from jaxgrok.results.rows import CELL_COLUMNS, CellRow
from jaxgrok.training.records import COMPONENT_CURVES, Curve, Schema

COMPONENTS = [
    Curve(name, "component", ("units", "tens"), unit="nats" if "loss" in name else "")
    for name in COMPONENT_CURVES
]
WIDE = Schema((*SCHEMA.curves, *COMPONENTS, Curve("odd", "freq", (1, 2, 3))))


@pytest.fixture
def dataset(tmp_path):
    manifest = product()
    return jaxgrok.load(write(tmp_path, manifest, all_results(manifest, schema=WIDE)))


def test_every_variable_has_a_long_name_and_its_units_if_any(dataset):
    assert {"component_grok_step", "odd", "final_test_loss"} <= set(dataset.data_vars)
    for name, variable in dataset.variables.items():
        assert variable.attrs["long_name"], name
        assert "_" not in variable.attrs["long_name"]
        units = labels.described(str(name))[1]
        assert units in ("", "nats", "steps"), name
        assert variable.attrs.get("units", "") == units


@pytest.mark.parametrize("column", CELL_COLUMNS)
def test_what_is_counted_in_steps_says_so(column):
    _, units = labels.described(column)
    in_steps = column.endswith("_step") or column in ("steps", "change_width")
    assert (units == "steps") == in_steps
    assert (units == "nats") == column.endswith("_loss")
    assert column in CellRow.__annotations__


@pytest.mark.parametrize(
    ("name", "long_name", "units"),
    [
        ("step", "training step", "steps"),
        ("test_loss", "test loss", "nats"),
        ("final_test_loss", "final test loss", "nats"),
        ("final_train_accuracy", "final train accuracy", ""),
        ("component_grok_step", "component grok step", "steps"),
        ("component_test_loss", "component test loss", "nats"),
        ("component", "component", ""),
        ("weight_decay", "weight decay", ""),
        ("final_draft", "final draft", ""),
    ],
)
def test_a_name_says_what_it_is(name, long_name, units):
    assert labels.described(name) == (long_name, units)


def test_a_measure_s_own_units_stay():
    dataset = xr.Dataset({"margin": ("step", np.zeros(2), {"units": "bits"})})
    labels.label(dataset)
    assert dataset.margin.attrs == {"units": "bits", "long_name": "margin"}


def test_a_plot_has_them_on_its_axes(dataset):
    dataset.test_loss.isel(weight_decay=0, seed=0).squeeze().plot()
    axes = plt.gca()
    assert axes.get_xlabel() == "training step [steps]"
    assert axes.get_ylabel() == "test loss [nats]"
    plt.close("all")


def test_a_plot_has_no_empty_brackets(dataset):
    dataset.test_accuracy.isel(seed=0).squeeze().plot.line(x="step")
    axes = plt.gca()
    names = [
        axes.get_ylabel(),
        axes.get_title(),
        axes.get_legend().get_title().get_text(),
    ]
    assert names[0] == "test accuracy" and names[2] == "weight decay"
    assert not any("[]" in name for name in names)
    plt.close("all")
