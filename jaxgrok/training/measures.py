"""Progress measures: what an evaluation records beside losses and accuracies.

A measure is computed for every cell at every evaluation, inside jit, so that no
snapshots are needed. `config.measures` names one of the registry; "none" is no measure.

>>> def ranks(evaluation):
...     _, params = zip(*sorted(evaluation.params.items()), strict=True)
...     return {"rank": jnp.stack([jnp.linalg.norm(w, 2) for w in params])}
>>> register("ranks", Measure({"rank": "matrix"}, ranks))
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.fourier import key_frequencies
from jaxgrok.fourier import logit_projections as projections
from jaxgrok.fourier.basis import component_norms
from jaxgrok.fourier.group_order import (
    ReadableTask,
    embedding,
    neuron_logits,
    pair_rows,
    reading_of,
)
from jaxgrok.tasks import Example, Task, component_names
from jaxgrok.tasks.modular import READABLE

Params = Mapping[str, jax.Array]

DIMS = ("", "matrix", "component", "freq")
"""Dimensions that a curve can lie along; "" is a single number."""


class Evaluation(NamedTuple):
    """What a measure is computed from: one lane at one evaluation."""

    task: Task
    params: Params
    """Parameters by their TransformerLens names."""
    examples: Example
    """The evaluated examples; of a pool, all of it, in the order of `task.pool()`."""
    logits: jax.Array
    """[examples, read, vocab]"""
    losses: jax.Array
    """[examples, read]: what the loss that is trained on says of each prediction."""
    is_train: jax.Array
    """[examples] bool: which count as training examples."""
    is_test: jax.Array
    """[examples] bool: which count as test examples."""


@dataclasses.dataclass(frozen=True)
class Measure:
    """A function of an evaluation, and what it returns.

    Attributes:
        dims: name of each curve → the dimension that it lies along: "" (one number),
            "matrix" (one entry a parameter, sorted by name), "component" (one a
            component of the task) or "freq" (one a frequency 1 … n//2 of a task that
            has a Fourier reading).
        function: makes {name: scalar or [entries]} of an `Evaluation`; traced by jit.
        units: name → unit, for the curves that have one.
    """

    dims: Mapping[str, str]
    function: Callable[[Evaluation], Mapping[str, jax.Array]]
    units: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, dim in self.dims.items():
            if dim not in DIMS:
                raise ValueError(
                    f"dims[{name!r}]={dim!r} is unknown; choose one of "
                    f"{', '.join(map(repr, DIMS))}"
                )
            if not name.isidentifier():
                raise ValueError(f"dims has {name!r}; the name must be an identifier")


NOTHING = Measure({}, lambda _: {})
"""The measure of measures="none"."""
MEASURES: dict[str, Measure] = {}
"""Name → measure; `register` adds to it."""


def register(name: str, measure: Measure) -> None:
    """Make a measure known by name, for `config.measures = name`.

    Raises:
        ValueError: the name is "none" or empty, or `measure` is no `Measure`.
    """
    if not name or name == "none":
        raise ValueError(f"name={name!r} must be another name: it means no measure")
    if not isinstance(measure, Measure):
        raise ValueError(
            f"measure={measure!r} must be a jaxgrok.training.measures.Measure"
        )
    MEASURES[name] = measure


def check(name: str, task: Task) -> None:
    """Refuse a measure that does not exist, or that a task has no dimension for.

    Raises:
        ValueError: saying what could be chosen.
    """
    if name == "none":
        return
    if name not in MEASURES:
        raise ValueError(
            f"measures={name!r} is unknown; choose one of none, {', '.join(MEASURES)}"
        )
    dims = set(MEASURES[name].dims.values())
    if "freq" in dims and task.reading is None:
        raise ValueError(
            f"measures={name!r} needs a task with a Fourier reading: task=modular "
            f"with operation={', '.join(READABLE)}"
        )
    if "component" in dims and not component_names(task):
        raise ValueError(
            f"measures={name!r} needs a task with components, such as task=digits"
        )


def frequencies(task: Task) -> tuple[int, ...]:
    """Return the frequencies 1 … n//2 of a task; () without a Fourier reading."""
    if task.reading is None:
        return ()
    return tuple(range(1, reading_of(task).order // 2 + 1))


def together(*measures: Measure) -> Measure:
    """Return the measure that records what several do."""
    dims: dict[str, str] = {}
    units: dict[str, str] = {}
    for measure in measures:
        dims |= measure.dims
        units |= measure.units

    def function(evaluation: Evaluation) -> dict[str, jax.Array]:
        curves: dict[str, jax.Array] = {}
        for measure in measures:
            curves |= measure.function(evaluation)
        return curves

    return Measure(dims, function, units)


def fourier(evaluation: Evaluation) -> dict[str, jax.Array]:
    """Measure the spectra of W_E and W_L, and the excluded loss of every frequency.

    In the lane's own float32, at matmul precision "highest". At p = 113 it costs 16 to
    23 core-ms a lane on a CPU, where 100 steps cost 3,300.

    Parameters or logits of a diverged lane that are not finite give NaN and have no
    other effect; see `logit_projections.excluded_losses` for very large logits.

    Returns:
        W_E_norm, W_L_norm: [n//2] norm of each frequency, cosine and sine together;
            W_L is NaN in a network without MLP.
        excluded_loss: [n//2] mean 2-D excluded loss of the train pairs, in nats, each
            with one frequency removed.
    """
    # `check` has refused tasks without a Fourier reading.
    task, params = cast(ReadableTask, evaluation.task), evaluation.params
    reading = reading_of(task)
    n, elements = reading.order, np.array(reading.elements)
    # Pool rows [s, pairs of s] of the pairs whose answer is s.
    rows = projections.by_answer(pair_rows(task), reading.sign)
    with jax.default_matmul_precision("highest"):
        W_E_norms = component_norms(embedding(params)[elements])
        W_L = neuron_logits(params, elements)
        if W_L is None:
            W_L_norms = jnp.full(n, jnp.nan, W_E_norms.dtype)
        else:
            # W_L is [mlp, n]: classes lie along its second axis.
            W_L_norms = component_norms(W_L, axis=1)
        # [s, pairs of s, classes], pairs and classes both in the order of the group.
        grouped = evaluation.logits[:, 0][rows][..., elements]
        waves = projections.projections(grouped.mean(1))
        is_train = evaluation.is_train[rows]
        losses = projections.excluded_losses(grouped, waves, is_train)
    return {
        "W_E_norm": key_frequencies.frequency_norms(W_E_norms),
        "W_L_norm": key_frequencies.frequency_norms(W_L_norms),
        "excluded_loss": losses.astype(W_E_norms.dtype),
    }


register(
    "fourier",
    Measure(
        {"W_E_norm": "freq", "W_L_norm": "freq", "excluded_loss": "freq"},
        fourier,
        units={"excluded_loss": "nats"},
    ),
)


def zero_terms(evaluation: Evaluation) -> dict[str, jax.Array]:
    """Measure how many training losses are exactly 0, and so have no gradient.

    Softmax collapses where all of them are: "Grokking at the Edge of Numerical
    Stability" (Prieto et al. 2025).

    Returns:
        zero_terms: share of the training predictions whose loss is 0.
    """
    is_zero = (evaluation.losses == 0).mean(-1)
    counts = evaluation.is_train
    return {"zero_terms": jnp.sum(jnp.where(counts, is_zero, 0)) / jnp.sum(counts)}


ZERO_TERMS = Measure({"zero_terms": ""}, zero_terms)
register("zero_terms", ZERO_TERMS)
register("fourier+zero_terms", together(MEASURES["fourier"], ZERO_TERMS))
