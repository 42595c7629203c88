"""Parity of a hidden few of many bits.

Owns the tokens and labels of "Hidden Progress in Deep Learning: SGD Learns Parities
Near the Computational Limit" (Barak et al. 2022): n uniform bits, of which a secret
set of k decides the answer, their sum mod 2. Refuses a secret larger than the bits.

    >>> Parity(bits=40, secret=3).sample(jax.random.key(0)).labels      # [1]
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.tasks.example import Example


@dataclasses.dataclass(frozen=True)
class Parity:
    """`bits` bits and `=`; the answer, read at `=`, is the parity of `secret` of them.

    Attributes:
        bits: n, at least 1. The paper takes 30 to 60.
        secret: k, 1 … n. The paper takes 3 and 4.
        secret_seed: chooses which bits; a property of the task, not of a cell.
    """

    bits: int = 40
    secret: int = 3
    secret_seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.secret <= self.bits:
            raise ValueError(
                f"secret={self.secret} of bits={self.bits} is not possible; take "
                f"1 … {max(self.bits, 1)}"
            )

    vocab_in = 3
    vocab_out = 2
    mlp_input = "signs"

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
        return 2**self.bits

    @functools.cached_property
    def secret_bits(self) -> np.ndarray:
        """The positions that decide the answer, ascending: [secret]."""
        chosen = np.random.default_rng(self.secret_seed).permutation(self.bits)
        return np.sort(chosen[: self.secret])

    def sample(self, key: jax.Array) -> Example:
        """Draw one example: tokens [bits + 1], labels [1], both int32."""
        bits = jax.random.bernoulli(key, shape=(self.bits,)).astype(jnp.int32)
        label = bits[self.secret_bits].sum(keepdims=True) % 2
        return Example(jnp.append(bits, jnp.int32(2)), label)
