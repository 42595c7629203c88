"""Random tokens in which a random subsequence comes again: an induction circuit pays.

The repeated subsequence of "A Mechanistic Interpretability Analysis of Grokking" (Nanda
& Lieberum 2022), in the form of its published runs: the sequence is cut into as many
equal parts as the subsequence occurs times, and each part holds it once, at a random
position. Scored are the tokens of all occurrences but the first, and of each all tokens
but its first, which nothing announces.

    >>> Repeats(symbols=9, length=14, repeat_length=4, occurrences=2, end=True)
"""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxgrok.fields.checks import check_all
from jaxgrok.fields.field import MOST_WIDE, field
from jaxgrok.tasks.task import Example, Presets, Sampled


@dataclasses.dataclass(frozen=True)
class Repeats(Sampled):
    """BEGIN, `length` tokens of which some are repeated, END.

    Token 0 is BEGIN, 1 … `symbols` are uniform, symbols + 1 is END. Each example has
    read positions of its own. Components are the occurrences: "occurrence 2", ….
    """

    symbols: int = field(
        127, low=2, high=MOST_WIDE, help="number of different random tokens"
    )
    length: int = field(84, low=1, high=MOST_WIDE, help="random tokens of a sequence")
    repeat_length: int = field(
        16, low=2, high=MOST_WIDE, help="tokens of the repeated subsequence"
    )
    occurrences: int = field(
        3, low=2, high=MOST_WIDE, help="how often the subsequence occurs"
    )
    begin: bool = field(
        True, help="whether a sequence starts with BEGIN, as in the published runs"
    )
    end: bool = field(
        False, help="whether a sequence closes with END, as in the post's text"
    )

    presets: ClassVar[Presets] = {
        "post": {
            "train_fraction": (),
            "attention_only": True,
            "layers": 2,
            "d_model": 48,
            "d_head": 12,
            "beta2": (0.999,),
            "warmup_steps": 100,
            "n_train": (512,),
            "batch_size": 128,
            "steps": (240_000,),
            "eval_every": 500,
        },
        "laptop": {
            "train_fraction": (),
            "attention_only": True,
            "layers": 2,
            "d_model": 48,
            "d_head": 12,
            "symbols": 15,
            "length": 16,
            "repeat_length": 6,
            "occurrences": 2,
            "n_train": (512,),
        },
    }

    def __post_init__(self) -> None:
        check_all(self)
        part = self.length // self.occurrences
        if self.repeat_length > part:
            raise ValueError(
                f"repeat_length={self.repeat_length} does not fit: "
                f"length={self.length} is {self.occurrences} parts of {part} tokens, "
                f"each of which holds it; take at most {part}, or a longer sequence"
            )
        if self.length % self.occurrences:
            raise ValueError(
                f"length={self.length} is not a multiple of "
                f"occurrences={self.occurrences}; take {part * self.occurrences}"
            )

    read = None

    @property
    def induction(self) -> bool:
        return True

    @property
    def title(self) -> str:
        return (
            f"{self.repeat_length} tokens that occur {self.occurrences} times "
            f"in {self.length}"
        )

    @property
    def vocab_in(self) -> int:
        return self.symbols + 1 + self.end

    @property
    def vocab_out(self) -> int:
        # Classes have the numbers of tokens, so class 0, BEGIN, is never right.
        return self.symbols + 1

    @property
    def fixed_tokens(self) -> tuple[int | None, ...]:
        first: tuple[int | None, ...] = (0,) if self.begin else ()
        last: tuple[int | None, ...] = (self.symbols + 1,) if self.end else ()
        return (*first, *(None,) * self.length, *last)

    @property
    def universe(self) -> int:
        """Bound from above: some sequences arise in more than one way."""
        starts = self.length // self.occurrences - self.repeat_length + 1
        # All occurrences but one are copies, so their tokens are not free.
        free = self.length - (self.occurrences - 1) * self.repeat_length
        return int(starts**self.occurrences * self.symbols**free)

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(f"occurrence {i}" for i in range(2, self.occurrences + 1))

    def component(self, tokens: jax.Array, labels: jax.Array) -> jax.Array:
        """Number the occurrences, from the second on, in order of reading: [read]."""
        return jnp.repeat(jnp.arange(self.occurrences - 1), self.repeat_length - 1)

    def sample(self, key: jax.Array) -> Example:
        """Draw one example, int32.

        tokens [begin + length + end]; labels and read
        [(occurrences - 1)·(repeat_length - 1)].
        """
        fill, copy, offset = jax.random.split(key, 3)
        part = self.length // self.occurrences

        def draw(key: jax.Array, count: int, least: int, below: int) -> jax.Array:
            return jax.random.randint(key, (count,), least, below, jnp.int32)

        tokens = draw(fill, self.length, 1, self.symbols + 1)
        subsequence = draw(copy, self.repeat_length, 1, self.symbols + 1)
        # An occurrence starts anywhere in its part from where it still fits.
        offsets = draw(offset, self.occurrences, 0, part - self.repeat_length + 1)
        starts = offsets + part * jnp.arange(self.occurrences, dtype=jnp.int32)
        entry = jnp.arange(self.repeat_length, dtype=jnp.int32)
        # The positions of each occurrence: [occurrences, repeat_length].
        copies = starts[:, None] + entry[None]
        tokens = tokens.at[copies].set(jnp.broadcast_to(subsequence, copies.shape))
        # A position predicts the next token, so an occurrence's last is not read.
        read = (copies[1:, :-1] + self.begin).ravel()
        labels = jnp.tile(subsequence[1:], self.occurrences - 1)
        first = jnp.zeros(int(self.begin), jnp.int32)
        last = jnp.full(int(self.end), self.symbols + 1, jnp.int32)
        return Example(jnp.concatenate([first, tokens, last]), labels, read)
