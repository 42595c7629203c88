"""Sums of looked-up rows and their gradients, against the plain formula in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgrok.models import embedding_bag as bags

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def plain_bag(weights, tables, place):
    one_hot = jax.nn.one_hot(place, tables.shape[1], dtype=tables.dtype)
    return jnp.einsum("eit,eir,trn->en", weights, one_hot, tables)


def plain_products(sums, tables, place):
    one_hot = jax.nn.one_hot(place, tables.shape[1], dtype=tables.dtype)
    return jnp.einsum("en,eir,trn->eit", sums, one_hot, tables)


def plain_spread(weights, sums, place, rows):
    one_hot = jax.nn.one_hot(place, rows, dtype=sums.dtype)
    return jnp.einsum("eit,eir,en->trn", weights, one_hot, sums)


# Columns around a multiple of bags.COLUMNS, and counts around bags.TERMS.
SIZES = {
    "one of each": (1, 1, 1, 1, 1),
    "few": (7, 2, 3, 4, 5),
    "wide": (40, 2, 4, 9, 2 * bags.COLUMNS),
    "wider": (41, 3, 2, 6, bags.COLUMNS + 1),
}


@pytest.fixture(
    params=[
        pytest.param(
            size, id=name, marks=pytest.mark.slow if name in ("few", "wide") else ()
        )
        for name, size in SIZES.items()
    ]
)
def arrays(request):
    """Weights, tables, sums and places; some rows are nobody's."""
    examples, places, tables, rows, columns = request.param
    generator = np.random.default_rng(0)

    def normal(*shape):
        return jnp.asarray(generator.normal(size=shape))

    place = generator.integers(rows, size=(examples, places)) ** 2 // rows
    return (
        normal(examples, places, tables),
        normal(tables, rows, columns),
        normal(examples, columns),
        jnp.asarray(place, jnp.int32),
    )


def pairs(weights, tables, sums, place):
    """Each function with its plain form and its arrays; places are bound."""
    rows = tables.shape[1]
    return {
        "bag": (
            lambda w, t: bags.bag(w, t, place),
            lambda w, t: plain_bag(w, t, place),
            (weights, tables),
        ),
        "products": (
            lambda s, t: bags.products(s, t, place),
            lambda s, t: plain_products(s, t, place),
            (sums, tables),
        ),
        "spread": (
            lambda w, s: bags.spread(w, s, place, rows),
            lambda w, s: plain_spread(w, s, place, rows),
            (weights, sums),
        ),
    }


def gradients(function, times):
    """The gradients of a curved scalar of a function, taken so many times."""

    def scalar(*inputs):
        return jnp.sum(jnp.sin(function(*inputs)))

    if times == 0:
        return function
    first = jax.grad(scalar, argnums=(0, 1))
    if times == 1:
        return first
    return jax.grad(lambda *x: sum(map(jnp.vdot, first(*x), x)), argnums=(0, 1))


@pytest.mark.parametrize("times", [0, 1, 2], ids=["value", "gradient", "second"])
@pytest.mark.parametrize("name", ["bag", "products", "spread"])
def test_values_and_gradients_are_those_of_the_plain_sum(arrays, name, times):
    ours, plain, inputs = pairs(*arrays)[name]
    found, want = (jax.jit(gradients(f, times))(*inputs) for f in (ours, plain))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(want), strict=True):
        assert jnp.any(other != 0)
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)


def test_a_row_that_many_share_does_not_change_its_neighbour_lane():
    """Two lanes under vmap: how often a row occurs in one is nothing to the other."""
    generator = np.random.default_rng(1)
    weights = jnp.asarray(generator.normal(size=(2, 30, 2, 3)))
    sums = jnp.asarray(generator.normal(size=(2, 30, 4)))
    even = jnp.asarray(generator.integers(5, size=(30, 2)))
    crowded = jnp.zeros_like(even)
    spread = jax.jit(jax.vmap(lambda w, s, p: bags.spread(w, s, p, 5)))
    beside_even = spread(weights, sums, jnp.stack([even, even]))
    beside_crowded = spread(weights, sums, jnp.stack([even, crowded]))
    np.testing.assert_array_equal(beside_even[0], beside_crowded[0])
    for lane, place in enumerate((even, crowded)):
        want = plain_spread(weights[lane], sums[lane], place, 5)
        np.testing.assert_allclose(beside_crowded[lane], want, rtol=1e-12, atol=1e-12)
