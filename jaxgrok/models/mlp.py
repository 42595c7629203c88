"""The 2-layer MLP: one hidden layer, whose first product is a table look-up.

The task decides how the MLP reads its tokens (`mlp_input`): "sum", the sum of their
one-hots, as in the post (2 where x = y); or "signs", each bit as ±1, as in Barak et
al. (2022). Tokens that never change, such as `=`, are left out. The post gives no
initial values: they are N(0, 1) over the square root of a matrix's width in; biases 0.

    >>> model = build(Modular(), d_mlp=256)
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxgrok.fields.checks import check_all
from jaxgrok.fields.field import MOST_WIDE, field
from jaxgrok.models.activations import activation
from jaxgrok.models.device_costs import CPU, DeviceCosts
from jaxgrok.models.gathers import take
from jaxgrok.models.one_hot import look_up, one_hot
from jaxgrok.models.transformer import ACTIVATIONS
from jaxgrok.tasks import Task


@dataclasses.dataclass(frozen=True)
class MLPBuilder:
    """The fields of an MLP, and how to build one for a task."""

    d_mlp: int = field(
        256,
        low=1,
        high=MOST_WIDE,
        unit="neurons",
        help="width of the hidden layer",
    )
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
            mlp_input=task.mlp_input,
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

    Build it with `build`, which checks its fields.

    Attributes:
        mlp_input: "sum" or "signs": how tokens are read.
        costs: what decides the form of its look-up.

    The others are the task's, or arguments of `build`.
    """

    vocab_in: int
    vocab_out: int
    fixed_tokens: tuple[int | None, ...]
    mlp_input: str
    d_mlp: int
    activation: str
    biases: str
    dtype: str
    costs: DeviceCosts = CPU

    @nn.compact
    def __call__(
        self,
        tokens: jax.Array,
        *,
        dropout: tuple[jax.Array, jax.Array] | None = None,
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Run the network over some examples.

        Args:
            tokens: [examples, pos].
            dropout: a rate and a key; acts on the hidden layer.

        Returns:
            Logits [examples, 1, vocab], and the activations mlp.hook_pre and
            mlp.hook_post, [examples, 1, mlp].
        """
        free = np.flatnonzero([token is None for token in self.fixed_tokens])
        inputs = tokens[:, free]
        if self.mlp_input == "sum":
            # A fixed token has no row in W_in if it is the last of the vocabulary.
            rows = self.vocab_in - (self.vocab_in - 1 in self.fixed_tokens)
            W_in = self._matrix("mlp.W_in", (rows, self.d_mlp))
            # A sum of one-hots times W_in is a sum of rows of W_in.
            if self.costs.one_hot_pays(rows):
                # Not the sum over an axis: XLA would make it anew in every step.
                hots = [one_hot(inputs[:, i][None], rows) for i in range(len(free))]
                pre = look_up(W_in.T[None], functools.reduce(jnp.add, hots))[0].T
            else:
                pre = take(W_in, inputs, self.costs).sum(1)
        else:
            W_in = self._matrix("mlp.W_in", (len(free), self.d_mlp))
            pre = (2 * inputs - 1).astype(W_in.dtype) @ W_in
        if self.biases == "mlp":
            pre = pre + self._bias("mlp.b_in", self.d_mlp)
        post = activation(self.activation, self.costs)(pre)
        acts = {"mlp.hook_pre": pre[:, None], "mlp.hook_post": post[:, None]}
        if dropout is not None:
            rate, key = dropout
            is_kept = jax.random.bernoulli(key, 1 - rate, post.shape)
            # Divided by the share that stays, so that the expected value is the same.
            post = jnp.where(is_kept, post / (1 - rate), 0)
        logits = post @ self._matrix("mlp.W_out", (self.d_mlp, self.vocab_out))
        if self.biases == "mlp":
            logits = logits + self._bias("mlp.b_out", self.vocab_out)
        return logits[:, None], acts

    def _matrix(self, name: str, shape: tuple[int, int]) -> jax.Array:
        """Create or look up a matrix [in, out]."""
        normal = nn.initializers.normal(shape[0] ** -0.5)
        return self.param(name, normal, shape, self.dtype)

    def _bias(self, name: str, size: int) -> jax.Array:
        """Create or look up a bias, with an axis for examples: [1, size]."""
        zeros = nn.initializers.zeros
        return self.param(name, zeros, (size,), self.dtype)[None]
