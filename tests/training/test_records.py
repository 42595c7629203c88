"""A record's schema: what stands where, with which dimension; packed and unpacked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tiny
from jaxgrok.training.measures import MEASURES, Measure
from jaxgrok.training.records import CURVES, PLAIN, STEP, Curve, Schema, schema

MATRICES = ("embed.W_E", "unembed.W_U")
SMALL = Schema((Curve("loss", unit="nats"), Curve("norm", "matrix", MATRICES)))


def pack(values, finished=False, diverged_step=-1):
    def packed(values):
        return SMALL.pack(
            values,
            finished=jnp.asarray(finished),
            diverged_step=jnp.int32(diverged_step),
            dtype="float32",
        )

    return np.array(jax.jit(packed)(values))


def test_what_is_packed_comes_back():
    values = {"norm": jnp.array([2.0, 3.0]), "loss": jnp.float32(1.0)}
    array = pack(values)
    record = SMALL.unpack(array)
    assert record.finished is False and record.diverged_step is None
    assert record.values[SMALL.columns("loss")] == 1
    assert record.values[SMALL.columns("norm")].tolist() == [2, 3]
    array[:] = 0
    assert record.values.tolist() == [1, 2, 3]  # a copy, that keeps no other lane
    record = SMALL.unpack(pack(values, finished=True, diverged_step=70_001))
    assert record.finished is True and record.diverged_step == 70_001


def test_a_value_of_the_wrong_shape_is_refused_by_name():
    values = {"norm": jnp.ones(3), "loss": jnp.float32(1.0)}
    with pytest.raises(ValueError, match=r"norm has shape \(3,\).*\(2,\), one entry a"):
        pack(values)
    with pytest.raises(ValueError, match=r"loss has shape \(1,\); it must have \(\)"):
        pack({"norm": jnp.ones(2), "loss": jnp.ones(1)})


JUDGED = Schema(
    (
        *PLAIN,
        Curve("component_test_loss", "component", ("units", "tens")),
        Curve("component_test_accuracy", "component", ("units", "tens")),
    )
)


def judged(*, diverged_step=-1, **replaced):
    values = {name: 0.5 for name in CURVES}
    values |= {name: [0.5, 0.5] for name in JUDGED.names[len(CURVES) :]}
    values |= replaced
    parts = [np.atleast_1d(values[name]) for name in JUDGED.names]
    array = np.concatenate([*parts, [0, diverged_step]]).astype(np.float32)
    record = JUDGED.unpack(array).values
    return {name: record[JUDGED.columns(name)].tolist() for name in JUDGED.names}


def test_an_accuracy_of_logits_that_are_nan_is_no_number():
    found = judged(test_loss=np.nan, component_test_loss=[0.5, np.nan])
    assert np.isnan(found["test_loss"]) and np.isnan(found["test_accuracy"])
    np.testing.assert_array_equal(found["component_test_accuracy"], [0.5, np.nan])
    assert found["train_accuracy"] == found["max_train_loss"] == 0.5
    # An infinite loss has an argmax.
    assert judged(test_loss=np.inf)["test_accuracy"] == 0.5
    assert judged() == judged(train_loss=0.5)


def test_a_diverged_network_has_neither_accuracies_nor_losses():
    found = judged(diverged_step=70, train_loss=np.inf, max_train_loss=np.inf)
    assert found.pop("max_train_loss") == np.inf
    for name, values in found.items():
        assert np.isnan(values).all(), name


def test_steps_come_before_a_record():
    whole = SMALL.with_steps()
    assert whole.curves[0] == STEP and whole.width == SMALL.width + 1 == 4
    assert whole.columns("step") == 0 and whole.columns("norm") == slice(2, 4)
    assert "step" in whole and "step" not in SMALL
    with pytest.raises(KeyError, match="accuracy is not recorded; choose one of"):
        whole.columns("accuracy")


def test_a_plain_task_records_losses_and_norms():
    found = schema(tiny.group().setup, MATRICES)
    assert found.names == (*CURVES, "sum_of_squares")
    assert found["sum_of_squares"] == Curve("sum_of_squares", "matrix", MATRICES)
    assert found["train_loss"].unit == "nats" and found["test_accuracy"].unit == ""
    assert found.width == len(PLAIN) + 2


def test_components_and_frequencies_are_dimensions_of_their_own():
    task = {"task": "digits", "digits": 1, "train_fraction": (), "n_train": (40,)}
    found = schema(tiny.group(**task).setup, MATRICES)
    labels = ("digit 0", "digit 1")
    parts = [curve for curve in found.curves if curve.dim == "component"]
    assert [part.name for part in parts] == [f"component_{n}" for n in CURVES[:4]]
    assert {part.labels for part in parts} == {labels}
    found = schema(tiny.group(measures="fourier").setup, MATRICES)
    spectra = [curve for curve in found.curves if curve.dim == "freq"]
    assert [part.name for part in spectra] == ["W_E_norm", "W_L_norm", "excluded_loss"]
    assert {part.labels for part in spectra} == {(1, 2, 3)}
    assert found["excluded_loss"].unit == "nats"


@pytest.mark.parametrize("name", ["test_loss", "step", "seed", "component_test_loss"])
def test_a_measure_may_not_take_the_name_of_something_else(monkeypatch, name):
    monkeypatch.setitem(MEASURES, "mine", Measure({name: ""}, dict))
    setup = tiny.group(measures="mine").setup
    with pytest.raises(ValueError, match=f"a curve named '{name}', which is the name"):
        schema(setup, MATRICES)
