"""Weighted sums of looked-up rows, fast on CPUs in both directions.

An embedding bag of several tables, with a weight for each row. It and the two products
that are its gradients are parts of one trilinear sum over (examples, places, tables,
columns), so that each is the gradient of the others: reverse mode works to any order,
forward mode does not. On a CPU a multiplication costs eight times what it does in a
matrix product, so that this pays where it saves more (docs/performance.md).

    >>> sums = bag(weights, tables, place)
"""

import functools
import operator
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

COLUMNS = 32
"""How many columns are multiplied side by side in `products`."""
TERMS = 4
"""How many rows are added in one pass of `spread`."""


@jax.custom_vjp
def bag(weights: jax.Array, tables: jax.Array, place: jax.Array) -> jax.Array:
    """Add rows: found[e] = Σ over i and t of weights[e, i, t] tables[t, place[e, i]].

    Args:
        weights: [examples, places, tables].
        tables: [tables, rows, columns].
        place: the row of every example and place: [examples, places] integers.

    Returns:
        [examples, columns].
    """
    terms = _add(
        weights[:, :, t, None] * tables[t][place] for t in range(weights.shape[2])
    )
    # Added by `sum`, which XLA does not compute again for each of its readers.
    return terms.sum(1)


@jax.custom_vjp
def products(sums: jax.Array, tables: jax.Array, place: jax.Array) -> jax.Array:
    """Multiply by rows: [e, i, t] = Σ over n of sums[e, n] tables[t, place[e, i], n].

    The gradient of `bag` by its weights, where `sums` [examples, columns] is that by
    its result. Returns [examples, places, tables].
    """
    # XLA does not vectorise a sum over the last axis: so COLUMNS sums side by side.
    beyond = -sums.shape[1] % COLUMNS
    sums = jnp.pad(sums, ((0, 0), (0, beyond)))
    tables = jnp.pad(tables, ((0, 0), (0, 0), (0, beyond)))
    which = jnp.arange(len(tables))[None]

    def one(place: jax.Array) -> jax.Array:
        side_by_side = _add(
            sums[:, None, start : start + COLUMNS]
            * tables[:, :, start : start + COLUMNS][which, place[:, None]]
            for start in range(0, sums.shape[1], COLUMNS)
        )
        return side_by_side.sum(-1)

    # A loop, so that `sums` is computed before it, and not again for every row.
    return jnp.moveaxis(jax.lax.map(one, place.T), 0, 1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def spread(
    weights: jax.Array, sums: jax.Array, place: jax.Array, rows: int
) -> jax.Array:
    """Add to rows: found[t, r] = Σ over e, i with place r of weights[e, i, t] sums[e].

    The gradient of `bag` by its tables: [tables, rows, columns]. Every row gathers its
    own examples, TERMS at a time and in their order; a scatter adds one by one.
    """
    places, tables = weights.shape[1:]
    order = jnp.argsort(place.ravel())
    edges = jnp.searchsorted(place.ravel()[order], jnp.arange(rows + 1))
    start, end = edges[:-1], edges[1:]
    in_order, example = weights.reshape(-1, tables)[order], order // places

    def add(step: jax.Array, found: jax.Array) -> jax.Array:
        for turn in range(TERMS):
            at = start + step * TERMS + turn
            own = jnp.clip(at, 0, jnp.maximum(end - 1, 0))
            weight = jnp.where((at < end)[:, None], in_order[own], 0)
            found = found + weight.T[..., None] * sums[example[own]][None]
        return found

    steps = -(-jnp.max(end - start) // TERMS)
    nothing = jnp.zeros((tables, rows, sums.shape[1]), sums.dtype)
    return jax.lax.fori_loop(0, steps, add, nothing)


def _add(terms: Iterable[jax.Array]) -> jax.Array:
    return functools.reduce(operator.add, terms)


def _keep(function: Callable[..., jax.Array]) -> Callable[..., Any]:
    """The forward rule that keeps all inputs for the gradient."""
    return lambda *inputs: (function(*inputs), inputs)


def _bag_gradients(inputs: Any, g: jax.Array) -> Any:
    weights, tables, place = inputs
    rows = tables.shape[1]
    return products(g, tables, place), spread(weights, g, place, rows), None


def _products_gradients(inputs: Any, g: jax.Array) -> Any:
    sums, tables, place = inputs
    return bag(g, tables, place), spread(g, sums, place, tables.shape[1]), None


def _spread_gradients(_: int, inputs: Any, g: jax.Array) -> Any:
    weights, sums, place, _ = inputs
    return products(sums, g, place), bag(weights, g, place), None


bag.defvjp(_keep(bag), _bag_gradients)
products.defvjp(_keep(products), _products_gradients)
spread.defvjp(_keep(spread), _spread_gradients)
