"""Skip trigrams: which large token stands somewhere among small ones?

The skip trigram (or maximum) task of "A Mechanistic Interpretability Analysis of
Grokking" (Nanda & Lieberum 2022): `START 0 4 7 14 9 END`, whose answer, read at END, is
14. Each large token is a skip trigram of its own, and a component.

    >>> Trigrams().sample(jax.random.key(0)).tokens       # [42]
"""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxgrok.fields.checks import check_all
from jaxgrok.fields.field import MOST_WIDE, field
from jaxgrok.tasks.task import Example, Presets, Sampled

# The post's own sizes are small enough for a laptop.
_PRESET = {
    "train_fraction": (),
    "attention_only": True,
    "d_model": 32,
    "heads": 1,
    "d_head": 8,
    "n_train": (50,),
    "steps": (5_000,),
    "eval_every": 25,
}


@dataclasses.dataclass(frozen=True)
class Trigrams(Sampled):
    """START, `entries` small tokens of which one is replaced by a large one, END.

    Tokens 0 … small - 1 are small, the next `large` are large; then come START and END.
    Class c of the answer is the large token small + c.
    """

    small: int = field(10, low=1, high=MOST_WIDE, help="number of small tokens")
    large: int = field(
        10, low=2, high=MOST_WIDE, help="number of large tokens, the classes"
    )
    entries: int = field(40, low=1, high=MOST_WIDE, help="tokens between START and END")

    presets: ClassVar[Presets] = {"post": _PRESET, "laptop": _PRESET}

    def __post_init__(self) -> None:
        check_all(self)

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
        # START follows the large tokens, and END follows START.
        start = self.small + self.large
        return (start, *(None,) * self.entries, start + 1)

    @property
    def read(self) -> tuple[int, ...]:
        return (self.entries + 1,)

    @property
    def universe(self) -> int:
        # Where the large token stands, which one it is, and the small ones elsewhere.
        return int(self.entries * self.large * self.small ** (self.entries - 1))

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(f"trigram {self.small + i}" for i in range(self.large))

    def component(self, tokens: jax.Array, labels: jax.Array) -> jax.Array:
        """Return the labels, which number the trigrams: [examples, read]."""
        return labels

    def sample(self, key: jax.Array) -> Example:
        """Draw one example: tokens [entries + 2], labels [1], both int32."""
        fill, which, position = jax.random.split(key, 3)
        tokens = jax.random.randint(fill, (self.entries,), 0, self.small, jnp.int32)
        label = jax.random.randint(which, (1,), 0, self.large, jnp.int32)
        entry = jax.random.randint(position, (1,), 0, self.entries)
        tokens = tokens.at[entry].set(self.small + label)
        start = jnp.array([self.small + self.large], jnp.int32)
        return Example(jnp.concatenate([start, tokens, start + 1]), label)
