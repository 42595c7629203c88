"""Optimisers by name: those that are shipped, and yours.

>>> register("lamb", lamb, Field("trust", 1.0, low=0))
"""

from typing import Any

from jaxgrok.fields.field import Field
from jaxgrok.fields.registry import Registry
from jaxgrok.training.method import Method
from jaxgrok.training.optimisers import grokfast
from jaxgrok.training.optimisers.first_order import adam, adamw, lion, sgd
from jaxgrok.training.optimisers.muon import MUON
from jaxgrok.training.optimisers.orthogonal import orthogonal
from jaxgrok.training.optimisers.rule import Rule

Optimiser = Method[Rule]
"""An optimiser and the fields that it alone has."""


def _check(words: str, optimiser: Any) -> None:
    """Refuse an optimiser that is no function, or whose own fields cannot be."""
    optimiser.check(words, "setup, lane, rate and mask")


OPTIMISERS: Registry[Optimiser] = Registry(
    "optimiser",
    {
        "adamw": Method(adamw),
        "adam": Method(adam),
        "sgd": Method(sgd),
        "grokfast_ema": grokfast.EMA,
        "grokfast_ma": grokfast.MOVING_AVERAGE,
        "orthogonal": Method(orthogonal),
        "muon": MUON,
        "lion": Method(lion),
    },
    _check,
)


def register(
    name: str, rule: Rule, *fields: Field, static: tuple[Field, ...] = ()
) -> None:
    """Make an optimiser known by name.

    Args:
        name: what `config.optimiser` calls it.
        rule: makes an optax optimiser of a setup, a lane's traced scalars, the learning
            rate of the step, and a mask of the parameters that decay (None: all).
        *fields: numbers of its own, traced, which the rule finds in `lane.own`.
        static: fields of its own that shape the program, which the rule finds in
            `setup.own`; each value is a program.

    Raises:
        ValueError: the name is taken, the rule is no function, or a field is not one
            with a default.
    """
    OPTIMISERS.register(name, Method(rule, fields, static))
