"""Optimisers and regularisers of one lane, built from its traced scalars.

Lanes may differ in every number; another name is another program.

    >>> optimiser = build(setup, lane, step)
    >>> updates, state = optimiser.update(grads, state, params)
    >>> jaxgrok.optimisers.register("lion", lion)   # then: config.optimiser = "lion"
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import jax
import jax.numpy as jnp
import optax

from jaxgrok.fields.field import Field
from jaxgrok.fields.registry import Registry
from jaxgrok.fields.values import listed, shown

if TYPE_CHECKING:
    from jaxgrok.training.setup import Lane, Setup

Transformation: TypeAlias = optax.GradientTransformation
Mask: TypeAlias = Callable[[Mapping[str, Any]], dict[str, bool]]
"""Tells of each parameter of a lane, by name, whether it decays."""
Rule: TypeAlias = "Callable[[Setup, Lane, jax.Array, Mask | None], Transformation]"
"""Makes an optax optimiser of (setup, lane, learning rate, mask of what decays)."""


class Optimiser(NamedTuple):
    """An optimiser and the numbers that it alone has.

    Attributes:
        rule: makes the optax optimiser.
        fields: numbers of its own, traced; the rule finds them in `lane.own`.
    """

    rule: Rule
    fields: tuple[Field, ...] = ()

    @property
    def rows(self) -> dict[str, Field]:
        """Its own fields by name."""
        return {row.name: dataclasses.replace(row, traced=True) for row in self.fields}


def build(setup: Setup, lane: Lane, step: jax.Array) -> Transformation:
    """Build the optimiser of a lane's scalars, at the learning rate of a step.

    The L1 penalty is `lane.l1` times the sum of the absolute weights, its gradient
    added before the optimiser; it acts on the matrices that decay.
    """
    dtype = setup.dtype
    warmup = jnp.minimum(step.astype(dtype) / max(setup.warmup_steps, 1), 1)
    # With a warm-up the rate of step 0 is 0: the first update fills the moments only.
    rate = lane.learning_rate.astype(dtype) * (warmup if setup.warmup_steps else 1)
    mask = None if setup.decay_on == "all" else _masked(setup.decay_on)
    visible = cast("Lane", _WithoutBudget(lane))
    optimiser = OPTIMISERS[setup.optimiser].rule(setup, visible, rate, mask)
    # Static, so that a program none of whose lanes has a penalty does not pay for it.
    if not setup.l1:
        return optimiser
    strength = lane.l1.astype(dtype)
    penalty = optax.stateless(
        lambda grads, params: jax.tree.map(
            # sign(0) is 0: a weight at 0 is not pushed.
            lambda g, w: g + strength * jnp.sign(w),
            grads,
            params,
        )
    )
    if mask is not None:
        penalty = optax.masked(penalty, mask)
    return optax.chain(penalty, optimiser)


class _WithoutBudget:
    """A lane as an optimiser sees it: a longer budget must not change its first steps.

    Else no training could go on where a shorter budget ended.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    def __getattr__(self, name: str) -> Any:
        if name == "steps":
            raise ValueError(
                "an optimiser does not see lane.steps: a longer budget goes on where a "
                "shorter one ended; give its schedule a length of its own, as "
                "register(..., Field(...)) and lane.own"
            )
        return getattr(self._lane, name)


def _adamw(
    setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None
) -> Transformation:
    """Build AdamW, whose decay does not pass through the moments."""
    return optax.adamw(
        rate,
        b1=lane.beta1.astype(setup.dtype),
        b2=lane.beta2.astype(setup.dtype),
        eps=setup.eps,
        weight_decay=lane.weight_decay.astype(setup.dtype),
        mask=mask,
    )


def _adam(
    setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None
) -> Transformation:
    """Build Adam, whose decay passes through the moments."""
    return optax.chain(
        optax.add_decayed_weights(lane.weight_decay.astype(setup.dtype), mask),
        optax.adam(
            rate,
            b1=lane.beta1.astype(setup.dtype),
            b2=lane.beta2.astype(setup.dtype),
            eps=setup.eps,
        ),
    )


def _sgd(
    setup: Setup, lane: Lane, rate: jax.Array, mask: Mask | None
) -> Transformation:
    """Build gradient descent with heavy-ball momentum."""
    return optax.chain(
        optax.add_decayed_weights(lane.weight_decay.astype(setup.dtype), mask),
        optax.sgd(rate, momentum=lane.momentum.astype(setup.dtype)),
    )


def _check(words: str, optimiser: Any) -> None:
    """Refuse an optimiser that is no function, or whose own fields are no numbers."""
    rule, fields = optimiser
    if not callable(rule):
        raise ValueError(f"{words} must be a function of setup, lane, rate and mask")
    for row in fields:
        if not isinstance(row, Field) or row.kind not in (int, float) or not row.name:
            raise ValueError(
                f"{words}: {row!r:.40} must be a Field with a name and a number as its "
                "default; for anything else register another optimiser"
            )


OPTIMISERS: Registry[Optimiser] = Registry(
    "optimiser",
    {
        # Decoupled weight decay (Loshchilov & Hutter 2019).
        "adamw": Optimiser(_adamw),
        # Here and in sgd, weight_decay · w is added to the gradient (L2).
        "adam": Optimiser(_adam),
        # Heavy-ball momentum, 0 for none.
        "sgd": Optimiser(_sgd),
    },
    _check,
)


def register(name: str, rule: Rule, *fields: Field) -> None:
    """Make an optimiser known by name.

    Args:
        name: what `config.optimiser` calls it.
        rule: makes an optax optimiser of a setup, a lane's traced scalars, the learning
            rate of the step, and a mask of the parameters that decay (None: all).
        *fields: numbers of its own, traced, which the rule finds in `lane.own`.

    Raises:
        ValueError: the name is taken, the rule is no function, or a field is not a
            number with a default.
    """
    OPTIMISERS.register(name, Optimiser(rule, fields))


def decayed(decay_on: str, names: Iterable[str]) -> dict[str, bool]:
    """Tell of each parameter whether it decays.

    Args:
        decay_on: "all", or patterns such as "W_E,b_*". A pattern fits a whole name
            (blocks.0.mlp.W_in) or its last part (W_in).
        names: names of the parameters.

    Raises:
        ValueError: a pattern fits nothing.
    """
    names = list(names)
    if decay_on == "all":
        return dict.fromkeys(names, True)
    decays = dict.fromkeys(names, False)
    for pattern in (part.strip() for part in decay_on.split(",")):
        fits = [name for name in names if _fits(name, pattern)]
        if not fits:
            last_parts = dict.fromkeys(name.rpartition(".")[2] for name in names)
            raise ValueError(
                f"decay_on={shown(decay_on)}: {shown(pattern)} fits no parameter; "
                f"there are {listed(last_parts)}"
            )
        decays |= dict.fromkeys(fits, True)
    return decays


def _fits(name: str, pattern: str) -> bool:
    """Tell whether a pattern fits a parameter's whole name or its last part."""
    last_part = name.rpartition(".")[2]
    # fnmatchcase, as fnmatch ignores case on some systems: w_e is not W_E.
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(last_part, pattern)


def _masked(decay_on: str) -> Mask:
    """Return the mask of some patterns."""
    return lambda params: decayed(decay_on, params)
