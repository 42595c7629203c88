"""Many lanes as one queue's slots: admits cells, advances them, hands out records.

Lanes are trained in *blocks* of fixed width, dealt over the devices (`blocks`). Width
decides rounding, so it is fixed for a group; the number of blocks and of devices
changes no bit. Knows no files.

    >>> engine = Engine(setup, block_width=4, blocks=2)
    >>> records = engine.admit({"cell-0": lane})
    >>> while not done:
    ...     for records in engine.advance(n_steps): ...
"""

import functools
import math
from collections.abc import Collection, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import numpy as np

from jaxgrok.engine.device import Blocks, One, initial, suited
from jaxgrok.training.records import Schema, schema
from jaxgrok.training.setup import Lane, Setup


class Snapshot(NamedTuple):
    """The busy lanes of an engine, on the host: enough to go on bitwise."""

    offset: int
    """Steps made since the last evaluation; common to all lanes."""
    cells: list[str]
    leaves: list[np.ndarray]
    """Leaves of their (Lane, LaneState), each [lanes, ...], in JAX's order."""

    def without(self, finished: Container[str]) -> "Snapshot":
        """The same with some cells left out."""
        keep = [i for i, cell in enumerate(self.cells) if cell not in finished]
        leaves = [leaf[keep] for leaf in self.leaves]
        return Snapshot(self.offset, [self.cells[i] for i in keep], leaves)


class Engine:
    """The slots of one group: admits cells, advances them, hands out their records.

    Every device runs the same one-device program on blocks of its own, dispatched
    side by side; one program split over devices would round otherwise than one alone.

    Args:
        setup: what the compiled program is made of.
        block_width: lanes of a block; part of what decides a result's bits.
        blocks: number of blocks, dealt over the devices.
        devices: local devices to use, at most one a block; all by default.
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
        self.offset = 0
        """Steps made since the last evaluation; common to all lanes."""
        self.executed = 0
        """Lane-steps computed, idle lanes of active blocks included."""
        self.busy = 0
        """Lane-steps computed for a cell."""
        counts = [len(range(d, blocks, len(devices))) for d in range(len(devices))]
        with ThreadPoolExecutor(len(devices) + 1) as pool:
            init = pool.submit(initial, self.setup, devices[0])
            self._shares = list(
                pool.map(
                    lambda device, count: Blocks(
                        device, self.setup, count, block_width
                    ),
                    devices,
                    counts,
                )
            )
        self._init = init.result()
        # Filling order: one block of every device before their second ones.
        self._order = [
            _Slot(block % len(devices), block // len(devices), lane)
            for block in range(blocks)
            for lane in range(block_width)
        ]
        self._cells: dict[_Slot, str] = {}

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
        return len(self._shares)

    @functools.cached_property
    def schema(self) -> Schema:
        """What the entries of a record are."""
        return schema(self.setup, list(self.shapes))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter of one lane, by name, sorted."""
        return self._shares[0].shapes

    @property
    def n_parameters(self) -> int:
        """Parameters of one lane."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def memory(self) -> int | None:
        """Bytes on the fullest device; None where the backend does not tell."""
        return self._shares[0].memory

    def admit(self, lanes: Mapping[str, Lane]) -> dict[str, np.ndarray]:
        """Start cells in free slots; return their records at step 0."""
        if self.offset:
            raise ValueError("cells are admitted between chunks, not inside one")
        if len(lanes) > self.free:
            raise ValueError(f"no room for {len(lanes)} lanes")
        first = self._shares[0].device
        for cell, lane in lanes.items():
            one = jax.device_put(lane, first)
            self._place(cell, self._vacant(), (one, self._init(one)))
        self._mark(lanes)
        (records,) = self._read([[share.record() for share in self._shares]])
        return {cell: records[cell] for cell in lanes}

    def advance(self, n_steps: int, *, chunks: int = 1) -> list[dict[str, np.ndarray]]:
        """Make up to `n_steps` steps; return the records of each chunk completed.

        A chunk is `setup.eval_every` steps, never overrun: `n_steps` is cut at its
        end, where every lane is evaluated; before that the result is empty. With
        `chunks` above 1, so many whole chunks are started before the first is read,
        so that no device waits for another in between; a lane that ends inside them
        goes on to their end.
        """
        every = self.setup.eval_every
        if chunks > 1 and self.offset:
            raise ValueError("several chunks start between chunks, not inside one")
        n_steps = every if chunks > 1 else min(n_steps, every - self.offset)
        complete = self.offset + n_steps == every
        self._mark(self._cells.values())
        flying = []
        for _ in range(chunks):
            for share in self._shares:
                share.advance(n_steps)
            if complete:
                flying.append([share.record() for share in self._shares])
        if not complete:
            for share in self._shares:
                share.wait()
        read = self._read(flying)
        active = sum(int(share.busy.any(1).sum()) for share in self._shares)
        self.executed += active * self.width * n_steps * chunks
        self.busy += len(self._cells) * n_steps * chunks
        self.offset = (self.offset + n_steps) % every
        return read

    def vectors(self, cells: Sequence[str]) -> list[np.ndarray]:
        """Copy the parameters of some cells: each one vector, laid out as `shapes`."""
        slots = {cell: slot for slot, cell in self._cells.items()}
        chosen = [slots[cell] for cell in cells]
        return jax.device_get(
            [self._shares[slot.device].vector(slot.where) for slot in chosen]
        )

    def release(self, cell: str) -> None:
        """Free the slot of a cell."""
        del self._cells[next(s for s, name in self._cells.items() if name == cell)]

    def compact(self) -> None:
        """Move lanes together where that leaves a block with nothing to do."""
        needed = -(-len(self._cells) // self.width) * self.width
        blocks = {(slot.device, slot.block) for slot in self._cells}
        if needed >= len(blocks) * self.width:
            return
        holes = [slot for slot in self._order[:needed] if slot not in self._cells]
        outside = [slot for slot in self._order[needed:] if slot in self._cells]
        for slot, hole in zip(outside, holes, strict=False):
            cell = self._cells.pop(slot)
            self._place(cell, hole, self._lane(slot))

    def snapshot(self) -> Snapshot:
        """Copy the busy lanes to the host."""
        busy = [slot for slot in self._order if slot in self._cells]
        read = [jax.device_get(jax.tree.leaves(self._lane(slot))) for slot in busy]
        leaves = [np.stack(leaf) for leaf in zip(*read, strict=True)]
        return Snapshot(self.offset, [self._cells[slot] for slot in busy], leaves)

    def restore(self, snapshot: Snapshot) -> None:
        """Take over the lanes of a snapshot; needs an idle engine and enough slots."""
        if self._cells or len(snapshot.cells) > self.free:
            raise ValueError(f"no room for {len(snapshot.cells)} lanes")
        structure = self._shares[0].structure
        for i, cell in enumerate(snapshot.cells):
            one = jax.tree.unflatten(structure, [x[i] for x in snapshot.leaves])
            self._place(cell, self._vacant(), one)
        self.offset = snapshot.offset

    def _vacant(self) -> "_Slot":
        return next(slot for slot in self._order if slot not in self._cells)

    def _place(self, cell: str, slot: "_Slot", one: One) -> None:
        self._shares[slot.device].insert(slot.where, one)
        self._cells[slot] = cell

    def _mark(self, cells: Collection[str]) -> None:
        """Make these cells the ones that the next dispatches act on."""
        chosen = set(cells)
        for share in self._shares:
            share.busy[:] = False
        for slot, cell in self._cells.items():
            self._shares[slot.device].busy[slot.where] = cell in chosen

    def _read(self, flying: list[list[jax.Array]]) -> list[dict[str, np.ndarray]]:
        """Wait for records, by evaluation and device; hand them out by cell."""
        return [
            {
                cell: records[slot.device][slot.where]
                for slot, cell in self._cells.items()
            }
            for records in jax.device_get(flying)
        ]

    def _lane(self, slot: "_Slot") -> One:
        return self._shares[slot.device].extract(slot.where)


class _Slot(NamedTuple):
    device: int
    block: int
    lane: int

    @property
    def where(self) -> tuple[int, int]:
        """On its device."""
        return self.block, self.lane
