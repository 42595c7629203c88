"""The cheap measures that ride along with a training: for every cell, no checkpoints.

Owns the columns that an evaluation adds to its record, for one lane inside jit. They
are taken in the lane's own arithmetic (float32), at matmul precision "highest". At
p=113 they cost 16 to 23 core-ms a lane on CPU, where 100 steps cost 3,300.

    >>> columns(Modular())[13]                  # "W_E_norm/14"
    >>> measure(task, params, logits, is_train)         # [columns]
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.fourier import key_frequencies
from jaxgrok.fourier import logit_projections as lg
from jaxgrok.fourier.basis import component_norms
from jaxgrok.fourier.group_order import embedding, neuron_logits, pair_rows, reading_of

MEASURES = ("W_E_norm", "W_L_norm", "excluded_loss")


def columns(task: Any) -> tuple[str, ...]:
    """Names of what `measure` returns: `W_E_norm/k`, `W_L_norm/k`, `excluded_loss/k`.

    k = 1 … n//2 within each. Raises ValueError for a task without Fourier reading.
    """
    every = range(1, reading_of(task).order // 2 + 1)
    return tuple(f"{name}/{k}" for name in MEASURES for k in every)


def measure(
    task: Any, params: Mapping[str, jax.Array], logits: jax.Array, is_train: jax.Array
) -> jax.Array:
    """The columns of one lane: [columns].

    logits: [pool, vocab] at the read position, in the order of `task.pool()`;
    is_train: [pool] bool. W_E and W_L norms are per frequency, cosine and sine
    together (W_L: NaN in an attention-only network); excluded losses are the 2-D ones,
    over the train pairs, each with one frequency removed. What is not finite in the
    parameters or logits of a diverged lane gives NaN here, and nothing else does: see
    `logits.excluded_losses` for what very large logits do.
    """
    reading = reading_of(task)
    n, elements = reading.order, np.array(reading.elements)
    order = lg.by_answer(pair_rows(task), reading.sign)
    with jax.default_matmul_precision("highest"):
        W_E_norms = component_norms(embedding(params)[elements])
        W_L = neuron_logits(params, elements)
        if W_L is None:
            W_L_norms = jnp.full(n, jnp.nan, W_E_norms.dtype)
        else:
            W_L_norms = component_norms(W_L, axis=1)
        grouped = logits[order][..., elements]
        removed = lg.projections(grouped.mean(1))
        losses = lg.excluded_losses(grouped, removed, is_train[order])
    norms = [key_frequencies.frequency_norms(norms) for norms in (W_E_norms, W_L_norms)]
    return jnp.concatenate([*norms, losses.astype(W_E_norms.dtype)])
