"""Skip trigrams: which large token stands somewhere among small ones?

Owns the tokens and labels of the skip trigram (or maximum) task of "A Mechanistic
Interpretability Analysis of Grokking" (Nanda & Lieberum 2022): `START 0 4 7 14 9 END`,
whose answer, read at END, is 14. Each large token is a skip trigram of its own, and a
component. Refuses a vocabulary in which there is nothing to tell apart.

    >>> Trigrams().sample(jax.random.key(0)).tokens       # [42]
"""

import dataclasses

import jax
import jax.numpy as jnp

from jaxgrok.tasks.example import Example


@dataclasses.dataclass(frozen=True)
class Trigrams:
    """START, `entries` small tokens of which one is replaced by a large one, END.

    Tokens 0 … small - 1 are small, the next `large` are large; then come START and END.
    Class c of the answer is the large token small + c.

    Attributes:
        small: number of small tokens, at least 1.
        large: number of large tokens, at least 2.
        entries: tokens between START and END, at least 1.
    """

    small: int = 10
    large: int = 10
    entries: int = 40

    def __post_init__(self) -> None:
        for name, least in (("small", 1), ("large", 2), ("entries", 1)):
            if getattr(self, name) < least:
                raise ValueError(
                    f"{name}={getattr(self, name)} must be at least {least}: the "
                    "vocabulary is too small for a skip trigram"
                )

    @property
    def title(self) -> str:
        return f"{self.large} skip trigrams over {self.entries} tokens"

    @property
    def vocab_in(self) -> int:
        return self.small + self.large + 2

    @property
    def vocab_out(self) -> int:
        return self.large

    @property
    def fixed_tokens(self) -> tuple[int | None, ...]:
        start = self.small + self.large
        return (start, *(None,) * self.entries, start + 1)

    @property
    def read(self) -> tuple[int, ...]:
        return (self.entries + 1,)

    @property
    def universe(self) -> int:
        return self.entries * self.large * self.small ** (self.entries - 1)

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(f"trigram {self.small + i}" for i in range(self.large))

    def component(self, tokens: jax.Array, labels: jax.Array) -> jax.Array:
        """The trigram of each prediction is its label: [examples, read]."""
        return labels

    def sample(self, key: jax.Array) -> Example:
        """Draw one example: tokens [entries + 2], labels [1], both int32."""
        fill, which, where = jax.random.split(key, 3)
        tokens = jax.random.randint(fill, (self.entries,), 0, self.small, jnp.int32)
        label = jax.random.randint(which, (1,), 0, self.large, jnp.int32)
        place = jax.random.randint(where, (1,), 0, self.entries)
        tokens = tokens.at[place].set(self.small + label)
        start = jnp.array([self.small + self.large], jnp.int32)
        return Example(jnp.concatenate([start, tokens, start + 1]), label)
