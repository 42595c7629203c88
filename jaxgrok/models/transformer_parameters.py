"""The transformer's parameters: names and layouts of TransformerLens, initial values.

Initial values are the post's: N(0, 1) times 1/√d_model for every matrix, W_out
included, and 1/√vocab_out for W_U; biases 0, norms the identity.

    >>> weights = declare(model)                     # in a linen module's __call__
    >>> weights["blocks.0.attn.W_Q"].shape           # (heads, model, head)
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import jax
from flax import linen as nn
from flax.linen.initializers import ones, zeros

if TYPE_CHECKING:
    from jaxgrok.models.transformer import Transformer

BIASES = ("none", "mlp", "all")


def declare(model: Transformer) -> dict[str, jax.Array]:
    """Create or look up every parameter of a transformer, by name.

    Flax numbers a module's random draws, so the order of the calls decides the initial
    values: append to it, never reorder.

    Args:
        model: a transformer, inside its `__call__`.
    """
    parameters = _Parameters(model)
    parameters.matrix("embed.W_E", model.vocab_in, model.d_model)
    parameters.matrix("pos_embed.W_pos", len(model.fixed_tokens), model.d_model)
    for layer in range(model.layers):
        parameters.layer(f"blocks.{layer}")
    parameters.norm("ln_final")
    parameters.unembedding()
    return parameters.weights


@dataclasses.dataclass
class _Parameters:
    """Parameters of a transformer, collected in the order in which they are declared.

    Biases count in the order as matrices do: Flax numbers every call of `param`.
    """

    model: Transformer
    weights: dict[str, jax.Array] = dataclasses.field(default_factory=dict)

    def layer(self, name: str) -> None:
        """Declare a layer's attention and MLP."""
        model = self.model
        self.norm(f"{name}.ln1")
        for letter in "QKV":
            shape = (model.heads, model.d_model, model.d_head)
            self.matrix(f"{name}.attn.W_{letter}", *shape)
        for letter in "QKV":
            self.bias(f"{name}.attn.b_{letter}", model.heads, model.d_head)
        self.matrix(f"{name}.attn.W_O", model.heads, model.d_head, model.d_model)
        self.bias(f"{name}.attn.b_O", model.d_model)
        if model.attention_only:
            return
        self.matrix(f"{name}.mlp.W_in", model.d_model, model.d_mlp)
        self.matrix(f"{name}.mlp.W_out", model.d_mlp, model.d_model)
        # After the matrices, though it is applied before them: the order decides draws.
        self.norm(f"{name}.ln2")
        if model.biases != "none":
            self._add(f"{name}.mlp.b_in", zeros, (model.d_mlp,))
            self._add(f"{name}.mlp.b_out", zeros, (model.d_model,))

    def unembedding(self) -> None:
        """Declare W_U and b_U; several of them have a leading axis."""
        model = self.model
        leading = () if model.unembeddings == 1 else (model.unembeddings,)
        shape = (*leading, model.d_model, model.vocab_out)
        normal = nn.initializers.normal(model.vocab_out**-0.5)
        self._add("unembed.W_U", normal, shape)
        self.bias("unembed.b_U", *leading, model.vocab_out)

    def matrix(self, name: str, *shape: int) -> None:
        """Declare a matrix of the post's scale, 1/√d_model."""
        self._add(name, nn.initializers.normal(self.model.d_model**-0.5), shape)

    def bias(self, name: str, *shape: int) -> None:
        """Declare a bias that only a network with biases everywhere has."""
        if self.model.biases == "all":
            self._add(name, zeros, shape)

    def norm(self, name: str) -> None:
        """Declare scale and shift of a layer norm, where the network has them."""
        if self.model.layer_norm:
            self._add(f"{name}.w", ones, (self.model.d_model,))
            self._add(f"{name}.b", zeros, (self.model.d_model,))

    def _add(
        self, name: str, initial: nn.initializers.Initializer, shape: tuple[int, ...]
    ) -> None:
        """Create or look up one parameter."""
        model = self.model
        self.weights[name] = model.param(name, initial, shape, model.dtype)
