"""Several modular operations in one network: `x ∘ y =` with a token for each ∘.

"A Mechanistic Interpretability Analysis of Grokking" (Nanda & Lieberum 2022) asks
whether the phase changes of several tasks come apart; it gives no run, so the form is
ours: the operation's token stands where it is written, and each operation is a
component with an unembedding of its own.

    >>> Multitask(operations="x+y,x-y,x*y", modulus=113).pool_size
    38307
"""

import dataclasses
import math
from typing import ClassVar

import numpy as np

from jaxgrok.fields.checks import check_all
from jaxgrok.fields.field import MOST, field
from jaxgrok.fields.values import shown
from jaxgrok.tasks.modular import MOST_MODULUS, Modular
from jaxgrok.tasks.task import LAPTOP, Pool, Presets


@dataclasses.dataclass(frozen=True)
class Multitask(Pool):
    """The pairs of every operation, one operation's after the other's.

    Tokens: the numbers 0 … p - 1, then one for each operation, then `=`.
    """

    operations: str = field(
        "x+y,x-y,x*y", help="two or more operations of modular, separated by commas"
    )
    modulus: int = field(
        113, low=2, high=MOST_MODULUS, help="p, composite and even numbers included"
    )
    table_seed: int = field(0, low=0, high=MOST, help="seed of the random table")

    presets: ClassVar[Presets] = {
        "laptop": {**LAPTOP, "modulus": 47, "d_model": 64, "d_head": 16, "d_mlp": 256}
    }

    def __post_init__(self) -> None:
        check_all(self)
        names = self.components
        if len(names) < 2 or len(set(names)) < len(names):
            raise ValueError(
                f"operations={shown(self.operations)} must name at least two "
                "operations, each once, separated by commas"
            )
        # Each part checks its operation and the modulus as it is built.
        if self.pool_size > MOST:
            most = math.isqrt(MOST // len(names))
            raise ValueError(
                f"modulus={self.modulus} makes {self.pool_size:,} examples of "
                f"{len(names)} operations; take at most {most}"
            )

    @property
    def _parts(self) -> list[Modular]:
        return [
            Modular(name, self.modulus, table_seed=self.table_seed)
            for name in self.components
        ]

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.operations.split(","))

    @property
    def title(self) -> str:
        return f"{', '.join(self.components)} mod {self.modulus}"

    @property
    def unembeddings(self) -> int:
        return len(self.components)

    @property
    def vocab_in(self) -> int:
        return self.modulus + len(self.components) + 1

    @property
    def vocab_out(self) -> int:
        return self.modulus

    @property
    def fixed_tokens(self) -> tuple[int | None, ...]:
        # x, ∘, y and `=`, the last token of the vocabulary.
        return (None, None, None, self.vocab_in - 1)

    @property
    def read(self) -> tuple[int, ...]:
        return (3,)

    @property
    def pool_size(self) -> int:
        return sum(part.pool_size for part in self._parts)

    def component(self, tokens: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Read the operation of each example from its token: [examples, read]."""
        # Tokens p, p + 1, … stand for the operations.
        return tokens[:, 1:2] - self.modulus

    def pool(self) -> tuple[np.ndarray, np.ndarray]:
        """List every example, int32: tokens [examples, 4] and labels [examples, 1]."""
        tokens, labels = [], []
        for number, part in enumerate(self._parts):
            pairs, answers = part.pool()
            # The part's own `=` is dropped: here p is the token of the first operation.
            x, y, _ = pairs.T
            operation = np.full_like(x, self.modulus + number)
            equals = np.full_like(x, self.vocab_in - 1)
            tokens.append(np.stack([x, operation, y, equals], axis=1))
            labels.append(answers)
        return np.concatenate(tokens), np.concatenate(labels)
