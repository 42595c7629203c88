"""What describes a training: checked, hashable, and of the types that programs take."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxgrok.fields.field import Field, rows
from jaxgrok.models import transformer
from jaxgrok.tasks.modular import Modular
from jaxgrok.training import optimisers
from jaxgrok.training.lane import Lane
from jaxgrok.training.optimisers import OPTIMISERS, Optimiser
from jaxgrok.training.setup import Setup, blank_lane, lane_of

TASK = Modular(modulus=5)
MODEL = transformer.build(TASK)
NUMBERS = {name: value for value, name in enumerate(rows(Lane), 1)}


def setup(**fields):
    return Setup(**{"task": TASK, "model": MODEL, "train_size": 12} | fields)


@pytest.fixture
def with_own_number(monkeypatch):
    """An optimiser that has a number of its own, `nu`."""
    own = Field(name="nu", kind=float, default=1.0)
    rule = OPTIMISERS["sgd"].rule
    entries = dict(OPTIMISERS) | {"custom": Optimiser(rule, (own,))}
    monkeypatch.setattr(optimisers.OPTIMISERS, "_entries", entries)
    return "custom"


def test_equal_setups_are_one_key():
    assert hash(setup()) == hash(setup())
    assert {setup(): 1}[setup()] == 1
    assert setup(eps=1e-6) != setup()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setup().eps = 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train_size": 0}, "train_size=0 must be at least 1"),
        ({"eval_every": 0}, "eval_every=0 must be at least 1"),
        ({"loss": "hinge"}, "loss='hinge' must be one of exact"),
        ({"optimiser": "tiger"}, "optimiser='tiger' must be one of adamw"),
        ({"stop": "never"}, "stop='never' must be one of grokked, steps"),
        ({"precision": "highest"}, "precision='highest' must be one of float32, tf32"),
        (
            {"dtype": "float64", "precision": "bf16"},
            "precision='bf16' is one of float32 inputs; take dtype='float32'",
        ),
        ({"measures": "mood"}, "measures='mood' must be one of none"),
        (
            {"steps_past_grok": 150},
            "steps_past_grok=150 must be a multiple of eval_every=100",
        ),
        (
            {"task": Modular("x^2+y^2", 5), "measures": "fourier"},
            "measures='fourier'",
        ),
    ],
)
def test_what_no_program_can_train_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        setup(**fields)


def test_steps_past_a_grok_may_be_whole_chunks():
    assert setup(steps_past_grok=200).steps_past_grok == 200


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_of_a_lane_have_the_types_that_programs_take(dtype):
    lane = lane_of(setup(dtype=dtype), **NUMBERS)
    whole = {"seed", "n_train", "steps"}
    for name, number in NUMBERS.items():
        value = getattr(lane, name)
        assert value == number and value.shape == ()
        assert value.dtype == (np.int32 if name in whole else dtype)
    assert lane.own == {}


def test_an_optimiser_s_own_numbers_are_kept_by_name(with_own_number):
    lane = lane_of(setup(optimiser=with_own_number), **NUMBERS, nu=0.5)
    assert lane.own == {"nu": 0.5}
    assert lane.own["nu"].dtype == np.float32
    with pytest.raises(KeyError, match="nu"):
        lane_of(setup(optimiser=with_own_number), **NUMBERS)


def test_a_blank_lane_has_the_shapes_and_types_of_any_other(with_own_number):
    custom = setup(optimiser=with_own_number)
    blank, lane = blank_lane(custom), lane_of(custom, **NUMBERS, nu=1)
    assert jax.tree.structure(blank) == jax.tree.structure(lane)
    for zero, value in zip(jax.tree.leaves(blank), jax.tree.leaves(lane), strict=True):
        assert (zero, zero.dtype, zero.shape) == (0, value.dtype, value.shape)
