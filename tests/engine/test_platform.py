"""A platform is what a machine's devices have in common, and how many they are."""

import pickle
from typing import NamedTuple

import jax

from jaxgrok.engine.platform import Platform


class Device(NamedTuple):
    platform: str
    device_kind: str


def test_a_platform_is_the_kind_and_number_of_its_devices():
    gpus = [Device("gpu", "NVIDIA H100")] * 3
    assert Platform.of(gpus) == Platform("gpu", "NVIDIA H100", 3)


def test_the_platform_of_this_machine_can_be_sent_to_another():
    devices = jax.local_devices()
    platform = Platform.of(devices)
    assert (platform.name, platform.devices) == ("cpu", len(devices))
    assert pickle.loads(pickle.dumps(platform)) == platform
