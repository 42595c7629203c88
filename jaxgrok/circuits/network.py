"""One network's arrays, in the order of the cyclic group that its task adds in.

The package's own model runs over every pair of the task, in float64 on the host's CPU.

>>> network = read(task, model, params, is_train)      # is_train: [pool] bool
"""

import contextlib
import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from numpy.typing import ArrayLike

from jaxgrok.circuits.assumptions import Assumptions
from jaxgrok.circuits.blocks import blocks
from jaxgrok.fourier.group_order import (
    ReadableTask,
    check_is_train,
    embedding,
    neuron_logits,
    pair_rows,
    reading_of,
)
from jaxgrok.fourier.logit_projections import answer_index, cross_entropy
from jaxgrok.models import textbook_form


class Diverged(ValueError):
    """A network holds, or computes, numbers that are not finite."""


@dataclasses.dataclass(frozen=True)
class Network:
    """One network's arrays in the order of the task's group; float64 on the host.

    n is the order of the group; its pairs (a, b) are the first two axes. A pair of the
    pool outside the group (x·0) is only in `pool_loss`.

    Attributes:
        params: parameters by their TransformerLens names.
        W_E: [n, model] embeddings of the group's elements; of an MLP, W_in [n, mlp].
        logits: [n, n, n] logits[a, b, c] at the read position.
        labels: [n, n] the right c: (a ± b) mod n.
        is_train: [n, n] bool, or None where it is unknown.
        neurons: [n, n, mlp] post-activations of the last layer at the read position;
            None in an attention-only network.
        pattern: [n, n, heads, pos] attention of the read position: the heads of the
            first layer, then those of the next; None in an MLP.
        W_L: [mlp, n] W_out @ W_U of the last layer, or None without MLP; of an MLP,
            W_out.
        sign: +1 where the answer is a + b, -1 where it is a - b.
        elements: token of each group element.
        pool_loss: [pool] loss of every pair of the task over its p classes.
        pool_is_right: [pool] bool, whether the largest logit is the right class's.
        pool_is_train: [pool] bool, or None.
        classes: number of classes of `pool_loss`: p.
        assumed: what the network was read as.
        linear_read_out: the logits are linear in the neurons (no layer norm).
    """

    params: dict[str, np.ndarray]
    W_E: np.ndarray
    logits: np.ndarray
    labels: np.ndarray
    is_train: np.ndarray | None
    neurons: np.ndarray | None
    pattern: np.ndarray | None
    W_L: np.ndarray | None
    sign: int
    elements: tuple[int, ...]
    pool_loss: np.ndarray
    pool_is_right: np.ndarray
    pool_is_train: np.ndarray | None
    classes: int
    assumed: Assumptions
    linear_read_out: bool = True

    @property
    def order(self) -> int:
        """n, the order of the group."""
        return len(self.elements)


def read(
    task: ReadableTask,
    model: nn.Module,
    params: Mapping[str, ArrayLike],
    is_train: ArrayLike | None = None,
) -> Network:
    """Run a network over every pair of its task in float64 and return its arrays.

    Args:
        task: one with a Fourier reading.
        model: a transformer or MLP of `jaxgrok.models`, of any dtype.
        params: by their TransformerLens names.
        is_train: [pool] bool over the rows of `task.pool()`; None if it is unknown.

    Raises:
        ValueError: the task has no Fourier reading, or `is_train` does not fit it.
        Diverged: a parameter or a logit is not finite.
    """
    reading = reading_of(task)
    rows, elements = pair_rows(task), np.array(reading.elements)
    train = None if is_train is None else check_is_train(task, is_train)
    host = {name: np.asarray(value, np.float64) for name, value in params.items()}
    # NaN would go through norms and argmax, and come out as a circuit.
    for name, value in host.items():
        if not np.isfinite(value).all():
            raise Diverged(f"{name} is not finite: this network diverged")
    n = reading.order
    acts = _over_pool(task, model, host, rows)
    labels = np.empty((n, n), int)
    # Row s of the index holds the pairs of answer s.
    labels[answer_index(n, reading.sign)] = np.arange(n)[:, None]
    return Network(
        params=host,
        W_E=embedding(host)[elements],
        logits=acts["logits"],
        labels=labels,
        is_train=None if train is None else train[rows],
        neurons=acts.get("neurons"),
        pattern=acts.get("pattern"),
        W_L=neuron_logits(host, elements),
        sign=reading.sign,
        elements=reading.elements,
        pool_loss=acts["loss"],
        pool_is_right=acts["is_right"],
        pool_is_train=train,
        classes=task.modulus,
        linear_read_out="ln_final.w" not in host,
        assumed=Assumptions.of(task, model),
    )


def _over_pool(
    task: ReadableTask,
    model: nn.Module,
    params: Mapping[str, np.ndarray],
    pair_rows: np.ndarray,
) -> dict[str, np.ndarray]:
    """Run the network over the pool, block by block.

    Returns:
        What `activations` names, [n, n, ...] in the order of the group, and `loss` and
        `is_right` [pool] of every pair, over all classes in the order of the tokens.
    """
    tokens, labels = task.pool()
    elements = np.array(reading_of(task).elements)
    n, pool = len(elements), len(tokens)
    # -1: a pair outside the group.
    pair_of_row = np.full(pool, -1)
    pair_of_row[pair_rows.ravel()] = np.arange(n * n)
    pairs: dict[str, np.ndarray] = {}
    over_pool = {"loss": np.empty(pool), "is_right": np.empty(pool, bool)}
    size = 0
    for block in blocks(pool, _pair_bytes(params)):
        size = size or block.stop
        # The last block is filled up, so that one program serves all.
        filled = np.minimum(np.arange(block.start, block.start + size), pool - 1)
        with on_host():
            acts = _run(task, model, params, tokens[filled])
        count = block.stop - block.start
        arrays = {name: np.asarray(value)[:count] for name, value in acts.items()}
        if not np.isfinite(arrays["logits"]).all():
            raise Diverged("the logits are not finite: the weights are too large")
        right = labels[block, 0]
        over_pool["loss"][block] = cross_entropy(arrays["logits"], right)
        over_pool["is_right"][block] = arrays["logits"].argmax(1) == right
        arrays["logits"] = arrays["logits"][:, elements]
        of_pairs = pair_of_row[block]
        for name, array in arrays.items():
            target = pairs.setdefault(name, np.empty((n * n, *array.shape[1:])))
            target[of_pairs[of_pairs >= 0]] = array[of_pairs >= 0]
    in_group = {
        name: array.reshape(n, n, *array.shape[1:]) for name, array in pairs.items()
    }
    return in_group | over_pool


def _pair_bytes(params: Mapping[str, np.ndarray]) -> int:
    """Estimate the bytes that the activations of one pair take in float64."""
    # The last axis of a weight is an activation's, at each of three positions.
    widths = [array[..., 0, :].size for array in params.values() if array.ndim > 1]
    return 3 * 8 * sum(widths)


def on_host() -> contextlib.ExitStack:
    """Return a context in which JAX computes in float64 on the CPU."""
    stack = contextlib.ExitStack()
    stack.enter_context(jax.enable_x64(True))
    stack.enter_context(jax.default_device(jax.local_devices(backend="cpu")[0]))
    return stack


def activations(
    task: ReadableTask,
    model: nn.Module,
    params: Mapping[str, jax.Array],
    tokens: ArrayLike,
) -> dict[str, jax.Array]:
    """Return what the analysis reads of one forward pass; traceable.

    Args:
        task: one with a Fourier reading.
        model: a transformer or MLP of `jaxgrok.models`.
        params: by their TransformerLens names.
        tokens: [pairs, pos] rows of the task's pool.

    Returns:
        logits: [pairs, vocab without `=`].
        pattern: [pairs, heads, pos] of the read position, the first layer's heads
            first; absent without attention.
        neurons: [pairs, mlp] of the last layer; absent without MLP.
    """
    model = textbook_form(model)
    logits, acts = model.apply({"params": dict(params)}, jnp.asarray(tokens))
    patterns = [value for name, value in acts.items() if name.endswith("hook_pattern")]
    arrays = {"logits": logits[:, 0, : task.modulus]}
    # The read position, that of `=`, is the last one; an MLP has no other.
    if patterns:
        arrays["pattern"] = jnp.concatenate([p[:, :, -1] for p in patterns], axis=1)
    neurons = [value for name, value in acts.items() if name.endswith("mlp.hook_post")]
    if neurons:
        arrays["neurons"] = neurons[-1][:, -1]
    return arrays


# Tasks and modules are hashable: one program for all blocks and snapshots.
_run = jax.jit(activations, static_argnums=(0, 1))
