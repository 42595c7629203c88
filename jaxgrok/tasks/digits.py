"""Addition of two numbers of n digits, one token a digit: `1 3 + 0 9 = 0 2 2`.

The task of "A Mechanistic Interpretability Analysis of Grokking" (Nanda & Lieberum
2022). The answer has n + 1 digits; each is predicted from the position before it, which
holds the digits before it (teacher forcing).

    >>> Digits(digits=5).sample(jax.random.key(0)).tokens     # [18]
"""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxgrok.fields.checks import check_all
from jaxgrok.fields.field import MOST_WIDE, field
from jaxgrok.tasks.task import Example, Presets, Sampled

PLUS, EQUALS = 10, 11


@dataclasses.dataclass(frozen=True)
class Digits(Sampled):
    """x + y of two numbers of `digits` decimal digits, drawn digit by digit.

    Digits are independent and uniform, leading zeros included; the most significant
    comes first. Components are the digits of the answer: "digit 0" is the leading one
    (0 or 1), the last the units.
    """

    digits: int = field(
        5, low=1, high=MOST_WIDE, help="digits of a summand; 3n + 3 tokens"
    )

    # One saved run of the authors is d_model 128; the post's figure has 512 and a rate
    # of 1e-4. The finite run's rate and decay are not recorded.
    presets: ClassVar[Presets] = {
        "post": {"train_fraction": (), "n_train": (700,), "steps": (20_000,)},
        "laptop": {
            "train_fraction": (),
            "n_train": (700,),
            "digits": 2,
            "d_model": 64,
            "d_head": 16,
            "d_mlp": 256,
            "eval_every": 50,
        },
    }

    def __post_init__(self) -> None:
        check_all(self)

    # Ten digits, + and =.
    vocab_in = 12
    vocab_out = 10

    @property
    def title(self) -> str:
        return f"{self.digits}-digit addition"

    @property
    def fixed_tokens(self) -> tuple[int | None, ...]:
        free: tuple[None, ...] = (None,) * self.digits
        # x, +, y, =, and the n + 1 digits of the answer.
        return (*free, PLUS, *free, EQUALS, *free, None)

    @property
    def read(self) -> tuple[int, ...]:
        # From `=` to the last digit but one: each position predicts the next token.
        equals = 2 * self.digits + 1
        return tuple(range(equals, equals + self.digits + 1))

    @property
    def universe(self) -> int:
        return int(10 ** (2 * self.digits))

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(f"digit {i}" for i in range(self.digits + 1))

    def component(self, tokens: jax.Array, labels: jax.Array) -> jax.Array:
        """Number the read positions, each of which predicts a digit: [read]."""
        return jnp.arange(self.digits + 1)

    def sample(self, key: jax.Array) -> Example:
        """Draw one example: tokens [3n + 3], labels [n + 1], both int32."""
        x, y = jax.random.randint(key, (2, self.digits), 0, 10, jnp.int32)
        # From the units up; the last carry is the leading digit.
        answer, carry = [], jnp.int32(0)
        for position in reversed(range(self.digits)):
            total = x[position] + y[position] + carry
            answer.append(total % 10)
            carry = total // 10
        labels = jnp.stack([carry, *answer[::-1]])
        plus, equals = (jnp.array([sign], jnp.int32) for sign in (PLUS, EQUALS))
        return Example(jnp.concatenate([x, plus, y, equals, labels]), labels)
