"""The post's transformer in textbook order, with every activation named.

Analysis, export and your own reading use this form; training uses one that computes
the same logits with less work (`jaxgrok.models.training_form`).

    >>> model = build(task, layers=1, d_model=128)
    >>> params = model.init(key, tokens)["params"]
    >>> logits, activations = model.apply({"params": params}, tokens)
    >>> activations["blocks.0.attn.hook_pattern"]    # [examples, heads, query, pos]
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxgrok.fields.checks import check_all
from jaxgrok.fields.field import MOST_WIDE, field
from jaxgrok.models.transformer_parameters import BIASES, declare
from jaxgrok.tasks import Task

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": nn.relu,
    "gelu": nn.gelu,
}
MOST_LAYERS = 128
"""Each layer is traced and compiled by itself: more would take hours."""
Arrays = dict[str, jax.Array]
"""Weights or activations, by their TransformerLens names."""


@dataclasses.dataclass(frozen=True)
class TransformerBuilder:
    """The fields of a transformer, and how to build one for a task."""

    layers: int = field(1, low=1, high=MOST_LAYERS, help="number of layers")
    d_model: int = field(
        128, low=1, high=MOST_WIDE, help="width of the residual stream"
    )
    heads: int = field(4, low=1, high=MOST_WIDE, help="attention heads of a layer")
    d_head: int = field(32, low=1, high=MOST_WIDE, help="width of an attention head")
    d_mlp: int = field(
        512, low=1, high=MOST_WIDE, unit="neurons", help="hidden neurons of a layer"
    )
    activation: str = field("relu", choices=ACTIVATIONS, help="activation function")
    attention_only: bool = field(False, help="layers of attention without MLPs")
    layer_norm: bool = field(False, help="layer norm before each part and at the end")
    biases: str = field(
        "mlp",
        choices=BIASES,
        help="where biases are: nowhere, in the MLPs, everywhere",
    )

    def __post_init__(self) -> None:
        check_all(self)

    def build(self, task: Task, dtype: str = "float32") -> "Transformer":
        """Return the transformer for a task."""
        return Transformer(
            vocab_in=task.vocab_in,
            vocab_out=task.vocab_out,
            read=task.read,
            fixed_tokens=task.fixed_tokens,
            unembeddings=task.unembeddings,
            dtype=dtype,
            **dataclasses.asdict(self),
        )


def build(task: Task, *, dtype: str = "float32", **fields: Any) -> "Transformer":
    """Return the transformer for a task; a wrong field raises ValueError."""
    return TransformerBuilder(**fields).build(task, dtype)


class Transformer(nn.Module):
    """A decoder-only transformer; build it with `build`, which checks its fields.

    Attributes:
        read: the positions whose logits are read; None if each example has its own.
        fixed_tokens: for each position, the token that it always holds, or None.
        unembeddings: number of unembeddings; with several, W_U is
            [unembeddings, model, vocab].

    The other attributes are fields of `TransformerBuilder`.
    """

    vocab_in: int
    vocab_out: int
    read: tuple[int, ...] | None
    fixed_tokens: tuple[int | None, ...]
    layers: int
    d_model: int
    heads: int
    d_head: int
    d_mlp: int
    activation: str
    attention_only: bool
    layer_norm: bool
    biases: str
    dtype: str
    unembeddings: int = 1

    @nn.compact
    def __call__(
        self,
        tokens: jax.Array,
        *,
        read: jax.Array | None = None,
        unembedding: jax.Array | None = None,
    ) -> tuple[jax.Array, Arrays]:
        """Run the network over some examples.

        Args:
            tokens: [examples, pos].
            read: [examples, read] positions, where the task has none in common.
            unembedding: [examples, read], the one to use where there are several.

        Returns:
            Logits [examples, read, vocab], and the activations at all positions under
            TransformerLens' hook names.
        """
        weights, acts = declare(self), Arrays()
        acts["hook_embed"] = weights["embed.W_E"][tokens]
        acts["hook_pos_embed"] = weights["pos_embed.W_pos"][None, : tokens.shape[1]]
        x = acts["hook_embed"] + acts["hook_pos_embed"]
        for layer in range(self.layers):
            name = f"blocks.{layer}"
            acts[f"{name}.hook_resid_pre"] = x
            x = x + self._attention(name, x, weights, acts)
            # Without an MLP there is no hook_resid_mid, as in TransformerLens.
            if not self.attention_only:
                acts[f"{name}.hook_resid_mid"] = x
                x = x + self._mlp(name, x, weights, acts)
            acts[f"{name}.hook_resid_post"] = x
        x = self._norm("ln_final", x, weights, acts)
        x = _at(x, self.read or read)
        return self._unembed(x, weights, unembedding), acts

    def _attention(
        self, name: str, x: jax.Array, weights: Arrays, acts: Arrays
    ) -> jax.Array:
        """Compute the output of causal attention, [examples, pos, model]."""
        x = self._norm(f"{name}.ln1", x, weights, acts)
        name = f"{name}.attn"
        # e: example; p, q, k: position; h: head; d: within a head; m: model.
        for letter in "QKV":
            heads = jnp.einsum("epm,hmd->ephd", x, weights[f"{name}.W_{letter}"])
            heads = heads + _bias(weights, f"{name}.b_{letter}")
            acts[f"{name}.hook_{letter.lower()}"] = heads
        q, k, v = acts[f"{name}.hook_q"], acts[f"{name}.hook_k"], acts[f"{name}.hook_v"]
        scores = jnp.einsum("eqhd,ekhd->ehqk", q, k) / self.d_head**0.5
        is_past = jnp.tril(jnp.ones(scores.shape[-2:], bool))[None, None]
        # Each query sees itself at least, so no row of the softmax is all -inf.
        scores = jnp.where(is_past, scores, -jnp.inf)
        pattern = jax.nn.softmax(scores)
        z = jnp.einsum("ehqk,ekhd->eqhd", pattern, v)
        out = jnp.einsum("eqhd,hdm->eqm", z, weights[f"{name}.W_O"])
        out = out + _bias(weights, f"{name}.b_O")
        acts[f"{name}.hook_attn_scores"] = scores
        acts[f"{name}.hook_pattern"] = pattern
        acts[f"{name}.hook_z"] = z
        acts[f"{name.removesuffix('.attn')}.hook_attn_out"] = out
        return out

    def _mlp(self, name: str, x: jax.Array, weights: Arrays, acts: Arrays) -> jax.Array:
        """Compute the output of the MLP, [examples, pos, model]."""
        x = self._norm(f"{name}.ln2", x, weights, acts)
        pre = x @ weights[f"{name}.mlp.W_in"] + _bias(weights, f"{name}.mlp.b_in")
        post = ACTIVATIONS[self.activation](pre)
        out = post @ weights[f"{name}.mlp.W_out"] + _bias(weights, f"{name}.mlp.b_out")
        acts[f"{name}.mlp.hook_pre"], acts[f"{name}.mlp.hook_post"] = pre, post
        acts[f"{name}.hook_mlp_out"] = out
        return out

    def _norm(
        self, name: str, x: jax.Array, weights: Arrays, acts: Arrays
    ) -> jax.Array:
        """Apply layer norm with learned scale and shift, where the network has it."""
        if self.layer_norm:
            x = layer_norm(x, weights[f"{name}.w"], weights[f"{name}.b"])
            acts[f"{name}.hook_normalized"] = x
        return x

    def _unembed(
        self, x: jax.Array, weights: Arrays, unembedding: jax.Array | None
    ) -> jax.Array:
        """Compute logits [examples, read, vocab], each by its own unembedding."""
        W_U, b_U = weights["unembed.W_U"], _bias(weights, "unembed.b_U")
        if self.unembeddings == 1:
            return x @ W_U + b_U
        logits = jnp.einsum("erm,umv->eruv", x, W_U) + b_U
        if unembedding is None:  # all of them, side by side
            return logits.reshape(*x.shape[:2], -1)
        index = unembedding[..., None, None]
        return jnp.take_along_axis(logits, index, axis=2)[:, :, 0]


def layer_norm(x: jax.Array, w: jax.Array, b: jax.Array) -> jax.Array:
    """Normalise [examples, pos, model] over its last axis, then scale and shift."""
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred**2).mean(-1, keepdims=True)
    # The epsilon of TransformerLens, inside the root.
    return centred / jnp.sqrt(variance + 1e-5) * w[None, None] + b[None, None]


def _bias(weights: Arrays, name: str) -> jax.Array | float:
    """Return a bias as [1, 1, ...], for examples and positions; 0 without it."""
    return weights[name][None, None] if name in weights else 0.0


def _at(x: jax.Array, positions: tuple[int, ...] | jax.Array | None) -> jax.Array:
    """Select the stream at the positions that are read, common or each example's."""
    assert positions is not None  # a task without `read` says where in its examples
    if isinstance(positions, tuple):
        return x[:, jnp.array(positions)]
    return jnp.take_along_axis(x, positions[..., None], axis=1)
