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
        pool_is_train: [pool] bool, or None.
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
    pool_is_train: np.ndarray | None
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
        ValueError: the task has no Fourier reading, `is_train` does not fit it, or a
            parameter is not finite.
    """
    reading = reading_of(task)
    rows, elements = pair_rows(task), np.array(reading.elements)
    train = None if is_train is None else check_is_train(task, is_train)
    host = {name: np.asarray(value, np.float64) for name, value in params.items()}
    # NaN would go through norms and argmax, and come out as a circuit.
    for name, value in host.items():
        if not np.isfinite(value).all():
            raise ValueError(f"{name} is not finite: this network diverged")
    with on_host():
        acts = {k: np.asarray(v) for k, v in _run(task, model, host).items()}
    n = reading.order
    labels = np.empty((n, n), int)
    # Row s of the index holds the pairs of answer s.
    labels[answer_index(n, reading.sign)] = np.arange(n)[:, None]
    return Network(
        params=host,
        W_E=embedding(host)[elements],
        # From tokens to group elements: pairs by their rows, classes by their columns.
        logits=acts["logits"][rows][..., elements],
        labels=labels,
        is_train=None if train is None else train[rows],
        neurons=acts["neurons"][rows] if "neurons" in acts else None,
        pattern=acts["pattern"][rows] if "pattern" in acts else None,
        W_L=neuron_logits(host, elements),
        sign=reading.sign,
        elements=reading.elements,
        # All classes of the pool, in the order of the tokens, not of the group.
        pool_loss=cross_entropy(acts["logits"], task.pool()[1][:, 0]),
        pool_is_train=train,
        linear_read_out="ln_final.w" not in host,
    )


def on_host() -> contextlib.ExitStack:
    """Return a context in which JAX computes in float64 on the CPU."""
    stack = contextlib.ExitStack()
    stack.enter_context(jax.enable_x64(True))
    stack.enter_context(jax.default_device(jax.local_devices(backend="cpu")[0]))
    return stack


def activations(
    task: ReadableTask, model: nn.Module, params: Mapping[str, jax.Array]
) -> dict[str, jax.Array]:
    """Return what the analysis reads of one forward pass over the pool; traceable.

    Returns:
        logits: [pool, vocab without `=`].
        pattern: [pool, heads, pos] of the read position, the first layer's heads first;
            absent without attention.
        neurons: [pool, mlp] of the last layer; absent without MLP.
    """
    tokens, _ = task.pool()
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


# Tasks and modules are hashable: one program for all snapshots of a training.
_run = jax.jit(activations, static_argnums=(0, 1))
