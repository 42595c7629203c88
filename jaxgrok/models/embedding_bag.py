"""Weighted sums of looked-up rows, fast on CPUs in both directions.

An embedding bag over several tables, with a weight for each row. `bag` and its two
gradients, `products` and `spread`, are parts of one trilinear sum over (examples,
slots, tables, columns), so each is the gradient of the others: reverse mode works to
any order, forward mode does not. On a CPU a multiplication here costs eight times one
in a matrix product, so this pays only if it saves more than that
(docs/performance.md).

    >>> sums = bag(weights, tables, row_index)
"""

import functools
import operator
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

COLUMNS = 32
"""Number of columns that `products` multiplies side by side."""
TERMS = 4
"""Number of rows that `spread` adds in one pass."""


@jax.custom_vjp
def bag(weights: jax.Array, tables: jax.Array, row_index: jax.Array) -> jax.Array:
    """Add rows: [e] = Σ over i and t of weights[e, i, t] tables[t, row_index[e, i]].

    Args:
        weights: [examples, slots, tables].
        tables: [tables, rows, columns].
        row_index: the row of every example and slot: [examples, slots] integers.

    Returns:
        [examples, columns].
    """
    terms = _add(
        weights[:, :, t, None] * tables[t][row_index] for t in range(weights.shape[2])
    )
    # XLA would compute a chain of additions again for each use, but not a `sum`.
    return terms.sum(1)


@jax.custom_vjp
def products(sums: jax.Array, tables: jax.Array, row_index: jax.Array) -> jax.Array:
    """Multiply by rows: [e, i, t] = Σ over n of sums[e, n] tables[t, r, n].

    r is row_index[e, i], the row of the example and slot.

    The gradient of `bag` by its weights, where `sums` [examples, columns] is the
    gradient by its result. Returns [examples, slots, tables].
    """
    # XLA does not vectorise a sum over the last axis: so COLUMNS sums side by side.
    padding = -sums.shape[1] % COLUMNS
    sums = jnp.pad(sums, ((0, 0), (0, padding)))
    tables = jnp.pad(tables, ((0, 0), (0, 0), (0, padding)))
    table = jnp.arange(len(tables))[None]

    def of_slot(rows: jax.Array) -> jax.Array:
        side_by_side = _add(
            sums[:, None, start : start + COLUMNS]
            * tables[:, :, start : start + COLUMNS][table, rows[:, None]]
            for start in range(0, sums.shape[1], COLUMNS)
        )
        return side_by_side.sum(-1)

    # In a loop XLA computes `sums` once, before it, and not again for every slot.
    return jnp.moveaxis(jax.lax.map(of_slot, row_index.T), 0, 1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def spread(
    weights: jax.Array, sums: jax.Array, row_index: jax.Array, rows: int
) -> jax.Array:
    """Add to rows: [t, r] = Σ of weights[e, i, t] sums[e] where row_index[e, i] = r.

    The gradient of `bag` by its tables: [tables, rows, columns]. Every row gathers its
    own examples, TERMS at a time and in their order; a scatter adds one by one.
    """
    slots, tables = weights.shape[1:]
    # Entries [examples × slots] sorted by row; row r owns those in [start[r], end[r]).
    # The sort is stable, so each row adds its entries in the order of the examples.
    order = jnp.argsort(row_index.ravel())
    edges = jnp.searchsorted(row_index.ravel()[order], jnp.arange(rows + 1))
    start, end = edges[:-1], edges[1:]
    in_order, example = weights.reshape(-1, tables)[order], order // slots

    def add(step: jax.Array, total: jax.Array) -> jax.Array:
        for term in range(TERMS):
            entry = start + step * TERMS + term
            # A row that has no entry left adds its last one with weight 0.
            clipped = jnp.clip(entry, 0, jnp.maximum(end - 1, 0))
            weight = jnp.where((entry < end)[:, None], in_order[clipped], 0)
            total = total + weight.T[..., None] * sums[example[clipped]][None]
        return total

    steps = -(-jnp.max(end - start) // TERMS)
    zeros = jnp.zeros((tables, rows, sums.shape[1]), sums.dtype)
    totals: jax.Array = jax.lax.fori_loop(0, steps, add, zeros)
    return totals


def _add(terms: Iterable[jax.Array]) -> jax.Array:
    """Add terms from left to right."""
    return functools.reduce(operator.add, terms)


def _keep(function: Callable[..., jax.Array]) -> Callable[..., Any]:
    """Return the forward rule that keeps all inputs for the gradient."""
    return lambda *inputs: (function(*inputs), inputs)


def _bag_gradients(inputs: Any, g: jax.Array) -> Any:
    """Return the gradients of `bag` by its inputs."""
    # In the order of the inputs; None, as an index has no gradient.
    weights, tables, row_index = inputs
    rows = tables.shape[1]
    return products(g, tables, row_index), spread(weights, g, row_index, rows), None


def _products_gradients(inputs: Any, g: jax.Array) -> Any:
    """Return the gradients of `products` by its inputs."""
    sums, tables, row_index = inputs
    return bag(g, tables, row_index), spread(g, sums, row_index, tables.shape[1]), None


def _spread_gradients(_: int, inputs: Any, g: jax.Array) -> Any:
    """Return the gradients of `spread` by its inputs."""
    weights, sums, row_index, _ = inputs
    return products(sums, g, row_index), bag(weights, g, row_index), None


bag.defvjp(_keep(bag), _bag_gradients)
products.defvjp(_keep(products), _products_gradients)
spread.defvjp(_keep(spread), _spread_gradients)
