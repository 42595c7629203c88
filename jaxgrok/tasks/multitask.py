"""Several modular operations in one network: `x ∘ y =` with a token for each ∘.

Owns the tokens and labels, which are those of `Modular`. The post asks whether the
phase changes of several tasks come apart; it gives no run, so the form is ours: the
operation's token stands where it is written, and each operation is a component with an
unembedding of its own.

    >>> Multitask(operations="x+y,x-y,x*y", modulus=113).pool_size
    38307
"""

import dataclasses

import numpy as np

from jaxgrok.tasks.modular import Modular


@dataclasses.dataclass(frozen=True)
class Multitask:
    """The pairs of every operation, one operation's after the other's.

    Tokens: the numbers 0 … p - 1, then one for each operation, then `=`.

    Attributes:
        operations: names of `modular.OPERATIONS`, or "random", separated by commas;
            at least two, no two the same.
        modulus: p ≥ 2.
        table_seed: seed of the random table.
    """

    operations: str = "x+y,x-y,x*y"
    modulus: int = 113
    table_seed: int = 0

    def __post_init__(self) -> None:
        names = self.components
        if len(names) < 2 or len(set(names)) < len(names):
            raise ValueError(
                f"operations={self.operations!r} must name at least two operations, "
                "each once, separated by commas"
            )
        self._parts  # noqa: B018  # each checks itself

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
        return (None, None, None, self.vocab_in - 1)

    @property
    def read(self) -> tuple[int, ...]:
        return (3,)

    @property
    def pool_size(self) -> int:
        return sum(part.pool_size for part in self._parts)

    def component(self, tokens: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The operation of each example, from its token: [examples, read]."""
        return tokens[:, 1:2] - self.modulus

    def pool(self) -> tuple[np.ndarray, np.ndarray]:
        """Every example: tokens [examples, 4] and labels [examples, 1], both int32."""
        tokens, labels = [], []
        for number, part in enumerate(self._parts):
            pairs, answers = part.pool()
            x, y, _ = pairs.T
            operation = np.full_like(x, self.modulus + number)
            equals = np.full_like(x, self.vocab_in - 1)
            tokens.append(np.stack([x, operation, y, equals], axis=1))
            labels.append(answers)
        return np.concatenate(tokens), np.concatenate(labels)
