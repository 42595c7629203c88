"""Attention heads of an induction circuit: who looks one back, who looks for repeats.

Owns the two scores. Both are means over the predictions of a set of examples. A
prediction is made at a read position i; its targets are the positions behind an earlier
occurrence of token i, one of which holds the answer.

- induction: the attention paid from i to the targets, in all (Olsson et al. 2022,
  "In-context Learning and Induction Heads");
- previous token: the attention paid from a target to the position before it, which is
  where an induction head learns what stands there.

    >>> head_scores(task, model, params, examples)["induction"]      # [layers, heads]
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxgrok.models import model_inputs, textbook_form
from jaxgrok.tasks import Example

SCORES = ("previous_token", "induction")


def has_heads(task: Any) -> bool:
    """Whether a task is one that an induction circuit solves."""
    return bool(getattr(task, "induction", False))


def head_scores(
    task: Any, model: Any, params: Mapping[str, jax.Array], examples: Example
) -> dict[str, jax.Array]:
    """Scores of every head, [layers, heads], by the names of SCORES; traceable.

    model: a transformer; examples: with their read positions.
    """
    extras, model = model_inputs(task, examples), textbook_form(model)
    with jax.default_matmul_precision("highest"):
        _, acts = model.apply({"params": dict(params)}, examples.tokens, **extras)
    tokens, read = examples.tokens, examples.read
    is_target = _targets(tokens, read)
    weights = is_target / is_target.sum(-1, keepdims=True)
    scores: dict[str, list[jax.Array]] = {name: [] for name in SCORES}
    for layer in range(model.layers):
        pattern = acts[f"blocks.{layer}.attn.hook_pattern"]
        # [examples, heads, pos - 1]: what each position pays to the one before it.
        back = jnp.diagonal(pattern, -1, axis1=2, axis2=3)
        back = jnp.einsum("ehp,erp->hr", back, weights[..., 1:]) / len(tokens)
        scores["previous_token"].append(back.mean(-1))
        from_read = jnp.take_along_axis(pattern, read[:, None, :, None], axis=2)
        paid = jnp.sum(from_read * is_target[:, None], -1)
        scores["induction"].append(paid.mean((0, 2)))
    return {name: jnp.stack(layers) for name, layers in scores.items()}


def _targets(tokens: jax.Array, read: jax.Array) -> jax.Array:
    """The targets of each read position, [examples, read, pos] bool."""
    pos = jnp.arange(tokens.shape[1])[None, None]
    current = jnp.take_along_axis(tokens, read, axis=1)
    before = jnp.concatenate([jnp.full_like(tokens[:, :1], -1), tokens[:, :-1]], 1)
    return (before[:, None] == current[..., None]) & (pos <= read[..., None])
