"""Many lanes as one queue's slots: admit cells, advance them, hand out records.

Lanes are trained in blocks of a fixed width, dealt over the devices. The width decides
rounding, so it is fixed for a group; the number of blocks and devices changes no bit.

    >>> engine = Engine(setup, block_width=4, blocks=2)
    >>> records = engine.admit({"cell-0": lane})
    >>> for records in engine.advance(n_steps): ...
"""

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import numpy as np

from jaxgrok.engine.compilation import initialiser
from jaxgrok.engine.device import Footprint, placed, suited
from jaxgrok.engine.programs import SlotContent
from jaxgrok.engine.slots import Slot, cost, filling_order
from jaxgrok.training.lane import Lane
from jaxgrok.training.records import Schema, schema
from jaxgrok.training.setup import Setup

Records = dict[str, np.ndarray]
"""One evaluation: the record of each cell, by its id."""


class ResumeState(NamedTuple):
    """One busy lane on the host: enough to go on bitwise.

    Attributes:
        offset: steps made since its last evaluation.
        leaves: arrays of its (Lane, LaneState), in JAX's order.
    """

    offset: int
    leaves: list[np.ndarray]


class Engine:
    """The slots of one group.

    Every device runs the same one-device program on blocks of its own, dispatched
    side by side; one program split over devices would round otherwise than one alone.

    Args:
        setup: what the compiled program is made of.
        block_width: lanes of a block; part of what decides a result's bits.
        blocks: number of blocks, dealt over the devices.
        devices: local devices to use, at most one a block; all by default.

    Attributes:
        setup: the setup in the form that suits the devices.
        width: lanes of a block.
        in_turn: whether one device evaluates after the other; it changes no bit.
        short: what is computed at a time, where memory is short, in words.
        offset: steps made since the last evaluation; common to all lanes.
        executed: lane-steps computed, idle lanes of active blocks included.
        busy: lane-steps computed for a cell.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        block_width: int,
        blocks: int,
        devices: Sequence[jax.Device] | None = None,
    ) -> None:
        devices = list(devices or jax.local_devices())[:blocks]
        self.setup = suited(setup, devices[0])
        self.width = block_width
        self.in_turn, self.short = False, ""
        self.offset = self.executed = self.busy = 0
        # Block b goes to device b % devices, in the order of `self._order` below.
        counts = [len(range(d, blocks, len(devices))) for d in range(len(devices))]

        # XLA compiles outside Python's lock: the initialiser's compilation overlaps.
        with ThreadPoolExecutor(1) as pool:
            init = pool.submit(initialiser, self.setup, devices[0])
            self._devices = placed(self.setup, block_width, devices, counts)
        self._init = init.result()
        self._order = filling_order(blocks, block_width, len(devices))
        self._cells: dict[Slot, str] = {}

    @property
    def cells(self) -> list[str]:
        """The cells that hold a slot."""
        return list(self._cells.values())

    @property
    def free(self) -> int:
        """How many cells can be admitted."""
        return len(self._order) - len(self._cells)

    @property
    def lanes(self) -> int:
        """Slots in all."""
        return len(self._order)

    @property
    def devices(self) -> int:
        """Devices in use."""
        return len(self._devices)

    @functools.cached_property
    def schema(self) -> Schema:
        """What the entries of a record are."""
        return schema(self.setup, list(self.shapes))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter of one lane, by name, sorted."""
        return self._devices[0].shapes

    @property
    def n_parameters(self) -> int:
        """Parameters of one lane."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def memory(self) -> int | None:
        """Bytes on the fullest device; None where the backend does not tell."""
        # Blocks are dealt from the first device on, so no other has more.
        return self.footprints[0].total if self.footprints else None

    @property
    def footprints(self) -> list[Footprint]:
        """What each device takes; [] where the backend does not tell."""
        footprints = [blocks.footprint for blocks in self._devices]
        return [footprint for footprint in footprints if footprint]

    def admit(self, lanes: Mapping[str, Lane]) -> Records:
        """Start cells in free slots; return their records at step 0.

        Raises:
            ValueError: inside a chunk, or with too few free slots.
        """
        if self.offset:
            raise ValueError("cells are admitted between chunks, not inside one")
        self._check_room(len(lanes))
        # One program on one device initialises every lane: the same bits in any slot.
        first = self._devices[0].device
        for cell_id, lane in lanes.items():
            lane = jax.device_put(lane, first)
            self._occupy(self._vacant(), cell_id, (lane, self._init(lane)))
        # Only the new lanes are evaluated: the others have a record of this step.
        self._mark(lanes)
        (records,) = self._read([self._evaluated()])
        return {cell_id: records[cell_id] for cell_id in lanes}

    def adopt(self, states: Mapping[str, ResumeState]) -> None:
        """Go on with lanes that were saved, beside those that are busy.

        Raises:
            ValueError: with too few free slots, or where the lanes are not equally
                far into their chunk.
        """
        self._check_room(len(states))
        offsets = {state.offset for state in states.values()}
        # An empty engine takes over the offset of the lanes it adopts.
        if self._cells:
            offsets.add(self.offset)
        if len(offsets) > 1:
            raise ValueError(
                f"offsets={sorted(offsets)} must be one: lanes are evaluated together; "
                "adopt others once the busy ones have ended"
            )
        structure = self._devices[0].structure
        for cell_id, state in states.items():
            content = jax.tree.unflatten(structure, state.leaves)
            self._occupy(self._vacant(), cell_id, content)
        self.offset = offsets.pop() if offsets else self.offset

    def advance(self, n_steps: int, *, chunks: int = 1) -> list[Records]:
        """Make up to `n_steps` steps; return the records of each chunk completed.

        A chunk is `setup.eval_every` steps, never overrun: `n_steps` is cut at its
        end, where every lane is evaluated; before that the result is empty.

        Args:
            n_steps: steps to make; ignored with several chunks.
            chunks: whole chunks to start before the first is read. A lane that ends
                inside them goes on to their end.

        Raises:
            ValueError: for several chunks inside one.
        """
        every = self.setup.eval_every
        if chunks > 1 and self.offset:
            raise ValueError("several chunks start between chunks, not inside one")
        n_steps = every if chunks > 1 else min(n_steps, every - self.offset)
        complete = self.offset + n_steps == every
        self._mark(self._cells.values())
        # Dispatches return at once. Everything is queued on every device before the
        # first record is read, so that no device waits for the host or for another.
        unread = []
        for _ in range(chunks):
            for blocks in self._devices:
                blocks.advance(n_steps)
            if complete:
                unread.append(self._evaluated())
        if not complete:
            for blocks in self._devices:
                blocks.wait()
        evaluations = self._read(unread)
        active = sum(int(blocks.busy.any(1).sum()) for blocks in self._devices)
        self.executed += active * self.width * n_steps * chunks
        self.busy += len(self._cells) * n_steps * chunks
        self.offset = (self.offset + n_steps) % every
        return evaluations

    def vectors(self, cell_ids: Sequence[str]) -> list[np.ndarray]:
        """Copy the parameters of some cells: each one vector, laid out as `shapes`."""
        slots = {cell_id: slot for slot, cell_id in self._cells.items()}
        vectors = []
        for cell_id in cell_ids:
            slot = slots[cell_id]
            vectors.append(self._devices[slot.device].parameters(slot.position))
        copies: list[np.ndarray] = jax.device_get(vectors)
        return copies

    def release(self, cell_id: str) -> None:
        """Free the slot of a cell."""
        slot = next(slot for slot, name in self._cells.items() if name == cell_id)
        del self._cells[slot]

    def compact(self) -> None:
        """Move lanes into fewer blocks, or to idle devices, where that is faster."""
        needed = -(-len(self._cells) // self.width) * self.width
        # The order deals blocks over the devices, so its first ones are balanced.
        if cost(self._cells) <= cost(self._order[:needed]):
            return
        holes = [slot for slot in self._order[:needed] if slot not in self._cells]
        strays = [slot for slot in self._order[needed:] if slot in self._cells]
        # The slots in front have room for every cell: each stray finds a hole.
        for slot, hole in zip(strays, holes, strict=False):
            cell_id = self._cells.pop(slot)
            self._occupy(hole, cell_id, self._content(slot))

    def save(self, cell_ids: Collection[str] | None = None) -> dict[str, ResumeState]:
        """Copy busy lanes to the host, in filling order: some, or all of them."""
        states = {}
        for slot in self._order:
            if slot in self._cells and (
                cell_ids is None or self._cells[slot] in cell_ids
            ):
                leaves = jax.device_get(jax.tree.leaves(self._content(slot)))
                states[self._cells[slot]] = ResumeState(self.offset, leaves)
        return states

    def _check_room(self, n_lanes: int) -> None:
        if n_lanes > self.free:
            raise ValueError(f"no room for {n_lanes} lanes; {self.free} are free")

    def _vacant(self) -> Slot:
        return next(slot for slot in self._order if slot not in self._cells)

    def _occupy(self, slot: Slot, cell_id: str, content: SlotContent) -> None:
        self._devices[slot.device].insert(slot.position, content)
        self._cells[slot] = cell_id

    def _content(self, slot: Slot) -> SlotContent:
        return self._devices[slot.device].extract(slot.position)

    def _mark(self, cell_ids: Collection[str]) -> None:
        """Make these cells the ones that the next dispatches act on."""
        marked = set(cell_ids)
        for blocks in self._devices:
            blocks.busy[:] = False
        for slot, cell_id in self._cells.items():
            self._devices[slot.device].busy[slot.position] = cell_id in marked

    def _evaluated(self) -> list[jax.Array]:
        """Start an evaluation of the marked lanes on every device."""
        if not self.in_turn:
            return [blocks.record() for blocks in self._devices]
        for blocks in self._devices:
            blocks.wait()
        return [blocks.record_alone() for blocks in self._devices]

    def _read(self, unread: list[list[jax.Array]]) -> list[Records]:
        """Wait for records, by evaluation and device; hand them out by cell."""
        evaluations = []
        for arrays in jax.device_get(unread):
            evaluation = {}
            for slot, cell_id in self._cells.items():
                evaluation[cell_id] = arrays[slot.device][slot.position]
            evaluations.append(evaluation)
        return evaluations
