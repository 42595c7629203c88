"""Programs of static fields: padded sizes, and what cannot be made."""

import pytest

import tiny
from jaxgrok.grid import resolve, setups

REFUSED = [
    (
        {"operation": "x/y", "modulus": 10},
        "operation='x/y' needs a prime modulus, got modulus=10",
    ),
    ({"task": "digits", "digits": 0}, "digits=0 must be at least 1"),
    (
        {"task": "repeats", "repeat_length": 60},
        "repeat_length=60 does not fit: length=16 is 2 parts of 8 tokens",
    ),
    ({"task": "trigrams", "large": 1}, "large=1 must be at least 2"),
    (
        {"task": "digits", "digits": 1, "n_train": (101,), "train_fraction": ()},
        "n_train=101 must be 1 … 100: there are 100 different examples",
    ),
    (
        {"model": "mlp", "attention_only": True},
        "attention_only=True: an MLP has no attention",
    ),
    ({"task": "digits", "model": "mlp"}, "model='mlp' cannot read this task"),
    ({"task": "digits"}, "train_fraction=0.5 needs a task whose examples can be"),
    ({"regime": "online"}, "batch_size=0 must be at least 1 where regime is online"),
    ({"regime": "both"}, "regime='both' must be one of finite, online"),
    (
        {"optimiser": "tiger"},
        "optimiser='tiger' is unknown; choose one of adamw, adam, sgd",
    ),
    ({"momentum": (1.0,)}, "momentum=1.0 must be in [0, 1)"),
    ({"dropout": (1.0,)}, "dropout=1.0 must be in [0, 1)"),
    ({"decay_on": "W_X"}, "decay_on='W_X': 'W_X' fits no parameter; there are"),
]


@pytest.mark.parametrize(
    ("fields", "message"), REFUSED, ids=[str(fields) for fields, _ in REFUSED]
)
def test_what_no_program_can_do_is_refused_in_one_line(fields, message):
    with pytest.raises(ValueError) as error:
        resolve(tiny.config(**fields))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_ladder_wastes_at_most_a_tenth_and_has_few_rungs():
    pool, rungs = 20_000, set()
    for n in range(1, pool + 1):
        size = setups.padded(n, pool)
        rungs.add(size)
        assert n <= size <= pool
        assert size - n <= n / 10
        assert size >= setups.padded(n - 1, pool) or n == 1
    assert len(rungs) < 200


def test_a_small_pool_is_one_program_whatever_its_training_sets():
    assert {setups.padded(n, 22**2) for n in range(1, 22**2 + 1)} == {22**2}
    assert setups.padded(40, 23**2) == 40
