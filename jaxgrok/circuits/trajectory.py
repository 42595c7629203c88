"""Progress measures of every snapshot of a training, in float64 on the CPU.

One compiled program measures as many snapshots at once as fit into a bounded piece of
memory; a network too large for that is read like a single one, snapshot by snapshot.
`jaxgrok.circuits.stages` cuts the curves into stages.

>>> measures = trajectory(task, model, steps, params, is_train, (14, 35))
>>> stages(measures)["clean_up"]                       # [9400, 13200]
"""

import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from numpy.typing import ArrayLike

from jaxgrok.circuits.large_trajectory import one_by_one
from jaxgrok.circuits.network import activations, on_host
from jaxgrok.circuits.sections import sum_of_squares
from jaxgrok.fourier.basis import component_norms, gini
from jaxgrok.fourier.group_order import (
    ReadableTask,
    check_is_train,
    embedding,
    neuron_logits,
    pair_rows,
    reading_of,
)
from jaxgrok.fourier.key_frequencies import (
    THRESHOLD,
    check_frequencies,
    frequency_mask,
    is_above,
)
from jaxgrok.fourier.logit_projections import (
    by_answer,
    coefficients,
    cosine_terms,
    cross_entropy,
    excluded_losses,
    key_sum,
    projections,
    table_losses,
    trig_table,
)
from jaxgrok.fourier.neuron_spectra import neuron_components

MEMORY = 2**28
"""Bytes of activations for which snapshots are taken at once."""
MOST = 2**31
"""Bytes of one snapshot's activations that the compiled program may take."""


def trajectory(
    task: ReadableTask,
    model: nn.Module,
    steps: ArrayLike,
    params: Mapping[str, ArrayLike],
    is_train: ArrayLike | None = None,
    key_frequencies: Sequence[int] | None = None,
) -> dict[str, np.ndarray]:
    """Return every progress measure of every snapshot, by name.

    Args:
        task: one with a Fourier reading.
        model: a transformer or MLP of `jaxgrok.models`.
        steps: [snaps].
        params: TransformerLens name → [snaps, ...].
        is_train: [pool] bool; without it, what needs it is NaN.
        key_frequencies: fixed ones (those of the last network), or None for each
            snapshot's own by the rule W_L ("logits" without MLP). What no frequency is
            key to is NaN.

    Returns:
        [snaps] where nothing else is said: steps; train_loss, test_loss, all_loss (all
        pairs of the task, all classes but `=`); excluded_loss_2d and excluded_loss_3d
        [snaps, n//2], excluded_loss_2d_full, excluded_loss_3d_full; trig_loss_all,
        trig_loss_train, trig_loss_test; gini_W_E, gini_W_L (of component norms),
        gini_neurons (of the norms over neurons of their 2-D components);
        cos_coefficients [snaps, n//2]; attention_to_equals [snaps, heads]; W_E_norms,
        W_L_norms [snaps, n]; key_frequencies [snaps, n//2] bool; sum_of_squares/MATRIX
        and sum_of_squares/total. Without MLP there is no W_L_norms, gini_W_L or
        gini_neurons; without attention no attention_to_equals.

    Raises:
        ValueError: the task has no Fourier reading, or an array is of another size.
    """
    steps = np.asarray(steps)
    _check_lengths(steps, params)
    n = reading_of(task).order
    train = test = np.zeros(task.pool_size, bool)  # unknown: no pair is either
    if is_train is not None:
        train = check_is_train(task, is_train)
        test = ~train
    is_key = None
    if key_frequencies is not None:
        is_key = frequency_mask(check_frequencies(key_frequencies, n), n)

    if _nbytes(task, params) > MOST:
        split = None if is_train is None else train
        return {"steps": steps} | one_by_one(
            task, model, params, split, key_frequencies
        )
    size, pieces = min(_piece(task, params), len(steps)), []
    with on_host():
        for start in range(0, len(steps), size):
            # The last piece is filled up, so that one program serves all.
            index = np.minimum(np.arange(start, start + size), len(steps) - 1)
            piece = {k: np.asarray(v)[index].astype(float) for k, v in params.items()}
            values = _measures(task, model, piece, train, test, is_key)
            pieces.append({k: np.asarray(v) for k, v in values.items()})
    measures = {"steps": steps}
    for name in pieces[0]:
        joined = np.concatenate([piece[name] for piece in pieces])
        measures[name] = joined[: len(steps)]
    return measures


def _check_lengths(steps: np.ndarray, params: Mapping[str, ArrayLike]) -> None:
    """Refuse parameters with more or fewer snapshots than there are steps."""
    for name, value in params.items():
        if np.shape(value)[0] != len(steps) or not len(steps):
            raise ValueError(
                f"{len(steps)} steps and {np.shape(value)[0]} snapshots of {name}: "
                "both must be the same number, at least 1"
            )


def _piece(task: ReadableTask, params: Mapping[str, ArrayLike]) -> int:
    """Return how many snapshots' largest activations fit into MEMORY together."""
    return max(1, MEMORY // _nbytes(task, params))


def _nbytes(task: ReadableTask, params: Mapping[str, ArrayLike]) -> int:
    """Return the bytes of one snapshot's largest activations."""
    mlp = max((np.shape(v)[1] for k, v in params.items() if "W_out" in k), default=0)
    # 8 bytes a float64; of each pair, about 3 arrays [mlp] and 6 [classes] at once.
    return 8 * task.pool_size * (3 * mlp + 6 * task.modulus)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _measures(
    task: ReadableTask,
    model: nn.Module,
    params: dict[str, jax.Array],
    train: jax.Array,
    test: jax.Array,
    is_key: jax.Array | None,
) -> dict[str, jax.Array]:
    """Measure some snapshots, params [snaps, ...]; train, test: [pool] bool."""
    return jax.vmap(lambda one: _measure(task, model, one, train, test, is_key))(params)


def _measure(
    task: ReadableTask,
    model: nn.Module,
    params: dict[str, jax.Array],
    train: jax.Array,
    test: jax.Array,
    is_key: jax.Array | None,
) -> dict[str, jax.Array]:
    """Measure one snapshot."""
    reading = reading_of(task)
    rows, elements = pair_rows(task), np.array(reading.elements)
    acts = activations(task, model, params, task.pool()[0])
    measures = _spectra(params, elements)
    # None is seen when the program is traced: there is no branch in it.
    if is_key is None and "W_L_norms" in measures:
        is_key = is_above(measures["W_L_norms"])
    pool_loss = cross_entropy(acts["logits"], task.pool()[1][:, 0])
    measures |= {
        "train_loss": _mean(pool_loss, train),
        "test_loss": _mean(pool_loss, test),
        "all_loss": pool_loss.mean(),
        **{f"sum_of_squares/{k}": v for k, v in sum_of_squares(params).items()},
        **_logit_measures(
            by_answer(acts["logits"][rows][..., elements], reading.sign),
            is_key,
            by_answer(train[rows], reading.sign),
            by_answer(test[rows], reading.sign),
        ),
    }
    if "pattern" in acts:
        attention = acts["pattern"][rows]
        measures["attention_to_equals"] = attention[..., -1].mean((0, 1))
    if "neurons" in acts:
        # [n, n, mlp]; the norm over neurons leaves one number for each 2-D component.
        components = neuron_components(acts["neurons"][rows])
        measures["gini_neurons"] = gini(jnp.linalg.norm(components, axis=2).ravel())
    return measures


def _spectra(
    params: dict[str, jax.Array], elements: np.ndarray
) -> dict[str, jax.Array]:
    """Measure the component norms of W_E and, with MLP, of W_L."""
    norms = component_norms(embedding(params)[elements])
    measures = {"W_E_norms": norms, "gini_W_E": gini(norms)}
    W_L = neuron_logits(params, elements)
    if W_L is not None:
        norms = component_norms(W_L, axis=1)
        measures |= {"W_L_norms": norms, "gini_W_L": gini(norms)}
    return measures


def _logit_measures(
    grouped: jax.Array,
    is_key: jax.Array | None,
    train: jax.Array,
    test: jax.Array,
) -> dict[str, jax.Array]:
    """Measure the logits [s, pairs of s, c]; train, test: [s, pairs of s] bool."""
    table = grouped.mean(1)
    values = coefficients(table)
    if is_key is None:
        # Without MLP, those that stand out in the logits.
        is_key = jnp.abs(values) > THRESHOLD * jnp.abs(values).max()

    def explained(loss: jax.Array) -> jax.Array:
        return jnp.where(is_key.any(), loss, jnp.nan)

    trig = explained(table_losses(trig_table(table, is_key)))
    measures = {
        "key_frequencies": is_key,
        "cos_coefficients": values,
        "trig_loss_all": trig.mean(),
        "trig_loss_train": _mean(trig, train.sum(1)),
        "trig_loss_test": _mean(trig, test.sum(1)),
    }
    terms = cosine_terms(values, table.shape[0])
    for name, removed in (("2d", projections(table)), ("3d", terms)):
        # All key frequencies together are one more part to remove.
        full = key_sum(removed, is_key)[..., None]
        losses = excluded_losses(
            grouped, jnp.concatenate([removed, full], axis=2), train
        )
        measures[f"excluded_loss_{name}"] = losses[:-1]
        measures[f"excluded_loss_{name}_full"] = explained(losses[-1])
    return measures


def _mean(values: jax.Array, weights: jax.Array) -> jax.Array:
    """Return the weighted mean; NaN without weight, as 0 / 0 is."""
    return jnp.sum(values * weights) / jnp.sum(weights)
