"""The fewest cycles that a TPU's matrix units need for the products of a program.

Products are counted in the program as JAX traces it for one lane, with look-ups as
gathers: a one-hot product is a way to look something up, and counts as lost time.

    >>> cycles = floor(step_products(setup), "float32", CHIPS["v5e"])
"""

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgrok.engine import programs
from jaxgrok.models.device_costs import DeviceCosts
from jaxgrok.training import trainer
from jaxgrok.training.precision import products
from jaxgrok.training.setup import Setup

GATHERED = DeviceCosts(gathered=0, scattered=0, weighted=math.inf, examples_last=False)
"""Costs with which a network looks everything up by gathers."""
PASSES = {"float32": 6, "bf16x3": 3, "bf16": 1}
"""bfloat16 products that make one of a precision that a TPU computes."""


class Chip(NamedTuple):
    """What a kind of TPU can do.

    Attributes:
        topology: what libtpu calls a host with four of them.
        peak: bfloat16 operations a second.
        clock: cycles a second.
        memory: bytes of one chip.
    """

    topology: str
    peak: float
    clock: float
    memory: float


CHIPS = {
    "v5e": Chip("v5e:2x2", peak=197e12, clock=1.5e9, memory=16e9),
    "v6e": Chip("v6e:2x2", peak=918e12, clock=1.75e9, memory=32e9),
}
"""Peaks and memory: cloud.google.com/tpu/docs/v5e and v6e. The clocks are those of the
compiler's estimate: a bfloat16 product of 8192 × 4096 × 4096 is estimated at 98% of
the v5e's peak and 91% of the v6e's."""


def floor(operations: int, precision: str, chip: Chip) -> float:
    """Return the cycles of a number of operations in matrix products."""
    computed = products(precision, "tpu").computes
    return operations * PASSES[computed] / (chip.peak / chip.clock)


def step_products(setup: Setup) -> int:
    """Count the operations in matrix products of one lane's training step."""
    setup = _gathering(setup)
    lane, state = programs.one_lane(setup)
    train = functools.partial(trainer.train, setup)
    # The loop over steps is counted once, and nothing outside it multiplies matrices.
    return count(jax.make_jaxpr(train)(lane, state, np.int32(1)).jaxpr)


def evaluation_products(setup: Setup) -> int:
    """Count the operations in matrix products of one lane's evaluation."""
    setup = _gathering(setup)
    evaluate = functools.partial(trainer.evaluate, setup)
    return count(jax.make_jaxpr(evaluate)(*programs.one_lane(setup)).jaxpr)


def count(jaxpr: Any) -> int:
    """Count multiplications and additions in the matrix products of a jaxpr.

    Products that nobody reads do not count, as the compiler leaves them out. A scan's
    count each round, a `while`'s once, and of a `cond` the dearest branch's.
    """
    total = 0
    for eqn in _read(jaxpr):
        name = eqn.primitive.name
        counts = [count(inner) for inner in _inner(eqn.params.values())]
        if name == "dot_general":
            (axes, _), _ = eqn.params["dimension_numbers"]
            contracted = math.prod(eqn.invars[0].aval.shape[axis] for axis in axes)
            total += 2 * contracted * math.prod(eqn.outvars[0].aval.shape)
        elif name == "cond":
            total += max(counts)
        else:
            total += sum(counts) * (eqn.params["length"] if name == "scan" else 1)
    return total


def _read(jaxpr: Any) -> Iterator[Any]:
    """Yield the equations of which a result is read, last first."""
    names = {id(variable) for variable in jaxpr.outvars}
    for eqn in reversed(jaxpr.eqns):
        if any(id(variable) in names for variable in eqn.outvars):
            names |= {id(variable) for variable in eqn.invars}
            yield eqn


def _inner(params: Iterable[Any]) -> Iterator[Any]:
    """Yield the jaxprs among an equation's parameters."""
    for value in params:
        if hasattr(value, "eqns"):
            yield value
        elif hasattr(value, "jaxpr"):
            yield value.jaxpr
        elif isinstance(value, tuple | list):
            yield from _inner(value)


def _gathering(setup: Setup) -> Setup:
    """Return a setup whose network looks rows up by gathers."""
    if not hasattr(setup.model, "costs"):
        return setup  # a model of the user's own
    model: Any = setup.model
    model = dataclasses.replace(model, costs=GATHERED)
    return dataclasses.replace(setup, model=model)
