"""Optimisers and regularisers of one lane, built from its traced scalars.

Owns the registry of optimisers, the warm-up, and on which matrices weight decay acts.
Lanes may differ in every number; another name is another program.

    >>> optimiser = build(setup, lane, step)
    >>> updates, state = optimiser.update(grads, state, params)
"""

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import optax

from jaxgrok.training.setup import Lane, Setup

Transformation: TypeAlias = optax.GradientTransformation


def build(setup: Setup, lane: Lane, step: jax.Array) -> Transformation:
    """The optimiser of a lane's scalars, at the learning rate of this step.

    The L1 penalty is `lane.l1` times the sum of the absolute weights, its gradient
    added before the optimiser; it acts on the matrices that decay.
    """
    dtype = setup.dtype
    warm = jnp.minimum(step.astype(dtype) / max(setup.warmup_steps, 1), 1)
    rate = lane.learning_rate.astype(dtype) * (warm if setup.warmup_steps else 1)
    mask = None if setup.decay_on == "all" else _masked(setup.decay_on)
    optimiser = OPTIMISERS[setup.optimiser](setup, lane, rate, mask)
    if not setup.l1:
        return optimiser
    strength = lane.l1.astype(dtype)
    penalty = optax.stateless(
        lambda grads, params: jax.tree.map(
            lambda g, w: g + strength * jnp.sign(w), grads, params
        )
    )
    if mask is not None:
        penalty = optax.masked(penalty, mask)
    return optax.chain(penalty, optimiser)


def _adamw(setup: Setup, lane: Lane, rate: jax.Array, mask: Any) -> Transformation:
    return optax.adamw(
        rate,
        b1=lane.beta1.astype(setup.dtype),
        b2=lane.beta2.astype(setup.dtype),
        eps=setup.eps,
        weight_decay=lane.weight_decay.astype(setup.dtype),
        mask=mask,
    )


def _adam(setup: Setup, lane: Lane, rate: jax.Array, mask: Any) -> Transformation:
    return optax.chain(
        optax.add_decayed_weights(lane.weight_decay.astype(setup.dtype), mask),
        optax.adam(
            rate,
            b1=lane.beta1.astype(setup.dtype),
            b2=lane.beta2.astype(setup.dtype),
            eps=setup.eps,
        ),
    )


def _sgd(setup: Setup, lane: Lane, rate: jax.Array, mask: Any) -> Transformation:
    return optax.chain(
        optax.add_decayed_weights(lane.weight_decay.astype(setup.dtype), mask),
        optax.sgd(rate, momentum=lane.momentum.astype(setup.dtype)),
    )


OPTIMISERS: dict[str, Callable[..., Transformation]] = {
    "adamw": _adamw,
    "adam": _adam,
    "sgd": _sgd,
}
"""adamw: decoupled weight decay (Loshchilov & Hutter 2019). adam, sgd: weight_decay · w
is added to the gradient (L2). sgd has heavy-ball momentum, 0 for none."""


def decayed(decay_on: str, names: Iterable[str]) -> dict[str, bool]:
    """Whether each parameter decays, by `decay_on`: "all", or patterns as "W_E,b_*".

    A pattern fits a whole name (blocks.0.mlp.W_in) or its last part (W_in). Raises
    ValueError for one that fits nothing.
    """
    names = list(names)
    if decay_on == "all":
        return dict.fromkeys(names, True)
    found = dict.fromkeys(names, False)
    for pattern in (part.strip() for part in decay_on.split(",")):
        fits = [
            name
            for name in names
            if fnmatch.fnmatchcase(name, pattern)
            or fnmatch.fnmatchcase(name.rpartition(".")[2], pattern)
        ]
        if not fits:
            raise ValueError(
                f"decay_on={decay_on!r}: {pattern!r} fits no parameter; there are "
                + ", ".join(names)
            )
        found |= dict.fromkeys(fits, True)
    return found


def _masked(decay_on: str) -> Callable[[Mapping[str, Any]], dict[str, bool]]:
    return lambda params: decayed(decay_on, params)
