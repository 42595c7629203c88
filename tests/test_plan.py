"""The number of blocks follows from the memory that the compiled program asks for."""

import pytest

import tiny
from jaxgrok import grid, plan


@pytest.fixture
def group():
    [group] = grid.resolve(tiny.config(seed=tuple(range(64)))).groups
    return group


def test_blocks_are_as_many_as_fit(group, monkeypatch):
    small, roomy = (plan.build(group, 64, blocks) for blocks in (4, 16))
    assert roomy.devices == 4 and roomy.lanes == 16 * group.block_width
    # Room for three blocks a device, and half of a fourth.
    of_one = (roomy.memory - small.memory) / 3
    room = small.memory + 2.5 * of_one
    monkeypatch.setattr(plan, "room", lambda: room)
    found = plan.build(group, 64, 16)
    assert found.lanes == 12 * group.block_width
    assert found.memory <= room < roomy.memory
    # One a device is tried, whatever the room.
    monkeypatch.setattr(plan, "room", lambda: 0.0)
    assert plan.build(group, 64, 16).lanes == 4 * group.block_width


def test_there_is_room():
    assert 1e8 < plan.room() < 1e15
