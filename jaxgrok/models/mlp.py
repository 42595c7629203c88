"""The 2-layer MLP: one hidden layer, whose first product is a table look-up.

Owns its parameters and forward pass. How a task's tokens are presented is the task's to
say (`mlp_input`): "sum", the sum of their one-hots, as the post has x and y (a 2 where
x = y); or "signs", each bit as ±1, as Barak et al. (2022) have it. Tokens that never
change, such as `=`, are left out. The post gives no initialisation: here it is N(0, 1)
divided by the square root of a layer's width in, biases 0.

    >>> model = build(Modular(), d_mlp=256)
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxgrok.fields.checks import check_all
from jaxgrok.fields.field import field
from jaxgrok.models.transformer import ACTIVATIONS
from jaxgrok.tasks import Task


@dataclasses.dataclass(frozen=True)
class MLPBuilder:
    """The fields of an MLP, and how to build one for a task."""

    d_mlp: int = field(256, low=1, unit="neurons", help="width of the hidden layer")
    activation: str = field("relu", choices=ACTIVATIONS, help="activation function")
    attention_only: bool = field(False, help="only False: an MLP has no attention")
    biases: str = field(
        "mlp", choices=("none", "mlp"), help="where biases are: nowhere, in the MLP"
    )

    def __post_init__(self) -> None:
        if self.attention_only:
            raise ValueError(
                "attention_only=True: an MLP has no attention; take model='transformer'"
            )
        check_all(self)

    def build(self, task: Task, dtype: str = "float32") -> "MLP":
        """Return the MLP for a task.

        Raises:
            ValueError: an MLP cannot read the task.
        """
        if task.mlp_input not in ("sum", "signs"):
            raise ValueError(
                f"model='mlp' cannot read this task ({type(task).__name__}): it takes "
                "task='modular' or 'parity', or one of your own with `mlp_input`"
            )
        return MLP(
            vocab_in=task.vocab_in,
            vocab_out=task.vocab_out,
            fixed_tokens=task.fixed_tokens,
            presented=task.mlp_input,
            d_mlp=self.d_mlp,
            activation=self.activation,
            biases=self.biases,
            dtype=dtype,
        )


def build(task: Task, *, dtype: str = "float32", **fields: Any) -> "MLP":
    """Return the MLP for a task; a wrong field raises ValueError."""
    return MLPBuilder(**fields).build(task, dtype)


class MLP(nn.Module):
    """W_in [vocab or bits, mlp], b_in, W_out [mlp, vocab_out], b_out.

    Build it with `build`, which checks its fields. The tokens that never change have
    no row in W_in where they come last in the vocabulary, as `=` does.
    """

    vocab_in: int
    vocab_out: int
    fixed_tokens: tuple[int | None, ...]
    presented: str
    d_mlp: int
    activation: str
    biases: str
    dtype: str

    @nn.compact
    def __call__(
        self,
        tokens: jax.Array,
        *,
        dropout: tuple[jax.Array, jax.Array] | None = None,
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Map tokens [examples, pos] to (logits [examples, 1, vocab], activations).

        Activations: mlp.hook_pre and mlp.hook_post, [examples, 1, mlp]. Dropout acts on
        the hidden layer.
        """
        free = np.flatnonzero([token is None for token in self.fixed_tokens])
        given = tokens[:, free]
        if self.presented == "sum":
            never = {token for token in self.fixed_tokens if token is not None}
            rows = self.vocab_in - (self.vocab_in - 1 in never)
            W_in = self._matrix("mlp.W_in", (rows, self.d_mlp))
            pre = W_in[given].sum(1)
        else:
            W_in = self._matrix("mlp.W_in", (len(free), self.d_mlp))
            pre = (2 * given - 1).astype(W_in.dtype) @ W_in
        if self.biases == "mlp":
            pre = pre + self._bias("mlp.b_in", self.d_mlp)
        post = ACTIVATIONS[self.activation](pre)
        acts = {"mlp.hook_pre": pre[:, None], "mlp.hook_post": post[:, None]}
        if dropout is not None:
            rate, key = dropout
            kept = jax.random.bernoulli(key, 1 - rate, post.shape)
            post = jnp.where(kept, post / (1 - rate), 0)
        logits = post @ self._matrix("mlp.W_out", (self.d_mlp, self.vocab_out))
        if self.biases == "mlp":
            logits = logits + self._bias("mlp.b_out", self.vocab_out)
        return logits[:, None], acts

    def _matrix(self, name: str, shape: tuple[int, int]) -> jax.Array:
        normal = nn.initializers.normal(shape[0] ** -0.5)
        return self.param(name, normal, shape, self.dtype)

    def _bias(self, name: str, size: int) -> jax.Array:
        zeros = nn.initializers.zeros
        return self.param(name, zeros, (size,), self.dtype)[None]
