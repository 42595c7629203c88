"""Parity of a hidden few of many bits.

The task of "Hidden Progress in Deep Learning: SGD Learns Parities Near the
Computational Limit" (Barak et al. 2022): n uniform bits, of which a secret set of k
decides the answer, their sum mod 2. The paper takes n = 30 to 60 and k = 3 or 4.

    >>> Parity(bits=40, secret=3).sample(jax.random.key(0)).labels      # [1]
"""

import dataclasses
import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.fields.checks import check_all
from jaxgrok.fields.field import MOST, MOST_WIDE, field
from jaxgrok.tasks.task import Example, Presets, Sampled


@dataclasses.dataclass(frozen=True)
class Parity(Sampled):
    """`bits` bits and `=`; the answer, read at `=`, is the parity of `secret` of them.

    Which bits decide belongs to the task, not to a cell.
    """

    bits: int = field(40, low=1, high=MOST_WIDE, help="n, bits of an input")
    secret: int = field(
        3, low=1, high=MOST_WIDE, help="k, bits that decide the answer; at most n"
    )
    secret_seed: int = field(
        0, low=0, high=MOST, help="seed that chooses the deciding bits"
    )

    # Barak et al. train MLPs of widths 10 to 1000 by SGD; AdamW is ours.
    presets: ClassVar[Presets] = {
        "post": {
            "train_fraction": (),
            "model": "mlp",
            "d_mlp": 256,
            "n_train": (1_000,),
        },
        "laptop": {
            "train_fraction": (),
            "model": "mlp",
            "d_mlp": 128,
            "bits": 20,
            "n_train": (800,),
            "learning_rate": (3e-3,),
        },
    }

    def __post_init__(self) -> None:
        check_all(self)
        if self.secret > self.bits:
            raise ValueError(
                f"secret={self.secret} must be at most bits={self.bits}; take "
                f"1 … {self.bits}"
            )

    # Bits 0 and 1; 2 stands for `=`.
    vocab_in = 3
    vocab_out = 2

    @property
    def mlp_input(self) -> str:
        return "signs"

    @property
    def title(self) -> str:
        return f"parity of {self.secret} of {self.bits} bits"

    @property
    def fixed_tokens(self) -> tuple[int | None, ...]:
        return (*(None,) * self.bits, 2)

    @property
    def read(self) -> tuple[int, ...]:
        return (self.bits,)

    @property
    def universe(self) -> int:
        return int(2**self.bits)

    # Its cache goes into __dict__ directly, which a frozen dataclass allows, and it is
    # no field: equality and hash do not see it.
    @functools.cached_property
    def secret_bits(self) -> np.ndarray:
        """Positions that decide the answer, ascending: [secret]."""
        # Drawn once, on the host, so that every cell has the same secret.
        shuffled = np.random.default_rng(self.secret_seed).permutation(self.bits)
        return np.sort(shuffled[: self.secret])

    def sample(self, key: jax.Array) -> Example:
        """Draw one example: tokens [bits + 1], labels [1], both int32."""
        bits = jax.random.bernoulli(key, shape=(self.bits,)).astype(jnp.int32)
        label = bits[self.secret_bits].sum(keepdims=True) % 2
        return Example(jnp.append(bits, jnp.int32(2)), label)
