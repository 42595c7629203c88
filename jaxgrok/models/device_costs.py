"""What decides the form of a network on a kind of device.

>>> costs_of("tpu").one_hot_pays(rows=114)
True
"""

import dataclasses
import math

from jaxgrok.models.one_hot import PARTS


@dataclasses.dataclass(frozen=True)
class DeviceCosts:
    """Costs of a number, in multiplications of a matrix product.

    Attributes:
        gathered: to look it up by its row, and to add its gradient to the row.
        weighted: to look it up, weight it and add it (see `embedding_bag`).
        examples_last: whether arrays are fast only with examples on their last axis.
    """

    gathered: float
    weighted: float
    examples_last: bool

    def one_hot_pays(self, rows: int) -> bool:
        """Tell whether a product with a one-hot is the faster look-up of a table."""
        return PARTS * rows < self.gathered


CPU = DeviceCosts(gathered=0, weighted=8, examples_last=False)
"""Measured: docs/performance.md."""
TPU = DeviceCosts(gathered=10_000, weighted=math.inf, examples_last=True)
"""Assumed: 20 cycles for each row of 128 numbers, one row after the other. The compiler
estimates no gather. The two minor axes of an array are padded to 8 × 128."""
GPU = DeviceCosts(gathered=100_000, weighted=math.inf, examples_last=True)
"""Not measured. A product up to sizes that no longer fit, as a scatter, the gradient of
a gather, adds in an order that is not the same every time."""


def costs_of(platform: str) -> DeviceCosts:
    """Return the costs on a platform, as JAX names it; a GPU's where it is unknown."""
    return {"cpu": CPU, "tpu": TPU}.get(platform, GPU)
