"""What a reading takes for granted about a network: its task and its form.

>>> Assumptions.of(task, model).operation
'x+y'
"""

import dataclasses
from typing import Any

from flax import linen as nn

from jaxgrok.fourier.group_order import ReadableTask


@dataclasses.dataclass(frozen=True)
class Assumptions:
    """What a network is read as; None where its task or its model has no such field.

    Attributes:
        operation: of the task.
        modulus: p.
        outputs: columns of the unembedding.
        activation: of the neurons.
        layer_norm: whether the network has layer norm.
    """

    operation: str | None = None
    modulus: int | None = None
    outputs: int | None = None
    activation: str | None = None
    layer_norm: bool | None = None

    @classmethod
    def of(cls, task: ReadableTask, model: nn.Module) -> "Assumptions":
        """Collect them from a task and a model, which may be a user's own."""

        def field(owner: Any, name: str) -> Any:
            return getattr(owner, name, None)

        return cls(
            operation=field(task, "operation"),
            modulus=task.modulus,
            outputs=field(model, "vocab_out"),
            activation=field(model, "activation"),
            layer_norm=field(model, "layer_norm"),
        )

    def __str__(self) -> str:
        facts = [str(self.operation), f"p = {self.modulus}", f"{self.outputs} outputs"]
        if self.activation:
            facts.append(self.activation)
        facts.append("layer norm" if self.layer_norm else "no layer norm")
        return ", ".join(facts)
