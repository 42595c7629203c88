"""Many lanes in one compiled program: the only vmap, jit and donation.

A *block* is a fixed number of lanes under one vmap; a dispatch maps over the blocks of
each device and skips those with no busy lane. Width decides rounding, so it is fixed
for a group; the number of blocks and of devices changes no bit. Knows no files.

    >>> engine = Engine(setup, block_width=4, blocks=2)
    >>> record = engine.admit("cell-0", lane)
    >>> while not done: records = engine.advance(n_steps)
"""

import functools
import math
import os
from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok import trainer
from jaxgrok.config import INTEGER_FIELDS, Lane, Setup
from jaxgrok.trainer import LaneState

CPU_OPTIONS: dict[str, bool | str] = {"xla_cpu_experimental_ynn_fusion_type": ""}
"""Without XLA's YNNPACK fusions: they keep elementwise work from being fused with what
reads it. Measured: docs/performance.md."""


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
        self.setup = setup
        self.width = block_width
        self.offset = 0
        """Steps made since the last evaluation; common to all lanes."""
        self.executed = 0
        """Lane-steps computed, idle lanes of active blocks included."""
        self.busy = 0
        """Lane-steps computed for a cell."""
        counts = [len(range(d, blocks, len(devices))) for d in range(len(devices))]
        with ThreadPoolExecutor(len(devices)) as pool:
            self._shares = list(
                pool.map(
                    lambda device, count: _Share(
                        device, setup, _empty(setup, count, block_width)
                    ),
                    devices,
                    counts,
                )
            )
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

    @property
    def matrices(self) -> list[str]:
        """Names of the matrices of a record, in order."""
        return sorted(self._shares[0].carry[1].params)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of a record's entries, in order, its flags left out."""
        return trainer.columns(self.setup, self.matrices)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter of one lane, by name, sorted."""
        params = self._shares[0].carry[1].params
        return {name: params[name].shape[2:] for name in sorted(params)}

    @property
    def n_parameters(self) -> int:
        """Parameters of one lane."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def memory(self) -> int | None:
        """Bytes on the fullest device: arguments and temporaries of the program.

        None where the backend does not tell.
        """
        analysis = self._shares[0].program.memory_analysis()
        if analysis is None:
            return None
        return analysis.argument_size_in_bytes + analysis.temp_size_in_bytes

    def admit(self, cell: str, lane: Lane) -> np.ndarray:
        """Start a cell in a free slot; return its record at step 0."""
        if self.offset:
            raise ValueError("cells are admitted between chunks, not inside one")
        lane = jax.device_put(lane, self._shares[0].device)
        state, record = _fresh(self.setup, lane)
        self._place(cell, self._vacant(), (lane, state))
        return jax.device_get(record)

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
        for share in self._shares:
            share.active[:] = False
        for slot in self._cells:
            self._shares[slot.device].active[slot.block] = True
        flying = [
            [share.dispatch(n_steps, complete=complete) for share in self._shares]
            for _ in range(chunks)
        ]
        read = jax.device_get(flying)
        active = sum(int(share.active.sum()) for share in self._shares)
        self.executed += active * self.width * n_steps * chunks
        self.busy += len(self._cells) * n_steps * chunks
        self.offset = (self.offset + n_steps) % every
        if not complete:
            return []
        return [
            {
                cell: records[slot.device][slot.block, slot.lane]
                for slot, cell in self._cells.items()
            }
            for records in read
        ]

    def vectors(self, cells: Sequence[str]) -> list[np.ndarray]:
        """Copy the parameters of some cells: each one vector, laid out as `shapes`."""
        slots = {cell: slot for slot, cell in self._cells.items()}
        places = [self._locate(slots[cell]) for cell in cells]
        return jax.device_get(
            [_flat(share.carry[1].params, where) for share, where in places]
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
            self._place(cell, hole, self._read(slot))

    def snapshot(self) -> Snapshot:
        """Copy the busy lanes to the host."""
        busy = [slot for slot in self._order if slot in self._cells]
        read = [jax.device_get(jax.tree.leaves(self._read(slot))) for slot in busy]
        leaves = [np.stack(leaf) for leaf in zip(*read, strict=True)]
        return Snapshot(self.offset, [self._cells[slot] for slot in busy], leaves)

    def restore(self, snapshot: Snapshot) -> None:
        """Take over the lanes of a snapshot; needs an idle engine and enough slots."""
        if self._cells or len(snapshot.cells) > self.free:
            raise ValueError(f"no room for {len(snapshot.cells)} lanes")
        for i, cell in enumerate(snapshot.cells):
            one = jax.tree.unflatten(self._structure, [x[i] for x in snapshot.leaves])
            self._place(cell, self._vacant(), one)
        self.offset = snapshot.offset

    @property
    def _structure(self) -> Any:
        return jax.tree.structure(self._shares[0].carry)

    def _vacant(self) -> "_Slot":
        return next(slot for slot in self._order if slot not in self._cells)

    def _place(self, cell: str, slot: "_Slot", one: tuple[Lane, LaneState]) -> None:
        share, where = self._locate(slot)
        share.carry = _insert(share.carry, where, jax.device_put(one, share.device))
        self._cells[slot] = cell

    def _read(self, slot: "_Slot") -> tuple[Lane, LaneState]:
        share, where = self._locate(slot)
        return _extract(share.carry, where)

    def _locate(self, slot: "_Slot") -> "tuple[_Share, jax.Array]":
        """The share of a slot, and [block, lane] on its device."""
        share = self._shares[slot.device]
        return share, jax.device_put(np.array(slot[1:], np.int32), share.device)


class _Slot(NamedTuple):
    device: int
    block: int
    lane: int


class _Share:
    """One device's blocks: its carry, donated from dispatch to dispatch."""

    def __init__(self, device: jax.Device, setup: Setup, empty: Any) -> None:
        self.device = device
        self.carry = jax.device_put(empty, device)
        self.active = np.zeros(empty[0].seed.shape[0], bool)
        arguments = self._arguments(0, complete=False)
        self.program = _compile(_advance.lower(setup, self.carry, *arguments), device)

    def _arguments(self, n_steps: int, *, complete: bool) -> Any:
        arguments = (self.active.copy(), np.int32(n_steps), np.bool_(complete))
        return jax.device_put(arguments, self.device)

    def dispatch(self, n_steps: int, *, complete: bool) -> jax.Array:
        """Start a chunk, or a part of one; its records are there when it is done."""
        arguments = self._arguments(n_steps, complete=complete)
        self.carry, records = self.program(self.carry, *arguments)
        return records


def _compile(lowered: jax.stages.Lowered, device: jax.Device) -> jax.stages.Compiled:
    """Compile; on a CPU with options, where this XLA has them and the user none."""
    chosen = os.environ.get("XLA_FLAGS", "")
    options = {k: v for k, v in CPU_OPTIONS.items() if k not in chosen}
    if device.platform == "cpu" and options:
        try:
            return lowered.compile(compiler_options=options)
        except jax.errors.JaxRuntimeError as error:
            if not any(name in str(error) for name in options):
                raise
    return lowered.compile()


def lane_of(setup: Setup, **fields: Any) -> Lane:
    """Build a host-side Lane with the dtypes the compiled programs expect."""
    return Lane(
        **{
            name: np.asarray(value, np.int32 if name in INTEGER_FIELDS else setup.dtype)
            for name, value in fields.items()
        }
    )


@functools.partial(jax.jit, static_argnums=0)
def _fresh(setup: Setup, lane: Lane) -> tuple[LaneState, jax.Array]:
    """Initialise and evaluate one lane; its own program, whatever the block width."""
    return trainer.evaluate(setup, lane, trainer.init(setup, lane))


def _empty(setup: Setup, blocks: int, width: int) -> tuple[Lane, LaneState]:
    """Zeros in the shape of [blocks, width] lanes, on the host."""
    lane = lane_of(setup, **dict.fromkeys(Lane._fields, 0))
    state = jax.eval_shape(functools.partial(trainer.init, setup), lane)
    return jax.tree.map(
        lambda x: np.zeros((blocks, width, *x.shape), x.dtype), (lane, state)
    )


@functools.partial(jax.jit, donate_argnums=0)
def _insert(carry: Any, slot: jax.Array, one: Any) -> Any:
    """Overwrite the slot [block, lane]."""
    return jax.tree.map(lambda all, x: all.at[slot[0], slot[1]].set(x), carry, one)


@jax.jit
def _extract(carry: Any, slot: jax.Array) -> Any:
    return jax.tree.map(lambda x: x[slot[0], slot[1]], carry)


@jax.jit
def _flat(params: trainer.Params, slot: jax.Array) -> jax.Array:
    """The parameters at [block, lane], sorted by name, end to end."""
    return jnp.concatenate(
        [w[slot[0], slot[1]].ravel() for _, w in sorted(params.items())]
    )


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def _advance(
    setup: Setup, carry: Any, active: jax.Array, n_steps: jax.Array, complete: jax.Array
) -> tuple[Any, jax.Array]:
    """Train, and evaluate if `complete`, the active ones of a device's blocks."""

    def run(lanes: Lane, states: LaneState) -> tuple[LaneState, jax.Array]:
        train = functools.partial(trainer.train, setup)
        states = jax.vmap(train, in_axes=(0, 0, None))(lanes, states, n_steps)
        return jax.lax.cond(complete, evaluate, skip, lanes, states)

    evaluate = jax.vmap(functools.partial(trainer.evaluate, setup))

    def skip(lanes: Lane, states: LaneState) -> tuple[LaneState, jax.Array]:
        record = jax.eval_shape(evaluate, lanes, states)[1]
        return states, jnp.zeros(record.shape, record.dtype)

    def block(args: tuple[Lane, LaneState, jax.Array]) -> tuple[LaneState, jax.Array]:
        lanes, states, busy = args
        return jax.lax.cond(busy, run, skip, lanes, states)

    lanes, states = carry
    states, records = jax.lax.map(block, (lanes, states, active))
    return (lanes, states), records
