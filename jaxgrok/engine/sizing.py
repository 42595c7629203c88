"""How many blocks of lanes fit the devices.

>>> engine = build(setup, block_width=2, cells=84, blocks=None)
"""

from collections.abc import Sequence

import jax

from jaxgrok.engine.engine import Engine
from jaxgrok.host import machine
from jaxgrok.training.setup import Setup

USABLE_SHARE = 0.8
"""Share of a device's memory for a program; the remainder is left to other uses."""


def build(
    setup: Setup,
    *,
    block_width: int,
    cells: int,
    blocks: int | None,
    devices: Sequence[jax.Device] | None = None,
) -> Engine:
    """Build an engine for so many cells: a block a device, and none that stays empty.

    More blocks than devices would run one after the other, and more lanes mean fewer
    refills: a longer tail. There are fewer blocks than asked for where the compiled
    program says that they do not fit, or the device's memory runs out all the same.

    Args:
        setup: of every lane.
        block_width: lanes of a block.
        cells: cells to train.
        blocks: blocks asked for; by default one a device.
        devices: local devices to use; all by default.
    """
    devices = devices or jax.local_devices()
    needed = -(-cells // block_width)
    blocks = min(blocks or len(devices), needed)
    while True:
        try:
            engine = Engine(
                setup, block_width=block_width, blocks=blocks, devices=devices
            )
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error) or blocks == 1:
                raise
            blocks //= 2
            continue
        share = (engine.memory or 0.0) / room(devices)
        # One block a device is the least; whether it fits, the allocator decides.
        if share <= 1 or blocks <= engine.devices:
            return engine
        # Memory grows with the blocks, a little less than in proportion.
        per_device = max(int(blocks / share / engine.devices), 1)
        blocks = per_device * engine.devices
        del engine  # Frees its lanes before the next one allocates as many.


def room(devices: Sequence[jax.Device]) -> float:
    """Return the bytes of memory that a program may take on each device."""
    stats = devices[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return USABLE_SHARE * float(stats["bytes_limit"])
    return USABLE_SHARE * machine.memory() / len(devices)
