"""Attention heads of an induction circuit: who looks one back, who looks for repeats.

Both scores are means over the predictions of a set of examples. A prediction is made at
a read position i; its targets are the positions behind an earlier occurrence of token
i, one of which holds the answer.

- induction: the attention paid from i to the targets, in all (Olsson et al. 2022,
  "In-context Learning and Induction Heads");
- previous token: the attention paid from a target to the position before it, which is
  where an induction head learns what stands there.

>>> head_scores(task, model, params, examples)["induction"]      # [layers, heads]
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxgrok.models import model_inputs, textbook_form
from jaxgrok.models.transformer import Transformer
from jaxgrok.tasks import Example, Task

SCORES = ("previous_token", "induction")


def has_heads(task: Task) -> bool:
    """Tell whether a task is one that an induction circuit solves."""
    return task.induction


def head_scores(
    task: Task,
    model: Transformer,
    params: Mapping[str, jax.Array],
    examples: Example,
) -> dict[str, jax.Array]:
    """Score every head; traceable.

    Args:
        task: one that `has_heads`.
        model: a transformer.
        params: by their TransformerLens names.
        examples: with their read positions.

    Returns:
        Each name of SCORES → [layers, heads].
    """
    # The training form returns logits alone, and no attention patterns.
    extras, textbook = model_inputs(task, examples), textbook_form(model)
    # By default a GPU may round the inputs of float32 products to TF32.
    with jax.default_matmul_precision("highest"):
        _, acts = textbook.apply({"params": dict(params)}, examples.tokens, **extras)
    tokens, read = examples.tokens, examples.read
    assert read is not None
    is_target = _targets(tokens, read)
    # [examples, read, pos]: a prediction with many targets counts once, not many times.
    weights = is_target / is_target.sum(-1, keepdims=True)
    previous, induction = [], []
    for layer in range(model.layers):
        pattern = acts[f"blocks.{layer}.attn.hook_pattern"]
        # Entry p of the diagonal is the attention from p + 1 to p.
        back = jnp.diagonal(pattern, -1, axis1=2, axis2=3)
        # So entry p belongs to the target p + 1. Sums over examples and positions.
        back = jnp.einsum("ehp,erp->hr", back, weights[..., 1:]) / len(tokens)
        previous.append(back.mean(-1))
        # [examples, heads, read, pos]: the rows of the pattern at the read positions.
        from_read = jnp.take_along_axis(pattern, read[:, None, :, None], axis=2)
        paid = jnp.sum(from_read * is_target[:, None], -1)
        induction.append(paid.mean((0, 2)))
    return {"previous_token": jnp.stack(previous), "induction": jnp.stack(induction)}


def _targets(tokens: jax.Array, read: jax.Array) -> jax.Array:
    """Find the targets of each read position: [examples, read, pos] bool."""
    pos = jnp.arange(tokens.shape[1])[None, None]
    current = jnp.take_along_axis(tokens, read, axis=1)
    # [examples, pos]: the token one earlier; -1 is no token, so 0 is never a target.
    before = jnp.concatenate([jnp.full_like(tokens[:, :1], -1), tokens[:, :-1]], 1)
    return (before[:, None] == current[..., None]) & (pos <= read[..., None])
