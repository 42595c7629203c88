"""What differs between the lanes of one program: scalars that are traced.

>>> dataclasses.replace(lane, weight_decay=0.5)
"""

import dataclasses
from typing import Any

import jax

from jaxgrok.fields.field import MOST, MOST_STEPS, field


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Lane:
    """One training's own numbers: scalars, traced, one per lane under vmap.

    The order of its leaves is that of its attributes. `train_fraction` is not among
    them: fractions become `n_train` once, in the grid.

    Attributes:
        own: numbers of the methods' own by name, where they declare any.
    """

    # Any: a Python number or NumPy array on the host, a tracer inside jit.
    seed: Any = field(
        0,
        traced=True,
        low=0,
        high=MOST,
        axis_order=120,
        help="seeds initial weights, split, batches and draws, by named streams",
    )
    n_train: Any = field(
        kind=int,
        traced=True,
        low=1,
        high=MOST,
        axis_order=100,
        unit="examples",
        help="training examples, the first of the seed's order; none online",
    )
    steps: Any = field(
        50_000,
        traced=True,
        low=1,
        high=MOST_STEPS,
        axis_order=80,
        unit="steps",
        help="budget of optimiser steps, a multiple of eval_every",
    )
    weight_decay: Any = field(
        1.0,
        traced=True,
        low=0,
        axis_order=90,
        help="weight decay: L2 (added to the gradient) in adam and sgd, decoupled in "
        "all others",
    )
    learning_rate: Any = field(
        1e-3,
        traced=True,
        low=0,
        axis_order=10,
        help="learning rate after the warm-up",
    )
    beta1: Any = field(
        0.9,
        traced=True,
        low=0,
        below=1,
        axis_order=20,
        help="decay of the first moment, in lion its weight in a step; not of sgd",
    )
    beta2: Any = field(
        0.98,
        traced=True,
        low=0,
        below=1,
        axis_order=30,
        help="decay of the second moment, in lion of the only one; not of sgd",
    )
    init_scale: Any = field(
        1.0,
        traced=True,
        low=0,
        axis_order=70,
        help="factor on the initial weights",
    )
    momentum: Any = field(
        0.0,
        traced=True,
        low=0,
        below=1,
        axis_order=40,
        help="heavy-ball momentum of sgd",
    )
    l1: Any = field(
        0.0,
        traced=True,
        low=0,
        axis_order=50,
        help="factor of the sum of absolute weights in the objective",
    )
    dropout: Any = field(
        0.0,
        traced=True,
        low=0,
        below=1,
        axis_order=60,
        help="share of attention probabilities and MLP outputs that is dropped",
    )
    own: dict[str, Any] = dataclasses.field(default_factory=dict)
