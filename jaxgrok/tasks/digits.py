"""Addition of two numbers of n digits, one token a digit: `1 3 + 0 9 = 0 2 2`.

Owns the tokens and labels of "A Mechanistic Interpretability Analysis of Grokking"
(Nanda & Lieberum 2022). The answer has n + 1 digits; each is predicted from the
position before it, which holds the digits before it (teacher forcing). Refuses fewer
than one digit.

    >>> Digits(digits=5).sample(jax.random.key(0)).tokens     # [18]
"""

import dataclasses

import jax
import jax.numpy as jnp

from jaxgrok.tasks.example import Example

PLUS, EQUALS = 10, 11


@dataclasses.dataclass(frozen=True)
class Digits:
    """x + y of two numbers of `digits` decimal digits, drawn digit by digit.

    Digits are independent and uniform, leading zeros included; the most significant
    comes first. Components are the digits of the answer: "digit 0" is the leading one
    (0 or 1), the last the units.

    Attributes:
        digits: n, at least 1; 3n + 3 tokens.
    """

    digits: int = 5

    def __post_init__(self) -> None:
        if self.digits < 1:
            raise ValueError(f"digits={self.digits} must be at least 1")

    vocab_in = 12
    vocab_out = 10

    @property
    def title(self) -> str:
        return f"{self.digits}-digit addition"

    @property
    def fixed_tokens(self) -> tuple[int | None, ...]:
        free: tuple[None, ...] = (None,) * self.digits
        return (*free, PLUS, *free, EQUALS, *free, None)

    @property
    def read(self) -> tuple[int, ...]:
        equals = 2 * self.digits + 1
        return tuple(range(equals, equals + self.digits + 1))

    @property
    def universe(self) -> int:
        return 10 ** (2 * self.digits)

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(f"digit {i}" for i in range(self.digits + 1))

    def component(self, tokens: jax.Array, labels: jax.Array) -> jax.Array:
        """Each read position predicts a digit of its own: [read]."""
        return jnp.arange(self.digits + 1)

    def sample(self, key: jax.Array) -> Example:
        """Draw one example: tokens [3n + 3], labels [n + 1], both int32."""
        x, y = jax.random.randint(key, (2, self.digits), 0, 10, jnp.int32)
        answer, carry = [], jnp.int32(0)
        for place in reversed(range(self.digits)):
            total = x[place] + y[place] + carry
            answer.append(total % 10)
            carry = total // 10
        labels = jnp.stack([carry, *answer[::-1]])
        plus, equals = (jnp.array([sign], jnp.int32) for sign in (PLUS, EQUALS))
        return Example(jnp.concatenate([x, plus, y, equals, labels]), labels)
