"""Looked-up rows with examples last: the same numbers as a gather."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models.columns import FEW, in_order, look_up_columns, runs_of
from jaxgrok.models.device_costs import TPU

pytestmark = pytest.mark.long

SUMS = dataclasses.replace(TPU, gathered=0)
GATHERS = dataclasses.replace(TPU, gathered=0, scattered=0)
# Rows that each position can hold; one of a single row is fixed.
BLOCKS = {
    "x y =": (range(5), range(5, 10), range(10, 11)),
    "fixed inside": (range(1), range(1, 6), range(6, 7), range(7, 12), range(12, 17)),
    "many": tuple(range(3 * i, 3 * i + 3) for i in range(FEW + 2)),
    "many with gaps": tuple(range(6 * i, 6 * i + 3) for i in range(FEW + 2)),
    "any row": (range(7), range(7)),
    "all fixed": (range(1), range(1, 2)),
}


def lookup_case(blocks):
    generator = np.random.default_rng(0)
    rows = max(block.stop for block in blocks)
    table = jnp.asarray(generator.normal(size=(rows, 4)), jnp.float32)
    index = np.stack([generator.choice(block, size=6) for block in blocks], axis=1)
    return table, jnp.asarray(index)


@pytest.mark.parametrize(
    "costs", [TPU, SUMS, GATHERS], ids=["one-hot", "gather and sum", "gather"]
)
@pytest.mark.parametrize("blocks", BLOCKS.values(), ids=BLOCKS)
def test_columns_are_the_rows_of_a_gather(blocks, costs):
    table, index = lookup_case(blocks)

    def found(table):
        values = in_order(look_up_columns(table, index, blocks, costs))
        return jnp.broadcast_to(values, (*values.shape[:2], len(index)))

    weights = jnp.asarray(np.random.default_rng(1).normal(size=(len(blocks), 4, 6)))
    weights = weights.astype(jnp.float32)

    def expected(table):
        return table[index].transpose(1, 2, 0)

    def total(rows, table):
        return (rows(table) * weights).sum()

    @jax.jit
    def gradients(table):
        return [jax.grad(total, 1)(f, table) for f in both]

    both = found, expected
    np.testing.assert_array_equal(*[jax.jit(f)(table) for f in both])
    np.testing.assert_allclose(*gradients(table), rtol=1e-5, atol=1e-6)


def test_few_positions_and_fixed_ones_are_groups_of_their_own():
    def positions(name):
        table, index = lookup_case(BLOCKS[name])
        groups = look_up_columns(table, index, BLOCKS[name], TPU)
        return [(group.positions.tolist(), group.values.shape[-1]) for group in groups]

    assert positions("x y =") == [([0], 6), ([1], 6), ([2], 1)]
    assert positions("many") == [(list(range(FEW + 2)), 6)]
    assert positions("all fixed") == [([0], 1), ([1], 1)]


def test_runs_follow_each_other():
    runs = runs_of(np.array([0, 1, 3, 4, 5, 9, 8]))
    assert [run.tolist() for run in runs] == [[0, 1], [3, 4, 5], [9], [8]]
