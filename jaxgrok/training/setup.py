"""What describes a training: `Setup` (static) and `Lane` (traced).

Moving a field from the first to the second is what makes it sweepable without a new
program. Owns no defaults of science (those are the grid's scales) and no paths.

    >>> Lane(seed=0, n_train=287, steps=5000, weight_decay=1.0, ...)
"""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from flax import linen as nn

from jaxgrok.outcomes.outcomes import Thresholds
from jaxgrok.training import measures
from jaxgrok.training.losses import ARMS

PRECISIONS = ("highest", "high", "default", "tensorfloat32", "BF16_BF16_F32_X3")
STOPS = ("grokked", "steps")
REGIMES = ("finite", "online")
OPTIMISERS = ("adamw", "adam", "sgd")


class Lane(NamedTuple):
    """One training's own settings: scalars, traced, one per lane under vmap.

    `train_fraction` is not here: fractions become `n_train` once, in the grid.
    """

    seed: Any
    """Seeds initial weights and the split, by named streams."""
    n_train: Any
    """Number of training examples: the first of the seed's order; 0 online."""
    steps: Any
    """Budget, in optimiser steps."""
    weight_decay: Any
    """Weight decay: decoupled in AdamW, L2 (added to the gradient) in the others."""
    learning_rate: Any
    """Peak learning rate, after the warm-up."""
    beta1: Any
    """Decay of the first moment."""
    beta2: Any
    """Decay of the second moment."""
    init_scale: Any
    """Factor on the initial weights."""
    momentum: Any
    """Heavy-ball momentum of SGD, in [0, 1)."""
    l1: Any
    """Factor of the sum of absolute weights in the objective."""
    dropout: Any
    """Share of attention probabilities and MLP outputs that is dropped, in [0, 1)."""


INTEGER_FIELDS = ("seed", "n_train", "steps")


@dataclasses.dataclass(frozen=True)
class Setup:
    """Everything that shapes the compiled program of one lane; frozen and hashable.

    Attributes:
        task: the data (a `jaxgrok.tasks.Task`).
        model: a linen module mapping tokens to (logits, activations).
        train_size: training examples a lane holds, ≥ any lane's n_train; the rest is
            masked. Online: the batch size.
        eval_every: steps between evaluations.
        loss: an arm of `jaxgrok.training.losses`.
        warmup_steps: the learning rate is multiplied by min(step / warmup_steps, 1),
            so that the first update has rate 0; 0 turns it off.
        eps: AdamW's epsilon.
        precision: matmul precision, a name JAX knows.
        dtype: "float32", or "float64" where x64 is enabled.
        stop: "grokked" ends a cell `steps_past_grok` steps after the test accuracy
            held; "steps" spends the whole budget.
        measures: what each evaluation records beside its losses and accuracies: a
            name of `jaxgrok.training.measures`, or "none".
        thresholds: what counts as memorised and grokked.
        regime: "finite", a training set of n_train examples; "online", fresh ones
            every step.
        batch_size: examples of a step; 0 is the whole training set.
        test_size: test examples of a sampled task.
        optimiser: a name of `jaxgrok.training.optimisers`.
        decay_on: the matrices that weight decay and L1 act on: "all", or patterns.
        l1, dropout: whether any lane has some.
    """

    task: Any
    model: nn.Module
    train_size: int
    eval_every: int
    loss: str = "exact"
    warmup_steps: int = 10
    eps: float = 1e-8
    precision: str = "highest"
    dtype: str = "float32"
    stop: str = "grokked"
    steps_past_grok: int = 0
    measures: str = "none"
    thresholds: Thresholds = dataclasses.field(default_factory=Thresholds)
    regime: str = "finite"
    batch_size: int = 0
    test_size: int = 1024
    optimiser: str = "adamw"
    decay_on: str = "all"
    l1: bool = False
    dropout: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (
            ("loss", tuple(ARMS)),
            ("precision", PRECISIONS),
            ("dtype", ("float32", "float64")),
            ("stop", STOPS),
            ("regime", REGIMES),
            ("optimiser", OPTIMISERS),
        ):
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(
                    f"{name}={value!r} must be one of {', '.join(allowed)}"
                )
        for name, least in (
            ("eval_every", 1),
            ("train_size", 1),
            ("warmup_steps", 0),
            ("steps_past_grok", 0),
            ("batch_size", 0),
            ("test_size", 1),
        ):
            if getattr(self, name) < least:
                raise ValueError(
                    f"{name}={getattr(self, name)} must be at least {least}"
                )
        measures.check(self.measures, self.task)
        if self.steps_past_grok % self.eval_every:
            raise ValueError(
                f"steps_past_grok={self.steps_past_grok} must be a multiple of "
                f"eval_every={self.eval_every}"
            )


def lane_of(setup: Setup, **fields: Any) -> Lane:
    """Build a host-side Lane with the dtypes the compiled programs expect."""
    return Lane(
        **{
            name: np.asarray(value, np.int32 if name in INTEGER_FIELDS else setup.dtype)
            for name, value in fields.items()
        }
    )
