"""The transformer's parameters: names and layouts of TransformerLens, initial values.

Initial values are the post's: N(0, 1) times 1/√d_model for every matrix, W_out
included, and 1/√vocab_out for W_U; biases 0, norms the identity.

    >>> weights = declare(model)                     # in a linen module's __call__
    >>> weights["blocks.0.attn.W_Q"].shape           # (heads, model, head)
"""

from typing import Any

import jax
from flax import linen as nn
from flax.linen.initializers import ones, zeros

BIASES = ("none", "mlp", "all")


def declare(model: Any) -> dict[str, jax.Array]:
    """Create or look up every parameter of a transformer, by name.

    Flax numbers a module's random draws, so the order of the calls decides the initial
    values: append to it, never reorder.

    Args:
        model: a `Transformer`, inside its `__call__`.
    """
    weights: dict[str, jax.Array] = {}
    every = model.biases == "all"

    def matrix(name: str, *shape: int, scale: float = model.d_model**-0.5) -> None:
        normal = nn.initializers.normal(scale)
        weights[name] = model.param(name, normal, shape, model.dtype)

    def bias(name: str, *shape: int, only: bool = every, initial: Any = zeros) -> None:
        if only:
            weights[name] = model.param(name, initial, shape, model.dtype)

    def norm(name: str) -> None:
        bias(f"{name}.w", model.d_model, only=model.layer_norm, initial=ones)
        bias(f"{name}.b", model.d_model, only=model.layer_norm)

    matrix("embed.W_E", model.vocab_in, model.d_model)
    matrix("pos_embed.W_pos", len(model.fixed_tokens), model.d_model)
    for layer in range(model.layers):
        name = f"blocks.{layer}"
        norm(f"{name}.ln1")
        for letter in "QKV":
            matrix(f"{name}.attn.W_{letter}", model.heads, model.d_model, model.d_head)
        for letter in "QKV":
            bias(f"{name}.attn.b_{letter}", model.heads, model.d_head)
        matrix(f"{name}.attn.W_O", model.heads, model.d_head, model.d_model)
        bias(f"{name}.attn.b_O", model.d_model)
        if model.attention_only:
            continue
        matrix(f"{name}.mlp.W_in", model.d_model, model.d_mlp)
        matrix(f"{name}.mlp.W_out", model.d_mlp, model.d_model)
        norm(f"{name}.ln2")
        bias(f"{name}.mlp.b_in", model.d_mlp, only=model.biases != "none")
        bias(f"{name}.mlp.b_out", model.d_model, only=model.biases != "none")
    norm("ln_final")
    several = () if model.unembeddings == 1 else (model.unembeddings,)
    shape = (*several, model.d_model, model.vocab_out)
    matrix("unembed.W_U", *shape, scale=model.vocab_out**-0.5)
    bias("unembed.b_U", *several, model.vocab_out)
    return weights
