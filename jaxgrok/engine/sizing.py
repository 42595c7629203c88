"""How many blocks of lanes fit the devices.

>>> engine = build(setup, block_width=2, cells=84, blocks=None)
"""

import jax

from jaxgrok.engine.engine import Engine
from jaxgrok.host import machine
from jaxgrok.training.setup import Setup

USABLE = 0.8
"""Share of a device's memory for a program; the rest is for what is beside it."""


def build(setup: Setup, *, block_width: int, cells: int, blocks: int | None) -> Engine:
    """An engine for so many cells: a block a device, and none that would stay empty.

    More blocks than devices would run one after the other, and more lanes mean fewer
    refills: a longer tail. Fewer blocks than asked for where the compiled program says
    that they do not fit, or the device's memory runs out all the same.
    """
    most = -(-cells // block_width)
    blocks = min(blocks or jax.local_device_count(), most)
    while True:
        try:
            engine = Engine(setup, block_width=block_width, blocks=blocks)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error) or blocks == 1:
                raise
            blocks //= 2
            continue
        share = (engine.memory or 0.0) / room()
        if share <= 1 or blocks <= engine.devices:
            return engine
        # Memory grows with the blocks, a little less than in proportion.
        per_device = max(int(blocks / share / engine.devices), 1)
        blocks = per_device * engine.devices
        del engine  # before another takes its place


def room() -> float:
    """Bytes of memory that a program may take on each device."""
    devices = jax.local_devices()
    stats = devices[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return USABLE * stats["bytes_limit"]
    return USABLE * machine.memory() / len(devices)
