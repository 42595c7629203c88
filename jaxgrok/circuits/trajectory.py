"""Progress measures over a trajectory of snapshots, and the stages they show.

Owns the measures of every snapshot at once (one compiled program, vmapped over as many
snapshots as fit into a bounded piece of memory, float64 on the CPU); what is read off
their curves is in `stages`. No files, no figures.

    >>> measures = trajectory(task, model, steps, params, is_train, (14, 35))
    >>> stages(measures)["clean_up"]                       # [9400, 13200]
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from jaxgrok.circuits.network import activations, on_host
from jaxgrok.circuits.sections import sum_of_squares
from jaxgrok.circuits.stages import observations, stages
from jaxgrok.fourier import key_frequencies as keys
from jaxgrok.fourier import logit_projections as lg
from jaxgrok.fourier import neuron_spectra
from jaxgrok.fourier.basis import component_norms, gini
from jaxgrok.fourier.group_order import (
    check_is_train,
    embedding,
    neuron_logits,
    pair_rows,
    reading_of,
)

__all__ = ["observations", "stages", "trajectory"]

MEMORY = 2**28
"""Bytes of activations for which snapshots are taken at once."""


def trajectory(
    task: Any,
    model: Any,
    steps: ArrayLike,
    params: Mapping[str, ArrayLike],
    is_train: ArrayLike | None = None,
    key_frequencies: Sequence[int] | None = None,
) -> dict[str, np.ndarray]:
    """Every progress measure of every snapshot, by name.

    params: TransformerLens name → [snaps, ...]; is_train: [pool] bool, without which
    whatever needs it is NaN; key_frequencies: fixed ones (those of the last network),
    or None for each snapshot's own by the W_L rule (W_E without MLP).

    Returned, [snaps] where nothing else is said: steps; train_loss, test_loss,
    all_loss (all pairs of the task, all classes but `=`); excluded_loss_2d and
    excluded_loss_3d [snaps, n//2], excluded_loss_2d_full, excluded_loss_3d_full;
    trig_loss_all, trig_loss_train, trig_loss_test; gini_W_E, gini_W_L (of component
    norms), gini_neurons (of the norms over neurons of their 2-D components);
    cos_coefficients [snaps, n//2]; attention_to_equals [snaps, heads]; W_E_norms,
    W_L_norms [snaps, n]; key_frequencies [snaps, n//2] bool; sum_of_squares/MATRIX and
    sum_of_squares/total. Without MLP there is no W_L_norms, gini_W_L or gini_neurons;
    without attention no attention_to_equals.
    """
    steps = np.asarray(steps)
    lengths = {name: np.shape(value)[0] for name, value in params.items()}
    wrong = [name for name, length in lengths.items() if length != len(steps)]
    if wrong or not len(steps):
        raise ValueError(
            f"{len(steps)} steps and {lengths.get((wrong or [''])[0], 0)} snapshots of "
            f"{(wrong or ['anything'])[0]}: allowed is the same number, at least 1"
        )
    n = reading_of(task).order
    train = test = np.zeros(task.pool_size, bool)  # unknown: no pair is either
    if is_train is not None:
        train = check_is_train(task, is_train)
        test = ~train
    is_key = None
    if key_frequencies is not None:
        is_key = keys.mask(keys.checked(key_frequencies, n), n)

    size, pieces = min(_piece(task, params), len(steps)), []
    with on_host():
        for start in range(0, len(steps), size):
            # The last piece is filled up, so that one program serves all.
            index = np.minimum(np.arange(start, start + size), len(steps) - 1)
            piece = {k: np.asarray(v)[index].astype(float) for k, v in params.items()}
            found = _measures(task, model, piece, train, test, is_key)
            pieces.append({k: np.asarray(v) for k, v in found.items()})
    joined = {k: np.concatenate([p[k] for p in pieces]) for k in pieces[0]}
    return {"steps": steps, **{k: v[: len(steps)] for k, v in joined.items()}}


def _piece(task: Any, params: Mapping[str, ArrayLike]) -> int:
    """Number of snapshots whose largest activations fit into MEMORY together."""
    mlp = max((np.shape(v)[1] for k, v in params.items() if "W_out" in k), default=0)
    return max(1, MEMORY // (8 * task.pool_size * (3 * mlp + 6 * task.modulus)))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _measures(
    task: Any,
    model: Any,
    params: dict[str, jax.Array],
    train: jax.Array,
    test: jax.Array,
    is_key: jax.Array | None,
) -> dict[str, jax.Array]:
    """All measures of some snapshots, params [snaps, ...]; train, test: [pool] bool."""
    return jax.vmap(lambda one: _measure(task, model, one, train, test, is_key))(params)


def _measure(
    task: Any,
    model: Any,
    params: dict[str, jax.Array],
    train: jax.Array,
    test: jax.Array,
    is_key: jax.Array | None,
) -> dict[str, jax.Array]:
    """All measures of one snapshot."""
    reading = reading_of(task)
    rows, elements = pair_rows(task), np.array(reading.elements)
    acts = activations(task, model, params)
    found = _spectra(params, elements)
    if is_key is None:
        is_key = keys.is_above(found.get("W_L_norms", found["W_E_norms"]))
    pool_loss = lg.cross_entropy(acts["logits"], task.pool()[1][:, 0])
    found |= {
        "train_loss": _mean(pool_loss, train),
        "test_loss": _mean(pool_loss, test),
        "all_loss": pool_loss.mean(),
        "key_frequencies": is_key,
        **{f"sum_of_squares/{k}": v for k, v in sum_of_squares(params).items()},
        **_of_logits(
            lg.by_answer(acts["logits"][rows][..., elements], reading.sign),
            is_key,
            lg.by_answer(train[rows], reading.sign),
            lg.by_answer(test[rows], reading.sign),
        ),
    }
    if "pattern" in acts:
        attention = acts["pattern"][rows]
        found["attention_to_equals"] = attention[..., -1].mean((0, 1))
    if "neurons" in acts:
        components = neuron_spectra.components(acts["neurons"][rows])
        found["gini_neurons"] = gini(jnp.linalg.norm(components, axis=2).ravel())
    return found


def _spectra(
    params: dict[str, jax.Array], elements: np.ndarray
) -> dict[str, jax.Array]:
    norms = component_norms(embedding(params)[elements])
    found = {"W_E_norms": norms, "gini_W_E": gini(norms)}
    W_L = neuron_logits(params, elements)
    if W_L is not None:
        norms = component_norms(W_L, axis=1)
        found |= {"W_L_norms": norms, "gini_W_L": gini(norms)}
    return found


def _of_logits(
    grouped: jax.Array, is_key: jax.Array, train: jax.Array, test: jax.Array
) -> dict[str, jax.Array]:
    """Fourier measures of the logits [s, pairs of s, c]; train, test: their pairs."""
    table = grouped.mean(1)
    values = lg.coefficients(table)
    trig = lg.table_losses(lg.trig_table(table, is_key))
    found = {
        "cos_coefficients": values,
        "trig_loss_all": trig.mean(),
        "trig_loss_train": _mean(trig, train.sum(1)),
        "trig_loss_test": _mean(trig, test.sum(1)),
    }
    terms = lg.cosine_terms(values, table.shape[0])
    for name, removed in (("2d", lg.projections(table)), ("3d", terms)):
        full = lg.key_sum(removed, is_key)[..., None]
        losses = lg.excluded_losses(
            grouped, jnp.concatenate([removed, full], axis=2), train
        )
        found[f"excluded_loss_{name}"] = losses[:-1]
        found[f"excluded_loss_{name}_full"] = losses[-1]
    return found


def _mean(values: jax.Array, weights: jax.Array) -> jax.Array:
    """Weighted mean; NaN without weight, as 0 / 0 is."""
    return jnp.sum(values * weights) / jnp.sum(weights)
