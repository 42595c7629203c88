"""Axes to cells to groups, what identifies a cell, and what is refused."""

import ast
import json
import math
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.grid import fields

ROOT = Path(__file__).parents[2]
GRID_FILES = sorted((ROOT / "sweeps").glob("*.py"))
POOL = 49


def cells(**fields):
    return grid.resolve(tiny.config(**fields)).cells


def only(**fields):
    (cell,) = cells(**fields)
    return cell


def chained(**parts):
    config = tiny.config()
    config.chain = parts
    return config


def test_fractions_of_a_grid_become_n_train():
    found = grid.resolve(tiny.config(train_fraction=(0.29, 0.57, 1), modulus=10))
    assert [cell.lane["n_train"] for cell in found.cells] == [29, 57, 100]
    assert "train_fraction" not in found.cells[0].lane


def test_n_train_is_an_axis_of_its_own():
    found = grid.resolve(tiny.config(n_train=(10, 20), train_fraction=()))
    assert found.dims["n_train"] == (10, 20)
    assert "train_fraction" not in found.axes
    assert [cell.lane["n_train"] for cell in found.cells] == [10, 20]


def test_the_same_training_by_fraction_or_by_count_is_one_cell():
    assert only(n_train=(24,), train_fraction=()).id == only(train_fraction=(0.5,)).id


def test_groups_share_a_padded_size_and_hold_every_cell_once():
    found = grid.resolve(
        tiny.config(modulus=23, train_fraction=(), n_train=(33, 34, 35), seed=(0, 1))
    )
    sizes = [group.setup.train_size for group in found.groups]
    assert sizes == [34, 36]
    held = [cell.id for group in found.groups for cell in group.cells]
    assert sorted(held) == sorted(cell.id for cell in found.cells)
    for group in found.groups:
        for cell in group.cells:
            assert cell.lane["n_train"] <= group.setup.train_size <= 23**2


def test_the_whole_pool_is_not_padded():
    (group,) = grid.resolve(tiny.config(train_fraction=(1.0,))).groups
    assert group.setup.train_size == POOL


OTHER = {
    "operation": "x*y",
    "modulus": 11,
    "equals_logit": False,
    "table_seed": 1,
    "layers": 2,
    "d_model": 16,
    "heads": 1,
    "d_head": 8,
    "d_mlp": 32,
    "activation": "gelu",
    "attention_only": True,
    "layer_norm": True,
    "biases": "none",
    "loss": "float32",
    "warmup_steps": 0,
    "eps": 1e-6,
    "precision": "bf16",
    "eval_every": 20,
    "stop": "steps",
    "steps_past_grok": 10,
    "regime": ("online", {"batch_size": 8}),
    "batch_size": 4,
    "test_size": 64,
    "optimiser": "sgd",
    "schedule": "cosine",
    "weight_norm": "constant",
    "objective": ("frequencies", {"frequencies": "2"}),
    "decay_on": "W_E",
    "momentum": (0.9,),
    "l1": (0.1,),
    "dropout": (0.1,),
    "measures": "fourier",
    "accuracy_threshold": 0.9,
    "hold": 2,
    "grok_ratio": 3.0,
    "learning_rate": (1e-2,),
    "beta1": (0.8,),
    "beta2": (0.9,),
    "init_scale": (0.5,),
    "steps": (80,),
    "weight_decay": (0.5,),
    "train_fraction": (0.3,),
    "train_size": 2209,
    "seed": (1,),
}


@pytest.mark.parametrize("field", OTHER)
def test_a_decisive_field_changes_the_id(field):
    value, more = OTHER[field], {}
    if field in ("regime", "objective"):
        value, more = value
    changed = only(**{"model": "transformer", field: value} | more)
    before = only(model="transformer")
    assert changed.id != before.id
    assert (changed.kin == before.kin) == (field == "steps")


def test_a_neutral_field_changes_no_id_where_it_is_left_as_it_was():
    config = tiny.config()
    for name, value in fields.neutral().items():
        assert config[name] == value
        del config[name]
    before = grid.resolve(config)
    assert before.cells == grid.resolve(tiny.config()).cells
    assert fields.neutral().items() <= before.config.items()


def test_no_field_is_forgotten_here():
    aside = {"zip", "chain", "task", "model", "dtype", "n_train"}
    aside |= {
        name
        for name, field in fields.general().items()
        if not field.decides and name != "train_size"
    }
    assert set(OTHER) == set(grid.base("laptop")) - aside


def test_a_field_that_this_task_does_not_read_is_not_part_of_the_id():
    assert only(digits=3, repeat_length=4).id == only().id


def test_what_decides_nothing_is_not_part_of_the_id():
    kept = {"snapshots": "all", "snapshot_every": 7, "snapshot_early_until": 0}
    same = only(block_width=4, snapshot_early_every=3, **kept)
    assert (same.id, same.kin) == (only().id, only().kin)
    config = tiny.config()
    config.scale = "post"
    assert grid.resolve(config).cells[0].id == only().id


def test_the_grid_around_a_cell_is_not_part_of_the_id():
    alone = only(seed=(1,)).id
    crowd = {c.axes["seed"]: c.id for c in cells(seed=(2, 1, 0))}
    assert crowd[1] == alone
    config = chained(a={"seed": (1,)}, b={"seed": (7,)})
    assert grid.resolve(config).cells[0].id == alone


def test_one_and_one_point_zero_are_one_value():
    assert only(weight_decay=(1,)).id == only(weight_decay=(1.0,)).id
    assert only(grok_ratio=2).id == only(grok_ratio=2.0).id
    assert only(weight_decay=(np.float64(1),)).id == only(weight_decay=(1.0,)).id
    assert only(seed=(np.int64(3),)).id == only(seed=(3,)).id
    assert only(modulus=np.int64(7), grok_ratio=np.float64(2)).id == only().id


def test_the_resolved_grid_is_plain_json():
    found = grid.resolve(tiny.config(weight_decay=tuple(np.logspace(-1, 1, 3))))
    for cell in found.cells:
        assert json.loads(json.dumps(cell.lane)) == cell.lane
        assert json.loads(json.dumps(cell.axes)) == cell.axes


@pytest.mark.process
def test_ids_are_the_same_in_another_process():
    program = (
        "import tiny; from jaxgrok import grid; "
        "print([c.id for c in grid.resolve(tiny.config(seed=(0, 1))).cells])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ
        | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ast.literal_eval(found.stdout) == [c.id for c in cells(seed=(0, 1))]


@pytest.mark.parametrize("scale", ["laptop", "post"])
@pytest.mark.parametrize("file", GRID_FILES, ids=lambda file: file.stem)
def test_every_grid_file_resolves(file, scale):
    module = runpy.run_path(str(file))
    assert module["__doc__"].strip()
    found = grid.resolve(module["get_config"](scale))
    assert found.config["scale"] == scale
    assert found.cells
    size = math.prod(len(values) for values in found.dims.values())
    assert not found.dims or size == len(found.cells)


@pytest.mark.parametrize("file", GRID_FILES, ids=lambda file: file.stem)
def test_every_grid_file_has_a_default_scale(file):
    assert grid.resolve(runpy.run_path(str(file))["get_config"]()).cells


def test_title_names_task_and_scale():
    assert grid.resolve(tiny.config()).title == "x+y mod 7 · laptop"


REFUSED = [
    ({"weight_dekay": (1.0,)}, r"'weight_dekay'.*did you mean 'weight_decay'"),
    ({"seed": [0, 1]}, r"seed=\[0, 1\] is a list; axes are tuples: write \(0, 1\)"),
    ({"seed": 3}, r"seed=3 is an int; axes are tuples: write \(3,\)"),
    ({"weight_decay": 0.5}, r"weight_decay=0.5 is a float.*write \(0.5,\)"),
    ({"seed": ()}, r"seed=\(\) is empty; give at least one value"),
    ({"train_fraction": ()}, r"train_fraction=\(\) is empty"),
    ({"seed": (0, 1, 0)}, r"seed=\(0, 1, 0\) holds 0 twice; drop one"),
    ({"weight_decay": (1, 1.0)}, r"weight_decay=\(1.0, 1.0\) holds 1.0 twice"),
    ({"seed": (0.5,)}, r"seed=0.5 must be a whole number"),
    ({"seed": (True,)}, "seed=True must be a whole number"),
    ({"beta1": ("a",)}, r"beta1='a' must be a finite number"),
    ({"weight_decay": (math.nan,)}, "weight_decay=nan must be a finite number"),
    ({"weight_decay": ((1,),)}, r"weight_decay=\(1,\) must be a finite number"),
    ({"train_fraction": (0.0,)}, r"train_fraction=0.0 must be in \(0, 1\]"),
    ({"train_fraction": (-0.1,)}, r"train_fraction=-0.1 must be in \(0, 1\]"),
    ({"train_fraction": (1.01,)}, r"train_fraction=1.01 must be in \(0, 1\]"),
    ({"train_fraction": (0.02,)}, "train_fraction=0.02 of 49.*take at least 0.020409"),
    (
        {"train_fraction": (), "n_train": (50,)},
        r"n_train=50 must be 1 … 49: there are 49 training pairs",
    ),
    ({"train_fraction": (), "n_train": (0,)}, "n_train=0 must be at least 1"),
    ({"n_train": (5,)}, r"n_train and train_fraction are both given.*n_train=\(\)"),
    ({"seed": (-1,)}, "seed=-1 must be at least 0"),
    ({"seed": (2**31,)}, f"seed={2**31} must be at most 2147483647"),
    ({"weight_decay": (-1,)}, "weight_decay=-1.0 must be at least 0"),
    ({"beta2": (1.0,)}, r"beta2=1.0 must be in \[0, 1\)"),
    ({"steps": (0,)}, "steps=0 must be at least 1"),
    (
        {"steps": (45,)},
        "steps=45.*multiple of eval_every=10; use 50 or change eval_eve",
    ),
    ({"steps_past_grok": 5}, "steps_past_grok=5.*multiple of eval_every=10"),
    ({"eval_every": 0}, "eval_every=0 must be at least 1"),
    ({"block_width": -1}, "block_width=-1 must be at least 0"),
    ({"operation": "x/y", "modulus": 10}, "operation='x/y' needs a prime.*modulus=10"),
    ({"operation": "x%y"}, r"operation='x%y' must be one of x\+y"),
    ({"modulus": 1}, "modulus=1 must be at least 2"),
    ({"task": "nope"}, "task='nope' is unknown; choose one of modular"),
    ({"model": "nope"}, "model='nope' is unknown; choose one of transformer"),
    ({"task": ["modular"]}, r"task=\['modular'\] is a list; axes are tuples"),
    ({"modulus": "x"}, "modulus='x' must be a whole number"),
    ({"modulus": True}, "modulus=True must be a whole number"),
    ({"d_model": 8.5}, "d_model=8.5 must be a whole number"),
    ({"d_model": None}, "d_model=None must be a whole number"),
    ({"eps": "small"}, "eps='small' must be a finite number"),
    ({"eps": math.inf}, "eps=inf must be a finite number"),
    ({"layer_norm": 1}, "layer_norm=1 must be True or False"),
    ({"activation": 3}, "activation=3 must be a string"),
    ({"activation": "tanh"}, "activation='tanh' must be one of relu, gelu"),
    ({"heads": 0}, "heads=0 must be at least 1"),
    ({"loss": "exakt"}, "loss='exakt' must be one of exact, float64, float32"),
    ({"precision": "low"}, "precision='low' must be one of float32, tf32"),
    ({"dtype": "float64"}, "dtype='float64' needs.*JAX_ENABLE_X64=1"),
    ({"accuracy_threshold": 1.5}, r"accuracy_threshold=1.5 must be in \(0, 1\]"),
    ({"hold": 0}, "hold=0 must be at least 1"),
    ({"zip": "sed"}, "zip: field 'sed' is unknown; did you mean 'seed'?"),
    ({"zip": ("seed",)}, r"zip=\('seed',\) must be a string"),
    ({"zip": "n_train"}, r"n_train=\(\) is empty"),
    (
        {"zip": "seed,weight_decay", "seed": (0, 1)},
        "zip='seed, weight_decay' needs axes of one length; seed has 2, weight_decay",
    ),
    (
        {"train_fraction": (0.5, 0.501)},
        r"two cells are the same training: .*0.5.* and .*0.501.*n_train=24.*drop one",
    ),
    ({"seed": range(10**30)}, r"seed=\(0, 1.* has more than 1,000,000 values"),
    ({"modulus": range(10**30)}, r"modulus=\(0, 1.* has more than 1,000,000 values"),
    (
        {"seed": range(2000), "weight_decay": range(1000)},
        "seed has 2,000 values, and the grid 2000000 cells; take at most 1,000,000",
    ),
    ({"bits": 0}, "bits=0 must be at least 1"),  # of parity, which is not named
    ({"bits": (20, "a")}, "bits='a' must be a whole number"),
    ({"chain": {"a": 3}}, "chain.a=3 must be a dict of fields"),
    ({"chain": {"a": {"modulos": 5}}}, "chain.a: field 'modulos' is unknown; did"),
    ({"chain": {"a": {"stop": "steps"}}}, "chain.a: field 'stop' is one for the whole"),
    ({"chain": {"a": {"seed": [1]}}}, r"chain.a.seed=\[1\] is a list"),
    ({"chain": {"a": {}, "b": {}}}, "two cells are the same training"),
]


@pytest.mark.parametrize(
    ("fields", "message"), REFUSED, ids=[str(fields) for fields, _ in REFUSED]
)
def test_bad_input_is_refused_in_one_line(fields, message):
    with pytest.raises(ValueError, match=message) as error:
        config = tiny.config()
        for name, value in fields.items():
            config[name] = value
        grid.resolve(config)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("config", [None, {"seed": (0,)}, 3])
def test_a_config_of_another_making_is_refused(config):
    with pytest.raises(ValueError, match=r"not a ConfigDict; start from jaxgrok\.grid"):
        grid.resolve(config)


def test_a_missing_field_is_named():
    config = tiny.config()
    del config.beta1
    with pytest.raises(ValueError, match="field 'beta1' is missing; start from"):
        grid.resolve(config)
