"""Optimisers and regularisers of one lane, built from its traced scalars.

Lanes may differ in every number; another name is another program.

    >>> optimiser = build(setup, lane, step)
    >>> updates, state = optimiser.update(grads, state, params)
    >>> jaxgrok.optimisers.register("lamb", lamb)   # then: config.optimiser = "lamb"
"""

from jaxgrok.training.optimisers.assembly import build
from jaxgrok.training.optimisers.patterns import decayed
from jaxgrok.training.optimisers.registry import OPTIMISERS, Optimiser, register
from jaxgrok.training.optimisers.rule import Mask, Rule, Transformation

__all__ = [
    "OPTIMISERS",
    "Mask",
    "Optimiser",
    "Rule",
    "Transformation",
    "build",
    "decayed",
    "register",
]
