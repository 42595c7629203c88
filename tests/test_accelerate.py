"""sweeps/accelerate.py: equal seeds are equal trainings but for the method."""

import collections
import functools
import runpy
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest

from jaxgrok import grid
from jaxgrok.training import examples, trainer
from jaxgrok.training.setup import lane_of

pytestmark = pytest.mark.slow
FILE = Path(__file__).parent.parent / "sweeps" / "accelerate.py"
MODULE = runpy.run_path(str(FILE))
METHODS, TUNED = MODULE["METHODS"], MODULE["TUNED"]
SMALL = {"d_model": 8, "d_head": 4, "d_mlp": 8, "batch_size": 8}


def resolved(scale, **fields):
    config = MODULE["get_config"](scale)
    config.update(fields)
    return grid.resolve(config)


@pytest.mark.parametrize(
    ("scale", "methods", "settings", "seeds"),
    [
        ("quick", 8, 1, 8),
        ("laptop", 12, 4, 16),
        ("full", 14, 16, 16),
        ("post", 14, 4, 16),
    ],
)
def test_a_scale_has_every_method_in_every_setting_with_every_seed(
    scale, methods, settings, seeds
):
    cells = resolved(scale).cells
    parts = collections.Counter(cell.axes["part"] for cell in cells)
    assert len(parts) == methods and set(parts.values()) == {settings * seeds}
    assert {cell.axes["seed"] for cell in cells} == set(range(seeds))


def test_tuning_has_other_seeds_and_as_many_choices_for_every_method():
    cells = resolved("tuning").cells
    assert not {cell.axes["seed"] for cell in cells} & set(MODULE["COUNTED"])
    choices = collections.defaultdict(set)
    for cell in cells:
        choices[cell.axes["part"]].add(tuple(cell.axes[name] for name in TUNED))
    assert {len(values) for values in choices.values()} == {9}
    assert set(choices) == set(METHODS)


def test_published_rates_and_decays_are_among_those_that_are_tuned():
    published = {
        (cell.axes["part"], *(cell.axes[name] for name in TUNED))
        for cell in resolved("full").cells
    }
    assert published <= {
        (cell.axes["part"], *(cell.axes[name] for name in TUNED))
        for cell in resolved("tuning").cells
    }
    rates = {part: rate for part, rate, _ in published}
    assert (rates["AdamW"], rates["Lion"]) == (3e-3, 1e-3)


def test_what_was_chosen_stands_in_its_setting():
    settings = MODULE["FULL_SETTINGS"]
    rows = [
        {"part": part, "learning_rate": sign * index, "weight_decay": index / 10}
        | {name: setting[name] for name in MODULE["SETTING"]}
        for part, sign in (("AdamW", 1), ("Lion", 100))
        for index, setting in enumerate(settings, 1)
    ]
    # In another order than the settings stand in the file.
    axes = MODULE["chosen"](pd.DataFrame(rows[::-1]), "Lion", settings)
    assert axes["learning_rate"] == tuple(100.0 * n for n in range(1, 17))
    assert axes["weight_decay"] == tuple(n / 10 for n in range(1, 17))


def test_tuned_without_a_tuning_says_which_run_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="runs/accelerate-tuning"):
        MODULE["get_config"]("tuned")


def test_tuned_gives_every_setting_the_values_of_its_own(monkeypatch):
    settings = MODULE["FULL_SETTINGS"]
    rows = [
        {name: setting[name] for name in MODULE["SETTING"]}
        | {"part": part, "learning_rate": 1e-3 * n, "weight_decay": 1.0}
        for part in METHODS
        for n, setting in enumerate(settings, 1)
    ]
    get_config = MODULE["get_config"]
    monkeypatch.setitem(get_config.__globals__, "best", lambda *_: pd.DataFrame(rows))
    cells = grid.resolve(get_config("tuned")).cells
    assert len(cells) == len(METHODS) * len(settings) * 16
    rates = {
        tuple(cell.axes[name] for name in MODULE["SETTING"]): cell.lane["learning_rate"]
        for cell in cells
        if cell.axes["part"] == "Lion"
    }
    assert list(rates.values()) == [1e-3 * n for n in range(1, 17)]


def test_equal_seeds_are_equal_weights_splits_and_batches_in_all_methods():
    config = MODULE["get_config"]("laptop")
    for name in config.zip.split(", "):  # one setting
        config[name] = (SMALL[name],) if name in SMALL else config[name][:1]
    config.update(modulus=7, heads=1, seed=(3, 4), measures="none")
    starts = collections.defaultdict(dict)
    for group in grid.resolve(config).groups:
        for cell in group.cells:
            lane = jax.device_put(lane_of(group.setup, **cell.lane))
            content = jax.tree.map(np.asarray, start(group.setup, lane))
            starts[cell.axes["seed"]][cell.axes["part"]] = content
    for methods in starts.values():
        assert len(methods) == 12
        weights, *split = methods["AdamW"]
        for part, (own_weights, *own_split) in methods.items():
            (factor,) = METHODS[part].fields.get("init_scale", (1.0,))
            # To the last bit, but for the rounding of another scale.
            rtol = 0 if factor == 1 else 3e-7
            for name, values in weights.items():
                expected = np.float32(factor) * values
                np.testing.assert_allclose(own_weights[name], expected, rtol=rtol)
            for own, other in zip(own_split, split, strict=True):
                np.testing.assert_array_equal(own, other)
    # Another seed has other weights, another split and another batch.
    one, other = (starts[seed]["AdamW"] for seed in (3, 4))
    assert (one[0]["embed.W_E"] != other[0]["embed.W_E"]).any()
    assert (one[1] != other[1]).any() and (one[2] != other[2]).any()


@functools.partial(jax.jit, static_argnums=0)
def start(setup, lane):
    """The initial weights of a lane, its order of the pool, and its batch of step 5."""
    state = trainer.init(setup, lane)
    rows = examples.train_set(setup, lane, state.order)
    batch, _ = examples.batch(setup, lane, rows, 5)
    return state.params, state.order, batch.tokens
