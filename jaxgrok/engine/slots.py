"""Where an engine's lanes are, and what a dispatch of some of them costs.

>>> slots = filling_order(blocks=4, width=2, devices=2)
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Slot(NamedTuple):
    """A lane of a block of a device."""

    device: int
    block: int
    lane: int

    @property
    def position(self) -> tuple[int, int]:
        """Where it is in its device's arrays."""
        return self.block, self.lane


def filling_order(blocks: int, width: int, devices: int) -> list[Slot]:
    """Return all slots: one block of every device before their second ones."""
    return [
        Slot(block % devices, block // devices, lane)
        for block in range(blocks)
        for lane in range(width)
    ]


def cost(busy: Iterable[Slot]) -> tuple[int, int]:
    """Return the active blocks of the device that has most, and of all devices.

    The devices step side by side, so a dispatch lasts as long as the first number.
    """
    blocks = {(slot.device, slot.block) for slot in busy}
    loads = Counter(device for device, _ in blocks)
    return max(loads.values(), default=0), len(blocks)
