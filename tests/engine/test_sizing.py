"""The number of blocks follows from the memory that the compiled program asks for."""

import jax
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine import sizing


@pytest.fixture
def group():
    [group] = grid.resolve(tiny.config(seed=tuple(range(64)))).groups
    return group


def test_blocks_are_as_many_as_fit(group, monkeypatch):
    devices = jax.local_devices()[:2]
    monkeypatch.setattr(jax, "local_devices", lambda: devices)
    fitting, roomy = (
        sizing.build(
            group.setup, block_width=group.block_width, cells=64, blocks=blocks
        )
        for blocks in (4, 8)
    )
    assert roomy.devices == 2 and roomy.lanes == 8 * group.block_width
    monkeypatch.setattr(sizing, "room", lambda _: fitting.memory + 1)
    found = sizing.build(group.setup, block_width=group.block_width, cells=64, blocks=8)
    assert found.lanes == 4 * group.block_width
    assert found.memory == fitting.memory < roomy.memory
    # One a device is tried, whatever the room.
    monkeypatch.setattr(sizing, "room", lambda _: 1.0)
    assert (
        sizing.build(
            group.setup, block_width=group.block_width, cells=64, blocks=8
        ).lanes
        == 2 * group.block_width
    )


def test_a_backend_that_does_not_tell_gets_what_was_asked(group, monkeypatch):
    monkeypatch.setattr(sizing, "room", lambda _: 1.0)
    monkeypatch.setattr(sizing.Engine, "memory", None)
    assert (
        sizing.build(
            group.setup, block_width=group.block_width, cells=64, blocks=8
        ).lanes
        == 8 * group.block_width
    )
