"""Attention heads of an induction circuit: who looks one back, who looks for repeats.

Owns the two scores. Both are means over the predictions of a set of examples. A
prediction is made at a read position i; its targets are the positions behind an earlier
occurrence of token i, one of which holds the answer.

- induction: the attention paid from i to the targets, in all (Olsson et al. 2022,
  "In-context Learning and Induction Heads");
- previous token: the attention paid from a target to the position before it, which is
  where an induction head learns what stands there. In the last layer, which is computed
  at the read positions alone, from i to i - 1.

    >>> head_scores(task, model, params, examples)["induction"]      # [layers, heads]
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxgrok.models import model_inputs
from jaxgrok.tasks import Example, Task

SCORES = ("previous_token", "induction")


def has_heads(task: Task) -> bool:
    """Whether a task is one that an induction circuit solves."""
    return task.induction


def head_scores(
    task: Any, model: Any, params: Mapping[str, jax.Array], examples: Example
) -> dict[str, jax.Array]:
    """Scores of every head, [layers, heads], by the names of SCORES; traceable.

    model: a transformer; examples: with their read positions.
    """
    extras = model_inputs(task, examples)
    with jax.default_matmul_precision("highest"):
        _, acts = model.apply({"params": dict(params)}, examples.tokens, **extras)
    tokens, read = examples.tokens, examples.read
    previous, behind = _targets(tokens, read)
    among = behind / behind.sum(-1, keepdims=True)
    found: dict[str, list[jax.Array]] = {name: [] for name in SCORES}
    for layer in range(model.layers):
        pattern = acts[f"blocks.{layer}.attn.hook_pattern"]
        if layer < model.layers - 1:
            back = jnp.diagonal(pattern, -1, axis1=2, axis2=3)
            back = jnp.einsum("ehp,erp->hr", back, among[..., 1:]) / len(tokens)
            pattern = jnp.take_along_axis(pattern, read[:, None, :, None], axis=2)
        else:
            back = jnp.sum(pattern * previous[:, None], -1).mean(0)
        found["previous_token"].append(back.mean(-1))
        found["induction"].append(jnp.sum(pattern * behind[:, None], -1).mean((0, 2)))
    return {name: jnp.stack(scores) for name, scores in found.items()}


def _targets(tokens: jax.Array, read: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The position before i, and the targets, each [examples, read, pos] bool."""
    pos = jnp.arange(tokens.shape[1])[None, None]
    previous = pos == read[..., None] - 1
    here = jnp.take_along_axis(tokens, read, axis=1)
    before = jnp.concatenate([jnp.full_like(tokens[:, :1], -1), tokens[:, :-1]], 1)
    behind = (before[:, None] == here[..., None]) & (pos <= read[..., None])
    return previous, behind
