"""Random tokens in which a random subsequence comes again: an induction circuit pays.

Owns the tokens and labels of the repeated subsequence of "A Mechanistic
Interpretability Analysis of Grokking" (Nanda & Lieberum 2022), in the form of its
published runs: the sequence is cut into as many equal parts as the subsequence occurs
times, and each part holds it once, at a random place. Scored are the tokens of all
occurrences but the first, and of each all tokens but its first, which nothing
announces. Refuses a subsequence that does not fit.

    >>> Repeats(symbols=9, length=14, repeat_length=4, occurrences=2, end=True)
"""

import dataclasses

import jax
import jax.numpy as jnp

from jaxgrok.tasks.example import Example


@dataclasses.dataclass(frozen=True)
class Repeats:
    """BEGIN, `length` tokens of which some are repeated, END.

    Token 0 is BEGIN, 1 … `symbols` are uniform, symbols + 1 is END. Each example has
    read positions of its own. Components are the occurrences: "occurrence 2", ….

    Attributes:
        symbols: number of different random tokens, at least 2.
        length: random tokens of a sequence.
        repeat_length: tokens of the subsequence, at least 2.
        occurrences: how often it occurs, at least 2.
        begin: whether a sequence begins with BEGIN, as in the published runs.
        end: whether it ends with END, as in the post's text.
    """

    symbols: int = 127
    length: int = 84
    repeat_length: int = 16
    occurrences: int = 3
    begin: bool = True
    end: bool = False

    def __post_init__(self) -> None:
        for name in ("symbols", "repeat_length", "occurrences"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 2")
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

    induction = True
    read = None

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
        return self.symbols + 1

    @property
    def fixed_tokens(self) -> tuple[int | None, ...]:
        first: tuple[int | None, ...] = (0,) if self.begin else ()
        last: tuple[int | None, ...] = (self.symbols + 1,) if self.end else ()
        return (*first, *(None,) * self.length, *last)

    @property
    def universe(self) -> int:
        """An upper bound: some sequences arise in more than one way."""
        places = (self.length // self.occurrences - self.repeat_length + 1) ** (
            self.occurrences
        )
        free = self.length - (self.occurrences - 1) * self.repeat_length
        return places * self.symbols**free

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(f"occurrence {i}" for i in range(2, self.occurrences + 1))

    def component(self, tokens: jax.Array, labels: jax.Array) -> jax.Array:
        """Read positions go through the second occurrence, then the third: [read]."""
        return jnp.repeat(jnp.arange(self.occurrences - 1), self.repeat_length - 1)

    def sample(self, key: jax.Array) -> Example:
        """Draw one example, int32.

        tokens [begin + length + end]; labels and read
        [(occurrences - 1)·(repeat_length - 1)].
        """
        fill, copy, where = jax.random.split(key, 3)
        part = self.length // self.occurrences

        def draw(key: jax.Array, count: int, least: int, below: int) -> jax.Array:
            return jax.random.randint(key, (count,), least, below, jnp.int32)

        tokens = draw(fill, self.length, 1, self.symbols + 1)
        again = draw(copy, self.repeat_length, 1, self.symbols + 1)
        offsets = draw(where, self.occurrences, 0, part - self.repeat_length + 1)
        starts = offsets + part * jnp.arange(self.occurrences, dtype=jnp.int32)
        within = jnp.arange(self.repeat_length, dtype=jnp.int32)
        inside = starts[:, None] + within[None]
        tokens = tokens.at[inside].set(jnp.broadcast_to(again, inside.shape))
        read = (inside[1:, :-1] + self.begin).ravel()
        labels = jnp.tile(again[1:], self.occurrences - 1)
        ends = [jnp.zeros(int(self.begin), jnp.int32), tokens]
        ends.append(jnp.full(int(self.end), self.symbols + 1, jnp.int32))
        return Example(jnp.concatenate(ends), labels, read)
