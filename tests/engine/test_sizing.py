"""The number of blocks follows from the memory that the compiled program asks for."""

import dataclasses
import math
import weakref
from concurrent.futures import Future

import jax
import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine import sizing
from jaxgrok.engine.at_once import AtOnce
from jaxgrok.engine.device import Footprint
from jaxgrok.engine.engine import Engine
from jaxgrok.host import memory
from jaxgrok.training.setup import lane_of


@pytest.fixture
def group():
    [group] = grid.resolve(tiny.config(seed=tuple(range(64)))).groups
    return group


def test_where_blocks_do_not_fit_there_is_one_a_device(group, monkeypatch):
    devices = jax.local_devices()[:2]
    monkeypatch.setattr(jax, "local_devices", lambda: devices)
    fitting, roomy = (
        sizing.build(
            group.setup, block_width=group.block_width, cells=64, blocks=blocks
        )
        for blocks in (2, 8)
    )
    assert roomy.devices == 2 and roomy.lanes == 8 * group.block_width
    monkeypatch.setattr(sizing, "room", lambda _: fitting.memory + 1)
    found = sizing.build(group.setup, block_width=group.block_width, cells=64, blocks=8)
    assert found.lanes == 2 * group.block_width
    assert found.memory == fitting.memory < roomy.memory
    assert found.short == "memory is short: 2 blocks of 8 train at a time"
    # One block is tried, whatever the room.
    monkeypatch.setattr(sizing, "room", lambda _: 0.0)
    assert (
        sizing.build(
            group.setup, block_width=group.block_width, cells=64, blocks=8
        ).lanes
        == group.block_width
    )


def test_devices_of_one_memory_evaluate_in_turn_before_fewer_train(group, monkeypatch):
    devices = jax.local_devices()[:2]
    # An evaluation takes more than all else, as it does at a large modulus.
    footprint = Footprint(lanes=1, training=10, evaluation=100)
    monkeypatch.setattr(sizing.Engine, "footprints", [footprint, footprint])

    def build(room):
        monkeypatch.setattr(sizing, "room", lambda _: room / 2)
        engine = sizing.build(
            group.setup, block_width=2, cells=64, blocks=2, devices=devices
        )
        return engine.lanes // 2, engine.in_turn, engine.short

    assert build(202) == (2, False, "")
    in_turn = "memory is short: one device evaluates after the other"
    assert build(201) == (2, True, in_turn)
    assert build(102) == (2, True, in_turn)
    one = "memory is short: 1 block of 2 trains at a time"
    assert build(101) == (1, False, one)


def test_no_more_is_built_than_was_found_to_fit(group):
    engine = sizing.build(
        group.setup, block_width=2, cells=64, blocks=8, at_most=AtOnce(2, in_turn=True)
    )
    assert (engine.lanes, engine.in_turn) == (4, True)
    assert sizing.less(engine) == AtOnce(1)
    assert (
        sizing.build(
            group.setup, block_width=2, cells=64, blocks=1, at_most=AtOnce(2)
        ).lanes
        == 2
    )


def test_one_device_evaluates_after_the_other_to_the_same_bits(group, monkeypatch):
    waits = []
    monkeypatch.setattr(memory, "wait_for", waits.append)
    lanes = {c.id: lane_of(group.setup, **c.lane) for c in group.cells[:4]}
    records = []
    for in_turn in (False, True):
        engine = Engine(
            group.setup, block_width=2, blocks=2, devices=jax.local_devices()[:2]
        )
        engine.in_turn = in_turn
        records.append([engine.admit(lanes), *engine.advance(10), *engine.advance(10)])
        # For the memory of each device, where the next one has to have it.
        assert len(waits) >= 4 if in_turn else not waits
    for aside, after in zip(*records, strict=True):
        for cell_id in lanes:
            np.testing.assert_array_equal(aside[cell_id], after[cell_id])


def test_a_backend_that_does_not_tell_gets_what_was_asked(group, monkeypatch):
    monkeypatch.setattr(sizing, "room", lambda _: 1.0)
    monkeypatch.setattr(sizing.Engine, "footprints", [])
    assert (
        sizing.build(
            group.setup, block_width=group.block_width, cells=64, blocks=8
        ).lanes
        == 8 * group.block_width
    )


def largest_product(group, width=2):
    """Bytes of the MLP's activations, the widest in this model."""
    setup = group.setup
    return width * setup.train_size * setup.model.d_mlp * 4


@pytest.fixture
def wide(monkeypatch):
    """A grid whose largest product outweighs its lanes, and no compiler."""
    monkeypatch.setattr(sizing, "Engine", None)
    return tiny.group(modulus=23, d_mlp=64)


def least(group, width=2):
    device = jax.local_devices()[0]
    return sizing.least_bytes(sizing.suited(group.setup, device), width)


def test_a_block_takes_its_lanes_and_its_largest_product(group, wide):
    small = [sizing.least_bytes(wide.setup, width, 1e12) for width in (1, 3)]
    assert small[1] == 3 * small[0]
    assert least(wide) == 2 * small[0] + largest_product(wide)
    assert least(wide, 6) == 3 * least(wide)
    # The compiler says what it really takes.
    engine = Engine(group.setup, block_width=2, blocks=1)
    assert 0 < least(group) <= engine.memory


def test_a_block_too_wide_is_refused_before_compiling(wide, monkeypatch):
    device, bytes_of_two = jax.local_devices()[0], least(wide)
    pairs = [(wide.setup, 2), (dataclasses.replace(wide.setup, train_size=1), 2)]
    monkeypatch.setattr(sizing, "_limit", lambda _: bytes_of_two)
    sizing.refuse_too_wide(pairs, device)
    monkeypatch.setattr(sizing, "_limit", lambda _: bytes_of_two - 1)
    for blocks in (pairs, pairs[::-1]):
        with pytest.raises(ValueError, match=r"^block_width=2 does not fit .*=1, or"):
            sizing.refuse_too_wide(blocks, device)
    monkeypatch.setattr(sizing, "_limit", lambda _: bytes_of_two / 2 - 1)
    with pytest.raises(ValueError, match="take fewer examples or a smaller model"):
        sizing.refuse_too_wide(pairs, device)


def test_nothing_is_refused_where_the_memory_is_not_known(wide, monkeypatch):
    device = jax.local_devices()[0]
    assert sizing._limit(device) == memory.total()
    monkeypatch.setattr(memory, "total", lambda: memory.UNKNOWN)
    assert sizing._limit(device) == math.inf
    sizing.refuse_too_wide([(wide.setup, 65536)], device)


def test_an_accelerators_limit_is_what_its_allocator_has():
    class Device:
        platform = "gpu"

        def memory_stats(self):
            return {"bytes_limit": 80 * 10**9}

    assert sizing._limit(Device()) == 80e9


def test_a_product_that_is_not_used_takes_no_memory():
    def used(x):
        return (x @ x).sum()

    def unused(x):
        return jax.lax.cond(x[0, 0] > 0, lambda x: (x @ x, x)[1], lambda x: x, x)

    x = np.ones((64, 64), np.float32)
    assert sizing._largest_product(jax.make_jaxpr(used)(x).jaxpr) == x.nbytes
    assert sizing._largest_product(jax.make_jaxpr(unused)(x).jaxpr) == 0


class Lanes:
    """What the frames of an error hold."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory"),
    ],
    ids=repr,
)
def test_where_no_engine_can_be_built_one_of_fewer_blocks_is(group, monkeypatch, error):
    tried, held = [], []

    def engine(setup, *, blocks, **fields):
        # Those of the try before are free by now.
        assert not any(lanes() for lanes in held)
        tried.append(blocks)
        if blocks == 1:
            return Engine(setup, blocks=blocks, **fields)
        lanes = Lanes()
        held.append(weakref.ref(lanes))
        future = Future()
        future.set_exception(error)
        return future.result(), lanes

    monkeypatch.setattr(sizing, "Engine", engine)
    built = sizing.build(group.setup, block_width=2, cells=64, blocks=4)
    assert (tried, built.lanes) == ([4, 2, 1], 2)
    assert built.short == "memory is short: 1 block of 4 trains at a time"


def test_where_not_one_block_can_be_built_its_error_is_raised(group, monkeypatch):
    def engine(*_, **__):
        raise MemoryError

    monkeypatch.setattr(sizing, "Engine", engine)
    with pytest.raises(MemoryError):
        sizing.build(group.setup, block_width=2, cells=64, blocks=4)
