"""Slots are dealt over the devices; a dispatch lasts as long as the fullest device."""

import pytest

from jaxgrok.engine.slots import Slot, cost, filling_order


def test_every_device_gets_a_block_before_any_gets_its_second():
    order = filling_order(blocks=3, width=2, devices=2)
    assert [slot.device for slot in order] == [0, 0, 1, 1, 0, 0]
    assert [slot.position for slot in order] == [
        (b, w) for b in (0, 0, 1) for w in (0, 1)
    ]


@pytest.mark.parametrize("devices", [1, 2, 3])
def test_the_first_blocks_of_the_order_are_balanced(devices):
    order = filling_order(blocks=7, width=2, devices=devices)
    for blocks in range(8):
        slowest, active = cost(order[: 2 * blocks])
        assert (slowest, active) == (-(-blocks // devices), blocks)


def test_lanes_of_one_block_cost_as_much_as_one_lane():
    assert cost([]) == (0, 0)
    assert cost([Slot(0, 0, 1)]) == cost([Slot(0, 0, 0), Slot(0, 0, 1)]) == (1, 1)
    assert cost([Slot(0, 0, 0), Slot(0, 1, 0), Slot(1, 0, 0)]) == (2, 3)
