"""A task, a loss, an optimiser and a measure of a user's own, which can go wrong.

In cells that ask for it, the optimiser writes NaN or inf into the weights from a step
on; the loss is NaN where a logit is large; the measure is NaN where a weight is.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
import optax

from jaxgrok import losses, measures, optimisers, tasks
from jaxgrok.fields.field import Field

NAN, INF = 1, 2
"""Values of `poison`."""
LIMIT = 60.0
"""Logit beyond which the loss is NaN."""
OWN = {
    "task": "larger",
    "loss": "tipping",
    "optimiser": "poisoned",
    "measures": "log_of_largest",
}
"""Fields of a grid that takes all four."""


@dataclasses.dataclass(frozen=True)
class Larger(tasks.Pool):
    """Is x larger than y? Tokens: two digits of seven, and "=", which is 7."""

    vocab_in, vocab_out, pool_size = 8, 2, 49
    read, fixed_tokens = (2,), (None, None, 7)

    def pool(self):
        x, y = np.mgrid[:7, :7].reshape(2, -1)
        return np.stack([x, y, 0 * x + 7], 1), 1 * (x > y)[:, None]


def tipping(logits, labels):
    """Cross entropy, NaN where a logit is large."""
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return jnp.where(jnp.abs(logits).max(-1) > LIMIT, jnp.nan, loss)


def poisoned(setup, lane, rate, mask):
    """AdamW, whose updates are multiplied by NaN or inf from a step on."""
    bad = jnp.where(lane.own["poison"] == NAN, jnp.nan, jnp.inf)

    def factor(count):
        is_bad = (lane.own["poison"] > 0) & (count >= lane.own["poison_step"])
        return jnp.where(is_bad, bad, 1.0)

    return optax.chain(
        optax.adamw(
            rate,
            b1=lane.beta1,
            b2=lane.beta2,
            weight_decay=lane.weight_decay,
            mask=mask,
        ),
        optax.scale_by_schedule(factor),
    )


def log_of_largest(evaluation):
    """The logarithm of 1 minus the largest weight: NaN beyond 1."""
    largest = jnp.stack([jnp.abs(w).max() for w in evaluation.params.values()])
    return {"log_of_largest": jnp.log(1 - largest.max())}


def register() -> None:
    """Make all four known."""
    tasks.register("larger", Larger)
    losses.register("tipping", tipping)
    fields = Field("poison", 0), Field("poison_step", 0)
    optimisers.register("poisoned", poisoned, *fields)
    measure = measures.Measure({"log_of_largest": ""}, log_of_largest)
    measures.register("log_of_largest", measure)
