"""What devices a machine has, as plain facts that can be sent to another.

>>> Platform.of(jax.local_devices())
Platform(name='cpu', device_kind='cpu', devices=2)
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax


class Platform(NamedTuple):
    """The devices that train.

    Attributes:
        name: "cpu", "gpu" or "tpu".
        device_kind: name of the device.
        devices: number of devices.
    """

    name: str
    device_kind: str
    devices: int

    @classmethod
    def of(cls, devices: Sequence[jax.Device]) -> "Platform":
        """Describe some devices of one kind."""
        return cls(devices[0].platform, devices[0].device_kind, len(devices))
