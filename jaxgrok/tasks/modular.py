"""Binary operations modulo p, as sequences `x y =` whose answer is read at `=`.

The operations are those of Power et al. (2022) and of "A Mechanistic Interpretability
Analysis of Grokking" (Nanda & Lieberum 2022).

    >>> tokens, labels = Modular(operation="x*y", modulus=31).pool()
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from jaxgrok.fields.checks import check_all
from jaxgrok.fields.field import MOST, field
from jaxgrok.tasks.task import LAPTOP, Pool, Presets, Reading

Operation = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def _divide(x: np.ndarray, y: np.ndarray, p: int) -> np.ndarray:
    """Divide modulo a prime p; rows with y = 0 get 0."""
    inverses = np.array([0] + [pow(i, -1, p) for i in range(1, p)])
    quotients: np.ndarray = x * inverses[y]
    return quotients


OPERATIONS: dict[str, Operation] = {
    "x+y": lambda x, y, p: x + y,
    "x-y": lambda x, y, p: x - y,
    "x*y": lambda x, y, p: x * y,
    "x/y": _divide,
    "x^2+y^2": lambda x, y, p: x**2 + y**2,
    "x^2+xy+y^2": lambda x, y, p: x**2 + x * y + y**2,
    "x^2+xy+y^2+x": lambda x, y, p: x**2 + x * y + y**2 + x,
    "x^3+xy": lambda x, y, p: x**3 + x * y,
    "x^3+xy^2+y": lambda x, y, p: x**3 + x * y**2 + y,
}
RANDOM = "random"
MOST_MODULUS = 46_340
"""The largest modulus all of whose pairs have a number that an int32 holds."""
READABLE = ("x+y", "x-y", "x*y with a prime modulus", "x/y")
"""The operations that have a Fourier reading (see `Reading`)."""


@dataclasses.dataclass(frozen=True)
class Modular(Pool):
    """`x ∘ y mod modulus` over all pairs; row x·modulus + y (x/y leaves out y = 0).

    The table of a random operation belongs to the task, so that cells with different
    seeds memorise the same one.
    """

    operation: str = field(
        "x+y", choices=(*OPERATIONS, RANDOM), help="operation, or a random table"
    )
    modulus: int = field(
        113, low=2, high=MOST_MODULUS, help="p, composite and even numbers included"
    )
    equals_logit: bool = field(
        True, help="a column of the unembedding for `=`, as in the post's runs"
    )
    table_seed: int = field(0, low=0, high=MOST, help="seed of the random table")

    presets: ClassVar[Presets] = {"laptop": {**LAPTOP, "modulus": 47}}

    def __post_init__(self) -> None:
        check_all(self)
        if self.operation == "x/y" and not _is_prime(self.modulus):
            raise ValueError(
                f"operation='x/y' needs a prime modulus, got modulus={self.modulus}; "
                "choose a prime such as 31, 59 or 113"
            )

    @property
    def mlp_input(self) -> str:
        return "sum"

    @property
    def title(self) -> str:
        return f"{self.operation} mod {self.modulus}"

    @property
    def vocab_in(self) -> int:
        # The numbers 0 … p - 1, and `=`.
        return self.modulus + 1

    @property
    def vocab_out(self) -> int:
        return self.modulus + self.equals_logit

    @property
    def read(self) -> tuple[int, ...]:
        return (2,)

    @property
    def fixed_tokens(self) -> tuple[int | None, ...]:
        return (None, None, self.modulus)

    @property
    def pool_size(self) -> int:
        return self.modulus * (self.modulus - (self.operation == "x/y"))

    @property
    def reading(self) -> Reading | None:
        """How a Fourier transform reads this task; None where there is no way."""
        p = self.modulus
        if self.operation in ("x+y", "x-y"):
            sign = 1 if self.operation == "x+y" else -1
            return Reading(p, tuple(range(p)), sign)
        # Modulo 2 only one number is invertible: a group without frequencies.
        if self.operation in ("x*y", "x/y") and p >= 3 and _is_prime(p):
            sign = 1 if self.operation == "x*y" else -1
            return Reading(p - 1, _powers(p), sign)
        return None

    def pool(self) -> tuple[np.ndarray, np.ndarray]:
        """List every pair: tokens [examples, 3], labels [examples, 1], both int32."""
        # In int64: x³ leaves int32 from p = 1292 on.
        x, y = np.divmod(np.arange(self.modulus**2, dtype=np.int64), self.modulus)
        if self.operation == RANDOM:
            generator = np.random.default_rng(self.table_seed)
            labels = generator.integers(self.modulus, size=self.modulus**2)
        else:
            labels = OPERATIONS[self.operation](x, y, self.modulus) % self.modulus
        keep = y > 0 if self.operation == "x/y" else slice(None)
        tokens = np.stack([x, y, np.full_like(x, self.modulus)], axis=1)
        return tokens[keep].astype(np.int32), labels[keep, None].astype(np.int32)


@functools.cache
def _is_prime(n: int) -> bool:
    """Tell whether a number is prime."""
    return n > 1 and all(n % i for i in range(2, int(n**0.5) + 1))


@functools.cache
def _powers(p: int) -> tuple[int, ...]:
    """List g^0 … g^(p-2) modulo a prime p, g being its smallest primitive root."""
    for g in range(1, p):
        powers = [1]
        # Powers of any g come back to 1; those of a root visit 1 … p - 1 first.
        while (power := powers[-1] * g % p) != 1:
            powers.append(power)
        if len(powers) == p - 1:
            return tuple(powers)
    raise AssertionError(f"{p} has no primitive root")
