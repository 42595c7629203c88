"""How many blocks of lanes fit the devices, and whether one does.

>>> refuse_too_wide([(setup, 2)], jax.local_devices()[0])
>>> engine = build(setup, block_width=2, cells=84, blocks=None)
"""

import math
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import Jaxpr, Var, jaxprs_in_params

from jaxgrok.engine import programs
from jaxgrok.engine.at_once import AtOnce
from jaxgrok.engine.compilation import unsized
from jaxgrok.engine.device import suited, together
from jaxgrok.engine.device_errors import REFUSALS
from jaxgrok.engine.engine import Engine
from jaxgrok.host import memory
from jaxgrok.host.terminal import size
from jaxgrok.training.setup import Setup

USABLE_SHARE = 0.8
"""Share of a device's memory for a program; the remainder is left to other uses."""
HOST = 400 * 2**20
"""Bytes of main memory for what is there once a CPU trains: the compiler, the libraries
that write, threads. They took 420 MB of addresses under a limit of 1.6 GB."""
SMALL_SHARE = 1e-3
"""Where lanes take less of the memory, their activations fit as well: no tracing."""


def build(
    setup: Setup,
    *,
    block_width: int,
    cells: int,
    blocks: int | None,
    devices: Sequence[jax.Device] | None = None,
    at_most: AtOnce | None = None,
) -> Engine:
    """Build an engine for so many cells: a block a device, and none that stays empty.

    More blocks than devices would run one after the other, and more lanes mean fewer
    refills: a longer tail. It computes less at a time than asked for where the compiled
    programs say that they do not fit, or where memory runs out all the same.

    Args:
        setup: of every lane.
        block_width: lanes of a block.
        cells: cells to train.
        blocks: blocks asked for; by default one a device.
        devices: local devices to use; all by default.
        at_most: what may be computed at a time, where more was too much.
    """
    devices = devices or jax.local_devices()
    needed = -(-cells // block_width)
    wanted = min(blocks or len(devices), needed)
    at_once = AtOnce(wanted)
    if at_most:
        at_once = AtOnce(min(wanted, at_most.blocks), at_most.in_turn)
    one_memory = shares_memory(devices)
    # Before the first engine takes of it.
    free = max(room(devices) * (len(devices) if one_memory else 1), 1.0)
    while True:
        try:
            engine = Engine(
                setup, block_width=block_width, blocks=at_once.blocks, devices=devices
            )
        except REFUSALS as error:
            # Nothing is evaluated yet: what is too large are the blocks.
            fewer = at_once.less(len(devices), is_shared=False)
            if not memory.ran_out(error) or fewer is None:
                raise
            # An error of a thread holds its frames, and they the lanes.
            traceback.clear_frames(error.__traceback__)
            at_once = fewer
            continue
        fitting = _fitting(engine, at_once, free, is_shared=one_memory)
        engine.in_turn = fitting.in_turn
        if fitting.blocks == at_once.blocks:
            engine.short = fitting.in_words(wanted)
            return engine
        at_once = fitting
        del engine  # Frees its lanes before the next one allocates as many.
        memory.trim()


def _fitting(
    engine: Engine, at_once: AtOnce, free: float, *, is_shared: bool
) -> AtOnce:
    """Return what may be computed at a time, by what an engine takes.

    Args:
        engine: with so many blocks.
        at_once: what it computes at a time.
        free: bytes that a program may take on a device, or on all that share them.
        is_shared: whether they do.
    """

    def share(*, in_turn: bool) -> float:
        if is_shared:
            return together(engine.footprints, in_turn=in_turn) / free
        return (engine.memory or 0) / free

    n_devices, n_blocks = engine.devices, at_once.blocks
    if share(in_turn=at_once.in_turn) <= 1:
        return at_once
    if n_blocks > n_devices:
        return at_once._replace(blocks=n_devices)
    # Whether one block a device fits, an accelerator's allocator decides.
    if n_blocks == 1 or not is_shared:
        return at_once
    in_turn = at_once._replace(in_turn=True)
    if share(in_turn=True) <= 1:
        return in_turn
    return in_turn.less(n_devices, is_shared=True) or in_turn


def less(engine: Engine) -> AtOnce | None:
    """Return what to compute at a time where an engine takes too much; None if nothing.

    Args:
        engine: whose memory ran out.
    """
    at_once = AtOnce(engine.lanes // engine.width, engine.in_turn)
    return at_once.less(engine.devices, is_shared=engine.setup.platform == "cpu")


def refuse_too_wide(blocks: Iterable[tuple[Setup, int]], device: jax.Device) -> None:
    """Refuse blocks that surely exceed a device's memory, before one is compiled.

    Args:
        blocks: what lanes train, and lanes of a block.
        device: where they are to live.

    Raises:
        ValueError: one lane, or so many, do not fit; with the most that could.
    """
    # Of groups that differ by the size of the training set alone, the last stays.
    by_size = sorted(blocks, key=lambda block: block[0].train_size)
    largest = {(unsized(setup), width): setup for setup, width in by_size}
    limit = _limit(device)
    for (_, width), setup in largest.items():
        least = least_bytes(suited(setup, device), width, SMALL_SHARE * limit)
        if least > limit:
            raise ValueError(_refusal(width, least / width, limit))


def _refusal(width: int, lane: float, limit: float) -> str:
    """Say that a block does not fit, by the least bytes of a lane, and what could."""
    most = int(limit / lane)
    advice = "fewer examples or a smaller model"
    if most:
        advice = f"at most --grid.block_width={most}, or {advice}"
    return (
        f"block_width={width} does not fit the device's memory of {size(limit)}: "
        f"a lane takes at least {size(lane)}; take {advice}"
    )


def least_bytes(setup: Setup, width: int, small: float = 0.0) -> int:
    """Return the bytes that a block takes at least: its lanes and its largest product.

    A compiler may compute elementwise work where it is read, and keep nothing of it,
    but what a matrix product has computed is in memory as a whole.

    Args:
        setup: of every lane, in the form that suits the device.
        width: lanes of the block.
        small: bytes of lanes below which products are left out.
    """

    def shaped(x: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((1, width, *x.shape), x.dtype)

    content = jax.tree.map(shaped, programs.one_lane(unsized(setup)))
    lanes = sum(map(_bytes, jax.tree.leaves(content)))
    if lanes < small:
        return lanes
    active = jax.ShapeDtypeStruct((1,), np.dtype(bool))
    steps = jax.ShapeDtypeStruct((), np.dtype(np.int32))
    # JAX keeps the trace: compiling a block a device takes no other.
    traced = programs.train.trace(setup, content, active, steps)
    return lanes + _largest_product(traced.jaxpr.jaxpr)


def _largest_product(jaxpr: Jaxpr) -> int:
    """Return the bytes of the largest matrix product in a jaxpr, however deep.

    One whose result is not used is not computed.
    """
    largest = 0
    used = {atom for atom in jaxpr.outvars if isinstance(atom, Var)}
    for equation in reversed(jaxpr.eqns):
        if used.isdisjoint(equation.outvars) and not equation.effects:
            continue
        used.update(atom for atom in equation.invars if isinstance(atom, Var))
        if equation.primitive.name == "dot_general":
            largest = max(largest, _bytes(equation.outvars[0].aval))
        inner = map(_largest_product, jaxprs_in_params(equation.params))
        largest = max(largest, *inner, 0)
    return largest


def _bytes(array: Any) -> int:
    """Return the bytes of an array that is known by its shape and dtype."""
    count: int = math.prod(array.shape) * array.dtype.itemsize
    return count


def _limit(device: jax.Device) -> float:
    """Return the bytes of memory that no program on a device can exceed."""
    stats = device.memory_stats()
    if stats and "bytes_limit" in stats:
        return float(stats["bytes_limit"])
    total = memory.total()
    is_known = device.platform == "cpu" and total != memory.UNKNOWN
    return total if is_known else math.inf


def shares_memory(devices: Sequence[jax.Device]) -> bool:
    """Tell whether devices have one memory."""
    return bool(devices[0].platform == "cpu")


def room(devices: Sequence[jax.Device]) -> float:
    """Return the bytes of memory that a program may take on each device."""
    stats = devices[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return USABLE_SHARE * float(stats["bytes_limit"])
    memory.trim()  # what an earlier engine has left
    return USABLE_SHARE * max(memory.available() - HOST, 0) / len(devices)
