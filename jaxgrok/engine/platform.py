"""What devices a machine has, as plain facts that can be sent to another.

And what of a setup they cannot compute, or compute in another way than it says.

>>> Platform.of(jax.local_devices())
Platform(name='cpu', device_kind='cpu', devices=2)
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import jax

from jaxgrok.training import precision
from jaxgrok.training.setup import Setup


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


def refuse(setups: Iterable[Setup], platform: Platform) -> None:
    """Refuse what a platform cannot compute, before anything is compiled.

    Raises:
        ValueError: a setup needs float64 on a TPU.
    """
    if platform.name != "tpu":
        return
    for setup in setups:
        # A TPU imitates float64 by pairs of float32: slow, and of other bits.
        for field, other in (("loss", "exact"), ("dtype", "float32")):
            if getattr(setup, field) == "float64":
                raise ValueError(
                    f"{field}='float64' cannot be computed on a TPU, which has no "
                    f"float64; take {field}={other!r}, or set JAX_PLATFORMS=cpu"
                )


def notes(setups: Iterable[Setup], platform: Platform) -> list[str]:
    """Return a line for each precision that is computed in another way than it says."""
    precisions = dict.fromkeys(setup.precision for setup in setups)
    lines = [precision.note(name, platform.name) for name in precisions]
    return [line for line in lines if line]
