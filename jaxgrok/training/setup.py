"""What describes a training: `Setup`, compiled into its program, and `Lane`, traced.

Moving a field from the first to the second is what makes it sweepable without a new
program.

    >>> lane_of(setup, seed=0, n_train=287, steps=5000, weight_decay=1.0)
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import linen as nn
from flax.core import FrozenDict

from jaxgrok.fields.checks import check_all, check_rounded
from jaxgrok.fields.field import MOST, MOST_STEPS, Field, field, rows
from jaxgrok.outcomes.outcomes import Thresholds
from jaxgrok.tasks import Task, is_pool
from jaxgrok.training import measures
from jaxgrok.training.lane import Lane
from jaxgrok.training.losses import LOSSES
from jaxgrok.training.method import Method
from jaxgrok.training.objectives import OBJECTIVES
from jaxgrok.training.optimisers import OPTIMISERS
from jaxgrok.training.optimisers.schedules import SCHEDULES
from jaxgrok.training.precision import PRECISIONS, Products, products

SLICE_PAIRS, SLICE_CLASSES = 113**2, 114
"""An evaluation's slice: all pairs of the post's modulus, each with so many logits."""


@dataclasses.dataclass(frozen=True)
class Setup:
    """Everything that shapes the compiled program of one lane; frozen and hashable.

    Attributes:
        task: the data.
        model: a linen module mapping tokens to (logits, activations).
        train_size: training examples a lane holds, ≥ any lane's n_train; the rest is
            masked. Online: the batch size.
        thresholds: what counts as memorised and grokked.
        l1: whether any lane has an L1 penalty.
        dropout: whether any lane has dropout.
        own: static fields that its methods alone have, by name; those that are
            missing have their defaults.
        platform: where it is trained: cpu, gpu or tpu; `engine.device.suited` sets it.
    """

    task: Task
    model: nn.Module
    train_size: int
    eval_every: int = field(
        100,
        low=1,
        high=MOST_STEPS,
        shared=True,
        unit="steps",
        help="steps between evaluations",
    )
    # Choices are a function where names can be registered after the import.
    loss: str = field(
        "exact", choices=lambda: LOSSES, help="cross entropy of each example"
    )
    warmup_steps: int = field(
        10,
        low=0,
        high=MOST_STEPS,
        unit="steps",
        help="the learning rate grows linearly from 0 over these; 0 for none",
    )
    eps: float = field(1e-8, low=0, help="epsilon of adamw and adam")
    precision: str = field(
        "float32",
        choices=PRECISIONS,
        help="what a matrix product is computed in; other than float32 it is emulated "
        "on CPUs",
    )
    dtype: str = field(
        "float32",
        choices=("float32", "float64"),
        shared=True,
        help="type of parameters; float64 needs JAX_ENABLE_X64=1",
    )
    stop: str = field(
        "grokked",
        choices=("grokked", "steps"),
        shared=True,
        help="what ends a cell: grokked, steps_past_grok steps after the test accuracy "
        "held; steps, its budget",
    )
    steps_past_grok: int = field(
        0,
        low=0,
        high=MOST_STEPS,
        shared=True,
        unit="steps",
        help="steps to train on after a grok, a multiple of eval_every",
    )
    measures: str = field(
        "none",
        choices=lambda: ("none", *measures.MEASURES),
        shared=True,
        help="what an evaluation records beside losses and accuracies; fourier: "
        "spectra and excluded losses; zero_terms: the share of training losses that "
        "are 0",
    )
    thresholds: Thresholds = dataclasses.field(default_factory=Thresholds)
    regime: str = field(
        "finite",
        choices=("finite", "online"),
        help="finite, a training set of n_train examples; online, fresh ones a step",
    )
    batch_size: int = field(
        0,
        low=0,
        high=MOST,
        unit="examples",
        help="examples of a step; 0 for the whole training set",
    )
    test_size: int = field(
        1024,
        low=1,
        high=MOST,
        unit="examples",
        help="test examples of a task that is drawn",
    )
    optimiser: str = field("adamw", choices=lambda: OPTIMISERS, help="optimiser")
    schedule: str = field(
        "constant",
        choices=lambda: SCHEDULES,
        neutral=True,
        help="how the learning rate goes on, beside the warm-up",
    )
    weight_norm: str = field(
        "free",
        choices=("free", "constant"),
        neutral=True,
        help="constant: after each step all weights are scaled to their initial norm",
    )
    objective: str = field(
        "loss",
        choices=lambda: OBJECTIVES,
        neutral=True,
        help="what is trained on: the loss; frequencies, with terms that favour or "
        "forbid some",
    )
    decay_on: str = field(
        "all",
        help="parameters that weight decay and L1 act on: all, or patterns such as "
        "W_E,b_*",
    )
    # Static switches: a program none of whose lanes has one leaves its work out.
    l1: bool = False
    dropout: bool = False
    platform: str = "cpu"
    own: Mapping[str, Any] = FrozenDict()

    def __post_init__(self) -> None:
        check_all(self)
        own = {row.name: row.default for row in own_rows(self, static=True).values()}
        # Frozen, so that a setup has a hash.
        object.__setattr__(self, "own", FrozenDict(own | dict(self.own)))
        for row in rows(Setup).values():
            check_rounded(row, getattr(self, row.attribute), self.dtype)
        if self.train_size < 1:
            raise ValueError(f"train_size={self.train_size} must be at least 1")
        measures.check(self.measures, self.task)
        for method in methods(self):
            method.refuse(self)
        # A lane can end only where it is evaluated.
        if self.steps_past_grok % self.eval_every:
            raise ValueError(
                f"steps_past_grok={self.steps_past_grok} must be a multiple of "
                f"eval_every={self.eval_every}"
            )
        if self.dtype == "float64" and self.precision != "float32":
            raise ValueError(
                f"precision={self.precision!r} is one of float32 inputs; take "
                "dtype='float32', or leave precision at 'float32'"
            )

    @property
    def products(self) -> Products:
        """How matrix products are computed."""
        return products(self.precision, self.platform)

    @property
    def slice_rows(self) -> int | None:
        """Examples of a pool that an evaluation computes at a time; None: all of them.

        They decide last bits, so they depend on the task alone: up to p = 113 all
        pairs, beyond it as many as give no more logits than that, in equal slices.
        """
        if not is_pool(self.task):
            return None
        size, parts = self.task.pool_size, max(len(self.task.components), 1)
        per_slice = parts * SLICE_PAIRS * SLICE_CLASSES
        per_slice //= max(self.task.vocab_out, SLICE_CLASSES)
        slices = -(-size // per_slice)
        return None if slices == 1 else -(-size // slices)


def methods(setup: Setup) -> tuple[Method[Any], ...]:
    """Return what a setup chooses by name and may have fields of its own."""
    return (
        OPTIMISERS[setup.optimiser],
        SCHEDULES[setup.schedule],
        OBJECTIVES[setup.objective],
    )


def refuse_numbers(setup: Setup, numbers: Mapping[str, Any]) -> None:
    """Raise ValueError for numbers of a lane that its setup's methods cannot be for."""
    for method in methods(setup):
        method.refuse_numbers(setup, numbers)


def own_rows(setup: Setup, *, static: bool = False) -> dict[str, Field]:
    """Return the fields that a setup's methods alone have.

    Args:
        setup: names the methods.
        static: whether those that shape the program, or the traced ones.
    """
    fields: dict[str, Field] = {}
    for method in methods(setup):
        fields |= method.static_rows if static else method.traced_rows
    return fields


def lane_of(setup: Setup, **numbers: Any) -> Lane:
    """Build a host-side lane with the dtypes that the compiled programs expect.

    Args:
        setup: the program that it is for.
        **numbers: its fields by name, the optimiser's own among them.
    """
    own = own_rows(setup)
    kinds = {name: row.kind for name, row in (rows(Lane) | own).items()}
    # Another dtype would have the program compiled again.
    arrays = {
        name: np.asarray(value, np.int32 if kinds[name] is int else setup.dtype)
        for name, value in numbers.items()
    }
    return Lane(own={name: arrays.pop(name) for name in own}, **arrays)


def blank_lane(setup: Setup) -> Lane:
    """Return a lane of zeros, for shapes and dtypes."""
    names = [*rows(Lane), *own_rows(setup)]
    return lane_of(setup, **dict.fromkeys(names, 0))
