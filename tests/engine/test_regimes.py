"""Lanes of every regime and optimiser do not feel place and neighbours: bitwise."""

import jax
import numpy as np
import pytest

import tiny
from engines import curves, same
from jaxgrok import models
from jaxgrok.engine import sizing
from jaxgrok.engine.engine import Engine
from jaxgrok.models.device_costs import CPU, GPU, TPU
from jaxgrok.models.product_order import ProductOrder


@pytest.fixture(scope="module", autouse=True)
def anew():
    """Nothing is traced yet: a test sees what is chosen while its programs are."""
    jax.clear_caches()


@pytest.fixture(scope="module")
def anew_as_shipped(shipped):
    """The programs that users get, and nothing traced yet."""
    jax.clear_caches()


SAMPLED = {"task": "digits", "digits": 2, "train_fraction": (), "test_size": 16}
REGIMES = {
    "online, momentum": SAMPLED
    | {"regime": "online", "batch_size": 8, "optimiser": "sgd", "momentum": (0.9,)}
    | {"decay_on": "W_*"},
    "minibatches, dropout": SAMPLED
    | {"n_train": (20,), "batch_size": 8, "dropout": (0.1,), "l1": (1e-4,)},
    "repeats": {
        "task": "repeats",
        "symbols": 4,
        "length": 8,
        "repeat_length": 3,
        "occurrences": 2,
        "train_fraction": (),
        "n_train": (20,),
        "test_size": 16,
        "layers": 2,
    },
    "mlp": {"model": "mlp"},
    "multitask": {"task": "multitask", "operations": "x+y,x*y"},
    "sums of rows": {"d_model": 64, "heads": 1, "d_head": 64},
}


METHODS = {
    "grokfast_ema": {"optimiser": "grokfast_ema"},
    "grokfast_ma": {"optimiser": "grokfast_ma", "grokfast_window": 7},
    "orthogonal": {"optimiser": "orthogonal"},
    "muon": {"optimiser": "muon"},
    "lion": {"optimiser": "lion"},
    "constant norm, cosine": {
        "weight_norm": "constant",
        "schedule": "cosine",
        "cosine_steps": (30,),
    },
    "growing": {"optimiser": "sgd", "schedule": "growing", "growth_steps": (20,)},
    "frequencies": {
        "objective": "frequencies",
        "frequencies": "1,3",
        "frequency": (2,),
        "excluded_weight": (0.5,),
        "trig_weight": (-0.01,),
        "loss": "stablemax",
    },
}
DEVICES = {"cpu": CPU, "gpu": GPU, "tpu": TPU}
MARKS = {
    ("repeats", "cpu"): pytest.mark.long,
    ("minibatches, dropout", "cpu"): pytest.mark.long,
    ("sums of rows", "cpu"): pytest.mark.long,
    "frequencies": pytest.mark.long,
}
"""Marks of a regime in a device's form, and of a method; the others are slow."""


@pytest.mark.parametrize(
    ("fields", "costs"),
    [
        pytest.param(
            fields,
            costs,
            id=f"{name}-{device}",
            marks=MARKS.get((name, device), pytest.mark.slow),
        )
        for name, fields in REGIMES.items()
        for device, costs in DEVICES.items()
    ],
)
def test_lanes_of_every_regime_and_optimiser(fields, costs, monkeypatch):
    assert_lanes_are_independent(fields, costs, monkeypatch)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(fields, id=name, marks=MARKS.get(name, pytest.mark.slow))
        for name, fields in METHODS.items()
    ],
)
def test_lanes_of_every_method(fields, monkeypatch):
    assert_lanes_are_independent(fields, CPU, monkeypatch)


# Below the others: the programs stay as shipped. CPUs get the accelerators' form with
# emulated precisions alone, whose lanes tests/training compares.
@pytest.mark.slow
@pytest.mark.parametrize("fields", (REGIMES | METHODS).values(), ids=REGIMES | METHODS)
def test_lanes_of_every_regime_as_shipped(fields, anew_as_shipped, monkeypatch):
    assert_lanes_are_independent(fields, CPU, monkeypatch)


@pytest.mark.long
def test_blocks_and_devices_change_no_bit_as_shipped(anew_as_shipped):
    seeds = (0, 1, 2, 3, 4, 5)
    group = tiny.group(model="transformer", seed=seeds, weight_decay=(1.0,))
    one = Engine(group.setup, block_width=2, blocks=1)
    alone = {c.id: curves(one, group, [c])[c.id] for c in group.cells}
    devices = jax.local_devices()[:2]
    several = Engine(group.setup, block_width=2, blocks=3, devices=devices)
    same(curves(several, group, group.cells, pieces=3), alone)


def assert_lanes_are_independent(fields, costs, monkeypatch):
    """Lanes end with the same bits alone, in a crowd, and beside a NaN."""
    chosen = []
    best = ProductOrder.best
    monkeypatch.setattr(
        ProductOrder, "best", lambda *args: chosen.append(best(*args)) or chosen[-1]
    )
    monkeypatch.setattr(models, "costs_of", lambda _platform: costs)
    numbers = {"seed": (0, 1, 2), "weight_decay": (0.01,)}
    group = tiny.group(**{"model": "transformer"} | fields | numbers)
    one = Engine(group.setup, block_width=2, blocks=1)
    alone = {c.id: curves(one, group, [c])[c.id] for c in group.cells}
    sums_rows = costs is CPU and fields == REGIMES["sums of rows"]
    assert (ProductOrder.ROWS in chosen) == sums_rows
    assert one.setup.model.costs is costs
    assert sizing.least_bytes(one.setup, 2) <= one.memory
    assert all(np.isfinite(rows).all() for rows in alone.values())
    assert len({rows[-1, 0].item() for rows in alone.values()}) == 3
    same(curves(one, group, group.cells[::-1], pieces=3), alone)
    poisoned = curves(one, group, group.cells, poison={group.cells[0].id})
    assert np.isnan(poisoned.pop(group.cells[0].id)[-1, 0])
    same(poisoned, alone)
