"""Modular operations against tables that plain loops make, and as sums in a group."""

import dataclasses

import numpy as np
import pytest

from jaxgrok import grid
from jaxgrok.tasks import modular
from jaxgrok.tasks.modular import OPERATIONS, Modular

BY_HAND = {
    "x+y": lambda x, y: x + y,
    "x-y": lambda x, y: x - y,
    "x*y": lambda x, y: x * y,
    "x^2+y^2": lambda x, y: x * x + y * y,
    "x^2+xy+y^2": lambda x, y: x * x + x * y + y * y,
    "x^2+xy+y^2+x": lambda x, y: x * x + x * y + y * y + x,
    "x^3+xy": lambda x, y: x * x * x + x * y,
    "x^3+xy^2+y": lambda x, y: x * x * x + x * y * y + y,
}


def test_every_operation_has_a_table_here():
    assert set(OPERATIONS) == {*BY_HAND, "x/y"}


@pytest.mark.parametrize("modulus", [2, 3, 6, 7, 10])
@pytest.mark.parametrize("operation", BY_HAND)
def test_pool_is_the_table_by_hand(operation, modulus):
    tokens, labels = Modular(operation=operation, modulus=modulus).pool()
    expected_tokens, expected_labels = [], []
    for x in range(modulus):
        for y in range(modulus):
            expected_tokens.append([x, y, modulus])
            expected_labels.append([BY_HAND[operation](x, y) % modulus])
    assert tokens.tolist() == expected_tokens
    assert labels.tolist() == expected_labels
    assert tokens.dtype == labels.dtype == np.int32


def test_x_minus_y_stays_in_the_vocabulary():
    tokens, labels = Modular(operation="x-y", modulus=5).pool()
    row = 1 * 5 + 3
    assert tokens[row].tolist() == [1, 3, 5]
    assert labels[row].tolist() == [3]


@pytest.mark.parametrize("operation", ["x^3+xy", "x^3+xy^2+y"])
def test_powers_do_not_overflow(operation):
    p = 1301  # its cube does not fit in 32 bits
    _, labels = Modular(operation=operation, modulus=p).pool()
    assert labels[-1].tolist() == [BY_HAND[operation](p - 1, p - 1) % p]


@pytest.mark.parametrize("modulus", [2, 3, 7, 11])
def test_quotient_times_divisor_is_the_dividend(modulus):
    task = Modular(operation="x/y", modulus=modulus)
    tokens, labels = task.pool()
    assert len(tokens) == task.pool_size == modulus * (modulus - 1)
    pairs = {(int(x), int(y)) for x, y, _ in tokens}
    assert pairs == {(x, y) for x in range(modulus) for y in range(1, modulus)}
    for (x, y, _), (quotient,) in zip(tokens, labels, strict=True):
        assert (quotient * y) % modulus == x
        assert 0 <= quotient < modulus


@pytest.mark.parametrize("modulus", [4, 9, 10])
def test_division_by_a_composite_modulus_is_refused(modulus):
    with pytest.raises(ValueError, match=rf"operation='x/y'.*prime.*modulus={modulus}"):
        Modular(operation="x/y", modulus=modulus)


def test_modulus_below_two_is_refused():
    with pytest.raises(ValueError, match="modulus=1 must be at least 2"):
        Modular(modulus=1)


def test_unknown_operation_lists_the_names():
    with pytest.raises(ValueError, match=r"operation='x\*\*y' must be one of") as error:
        Modular(operation="x**y")
    for name in (*OPERATIONS, "random"):
        assert name in str(error.value)


def test_random_table_belongs_to_the_task():
    one, again = (Modular("random", 6, table_seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.pool()[1], again.pool()[1])
    other = Modular("random", 6, table_seed=4).pool()[1]
    assert (one.pool()[1] != other).any()
    labels = one.pool()[1]
    assert labels.shape == (36, 1)
    assert set(labels.ravel().tolist()) <= set(range(6))
    assert len(set(labels.ravel().tolist())) > 1


def test_cells_of_other_seeds_memorise_the_same_random_table():
    config = grid.base("laptop")
    config.update(operation="random", modulus=5, seed=(0, 1), weight_decay=(0.0, 1.0))
    (group,) = grid.resolve(config).groups
    assert {cell.lane["seed"] for cell in group.cells} == {0, 1}
    assert group.setup.task == Modular("random", 5)


@pytest.mark.parametrize(("equals_logit", "classes"), [(True, 8), (False, 7)])
def test_vocabularies(equals_logit, classes):
    task = Modular(modulus=7, equals_logit=equals_logit)
    assert (task.vocab_in, task.vocab_out) == (8, classes)
    tokens, _ = task.pool()
    assert tokens.max() == task.vocab_in - 1
    assert task.read == (2,)
    assert task.fixed_tokens == (None, None, 7)
    assert (tokens[:, 2] == 7).all()


def test_tasks_are_static():
    assert hash(Modular(modulus=7)) == hash(Modular(modulus=7))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Modular().modulus = 5


def test_readings():
    assert Modular("x-y", 4).reading == modular.Reading(4, (0, 1, 2, 3), -1)
    # 3 is the smallest primitive root of 7: 1, 3, 9=2, 6, 18=4, 12=5.
    assert Modular("x*y", 7).reading == modular.Reading(6, (1, 3, 2, 6, 4, 5), 1)
    assert Modular("x/y", 7).reading == modular.Reading(6, (1, 3, 2, 6, 4, 5), -1)
    for p in (3, 5, 11, 23, 41):  # the smallest primitive root of 41 is 6
        assert sorted(Modular("x*y", p).reading.elements) == list(range(1, p))
