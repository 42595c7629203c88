"""One device's blocks of lanes, and the programs that act on them.

A block is a fixed number of lanes under one `vmap`: the unit of rounding.

    >>> blocks = Blocks(device, suited(setup, device), count=2, width=4)
    >>> blocks.insert((0, 0), (lane, initialiser(setup, device)(lane)))
    >>> blocks.busy[0, 0] = True
    >>> blocks.advance(100)
    >>> records = blocks.record()
"""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgrok import models
from jaxgrok.engine import program_cache, programs
from jaxgrok.engine.compilation import compiled, evaluator, unsized
from jaxgrok.engine.programs import SlotContent
from jaxgrok.host import memory
from jaxgrok.training.setup import Setup

SlotIndex = tuple[int, int]
"""A block of the device, and a lane of the block."""


class Footprint(NamedTuple):
    """Bytes on a device: of its lanes, and of the temporaries of its two programs.

    The two never run at once, so their temporaries share memory.
    """

    lanes: int
    training: int
    evaluation: int

    @property
    def total(self) -> int:
        """The most that is taken at a time."""
        return self.lanes + max(self.training, self.evaluation)


def together(footprints: Sequence[Footprint], *, in_turn: bool) -> int:
    """Return the bytes of all devices, where they share memory.

    Args:
        footprints: of each.
        in_turn: whether one evaluates after the other.
    """
    evaluations = [footprint.evaluation for footprint in footprints]
    evaluation = max(evaluations, default=0) if in_turn else sum(evaluations)
    training = sum(footprint.training for footprint in footprints)
    lanes = sum(footprint.lanes for footprint in footprints)
    return lanes + max(training, evaluation)


class Blocks:
    """Blocks of lanes on a device.

    Args:
        device: where they live.
        setup: of every lane, in the form that suits the device.
        count: number of blocks.
        width: lanes of a block.

    Attributes:
        busy: the lanes that the next dispatch acts on, [blocks, width].
    """

    def __init__(
        self, device: jax.Device, setup: Setup, count: int, width: int
    ) -> None:
        self.device = device
        self.busy = np.zeros((count, width), bool)
        # Donated to every dispatch and replaced by its result, never read in between.
        self._carry: SlotContent = jax.device_put(
            programs.empty(unsized(setup), count, width), device
        )
        steps = self._put(np.int32(0))
        active = self._put(self.busy.any(1))
        # XLA compiles outside Python's lock: the two programs' compilations overlap.
        with ThreadPoolExecutor(1) as pool:
            evaluate = pool.submit(evaluator, setup, count, width, device)
            lowered = programs.train.lower(setup, self._carry, active, steps)
            self.train = compiled(lowered, device)
        self.evaluate = evaluate.result()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter of one lane, by name, sorted."""
        params = self._carry[1].params
        return {name: params[name].shape[2:] for name in sorted(params)}

    @property
    def structure(self) -> jax.tree_util.PyTreeDef:
        """The tree of what a slot holds."""
        return jax.tree.structure(self._carry)

    @property
    def footprint(self) -> Footprint | None:
        """The memory that it takes; None where the backend does not tell."""
        train = self.train.memory_analysis()
        evaluate = self.evaluate.memory_analysis()
        if train is None or evaluate is None:
            return None
        return Footprint(
            int(train.argument_size_in_bytes),
            int(train.temp_size_in_bytes),
            int(evaluate.temp_size_in_bytes),
        )

    def insert(self, slot: SlotIndex, content: SlotContent) -> None:
        """Overwrite a slot."""
        content = jax.device_put(content, self.device)
        self._carry = programs.insert(self._carry, self._index(slot), content)

    def extract(self, slot: SlotIndex) -> SlotContent:
        """Copy what a slot holds, on the device."""
        content: SlotContent = programs.extract(self._carry, self._index(slot))
        return content

    def parameters(self, slot: SlotIndex) -> jax.Array:
        """Return the parameters of a slot as one vector, laid out as `shapes`."""
        params, index = self._carry[1].params, self._index(slot)
        vector: jax.Array = programs.parameter_vector(params, index)
        return vector

    def advance(self, n_steps: int) -> None:
        """Start steps of the blocks that have a busy lane."""
        active, steps = self._put((self.busy.any(1), np.int32(n_steps)))
        self._carry = self.train(self._carry, active, steps)

    def record(self) -> jax.Array:
        """Start an evaluation of the busy lanes; return the records to come."""
        lanes, states = self._carry
        # A copy: the transfer may still read it after the caller marks other lanes.
        busy = self._put(self.busy.copy())
        records: jax.Array
        updates, records = self.evaluate(lanes, states._replace(opt_state=()), busy)
        self._carry = lanes, states._replace(**updates)
        return records

    def record_alone(self) -> jax.Array:
        """Evaluate the busy lanes; wait for the records, and for the memory it took."""
        free = memory.available()
        records: jax.Array = jax.block_until_ready(self.record())
        # XLA frees what a program took a moment after its result is there.
        if self.footprint:
            memory.wait_for(free - self.footprint.evaluation / 2)
        return records

    def wait(self) -> None:
        """Wait until all that was started is done."""
        jax.block_until_ready(self._carry)

    def _index(self, slot: SlotIndex) -> jax.Array:
        index: jax.Array = self._put(np.array(slot, np.int32))
        return index

    def _put(self, values: Any) -> Any:
        return jax.device_put(values, self.device)


def placed(
    setup: Setup, width: int, devices: Sequence[jax.Device], counts: Sequence[int]
) -> list[Blocks]:
    """Return each device's blocks; one compiles for all, where JAX can share programs.

    Args:
        setup: of every lane, in the form that suits the devices.
        width: lanes of a block.
        devices: of one kind.
        counts: blocks of each.
    """

    def place(index: int) -> Blocks:
        return Blocks(devices[index], setup, counts[index], width)

    # A program is made for a number of blocks: the first device of each compiles.
    first = {counts.index(count) for count in counts}
    if not program_cache.is_shared(devices[0]):
        first = set(range(len(devices)))
    blocks: dict[int, Blocks] = {}
    with ThreadPoolExecutor(len(devices)) as pool:
        for indices in (sorted(first), sorted(set(range(len(devices))) - first)):
            blocks.update(zip(indices, pool.map(place, indices), strict=True))
    return [blocks[index] for index in range(len(devices))]


def suited(setup: Setup, device: jax.Device) -> Setup:
    """Return the setup for a device, its model in the form that is fastest there."""
    setup = dataclasses.replace(setup, platform=device.platform)
    # A CPU's sums of looked-up rows are products that no precision applies to.
    form = "gpu" if setup.products.emulated else device.platform
    return dataclasses.replace(setup, model=models.training_form(setup.model, form))
