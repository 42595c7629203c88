"""The number of blocks follows from the memory that the compiled program asks for."""

import pytest

import tiny
from jaxgrok import grid, plan


@pytest.fixture
def group():
    [group] = grid.resolve(tiny.config(seed=tuple(range(64)))).groups
    return group


def test_blocks_are_as_many_as_fit(group, monkeypatch):
    fitting, roomy = (plan.build(group, 64, blocks) for blocks in (8, 16))
    assert roomy.devices == 4 and roomy.lanes == 16 * group.block_width
    monkeypatch.setattr(plan, "room", lambda: fitting.memory + 1)
    found = plan.build(group, 64, 16)
    assert found.lanes == 8 * group.block_width
    assert found.memory == fitting.memory < roomy.memory
    # One a device is tried, whatever the room.
    monkeypatch.setattr(plan, "room", lambda: 1.0)
    assert plan.build(group, 64, 16).lanes == 4 * group.block_width


def test_a_backend_that_does_not_tell_gets_what_was_asked(group, monkeypatch):
    monkeypatch.setattr(plan, "room", lambda: 1.0)
    monkeypatch.setattr(plan.Engine, "memory", None)
    assert plan.build(group, 64, 8).lanes == 8 * group.block_width
