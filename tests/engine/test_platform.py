"""A platform is what a machine's devices have in common, and how many they are."""

import pickle
from typing import NamedTuple

import jax
import pytest

import tiny
from jaxgrok.engine.platform import Platform, notes, refuse
from jaxgrok.training.precision import PRECISIONS


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


TPU = Platform("tpu", "TPU v5 lite", 4)


def test_float64_is_refused_on_a_tpu_alone():
    setups = [tiny.group().setup, tiny.group(loss="float64").setup]
    refuse(setups, Platform("gpu", "NVIDIA H100", 1))
    refuse(setups[:1], TPU)
    with pytest.raises(ValueError, match="loss='float64' cannot be computed on a TPU"):
        refuse(setups, TPU)
    with jax.enable_x64(True):
        wide = [tiny.group(dtype="float64").setup]
    with pytest.raises(ValueError, match="dtype='float64' cannot be computed on a TPU"):
        refuse(wide, TPU)


def test_each_precision_that_is_computed_otherwise_has_one_line():
    setups = [tiny.group(precision=name).setup for name in PRECISIONS] * 2
    assert [line.split()[0] for line in notes(setups, TPU)] == ["precision=tf32:"]
    assert notes(setups, Platform("gpu", "NVIDIA H100", 1)) == []
    assert len(notes(setups, Platform("cpu", "cpu", 2))) == 3
