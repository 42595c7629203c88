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
        gathered: to look it up by its row.
        scattered: to add its gradient to the row.
        weighted: to look it up, weight it and add it (see `embedding_bag`).
        examples_last: whether arrays are fast only with examples on their last axis.
        multiple: of columns that products are fast with.
    """

    gathered: float
    scattered: float
    weighted: float
    examples_last: bool
    multiple: int = 1

    def one_hot_pays(self, rows: int) -> bool:
        """Tell whether a product with a one-hot is the faster look-up of a table."""
        return PARTS * rows < self.gathered

    def sum_by_product(self, rows: int) -> bool:
        """Tell whether a product with a one-hot adds the gradient of a table up."""
        return PARTS * rows < self.scattered


CPU = DeviceCosts(gathered=0, scattered=0, weighted=8, examples_last=False)
"""Measured: docs/performance.md."""
TPU = DeviceCosts(
    gathered=10_000, scattered=10_000, weighted=math.inf, examples_last=True
)
"""Assumed: 20 cycles for each row of 128 numbers, one row after the other. The compiler
estimates no gather. The two minor axes of an array are padded to 8 × 128."""
GPU = DeviceCosts(
    gathered=0,
    scattered=100_000,
    weighted=math.inf,
    examples_last=False,
    multiple=4,
)
"""Measured on an H200: docs/accelerators.md. A gather costs nothing where it is used. A
scatter, its gradient, adds in an order that is not the same every time: a product up to
sizes that no longer fit."""


def costs_of(platform: str) -> DeviceCosts:
    """Return the costs on a platform, as JAX names it; a GPU's where it is unknown."""
    return {"cpu": CPU, "tpu": TPU}.get(platform, GPU)
