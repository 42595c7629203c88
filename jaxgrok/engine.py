"""Many lanes in one compiled program: the only vmap, jit and donation.

A *block* is a fixed number of lanes under one vmap; a dispatch maps over the blocks of
each device and skips those with no busy lane. Width decides rounding, so it is fixed
for a group; the number of blocks and of devices changes no bit. Knows no files.

    >>> engine = Engine(setup, block_width=4, blocks=2)
    >>> records = engine.admit({"cell-0": lane})
    >>> while not done:
    ...     for records in engine.advance(n_steps): ...
"""

import dataclasses
import functools
import math
import operator
import os
from collections.abc import Collection, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok import trainer
from jaxgrok.config import INTEGER_FIELDS, Lane, Setup
from jaxgrok.tasks import is_pool
from jaxgrok.trainer import LaneState

Options = dict[str, bool | str]
CPU_OPTIONS: Options = {"xla_cpu_experimental_ynn_fusion_type": ""}
"""Without XLA's YNNPACK fusions: they keep elementwise work from being fused with what
reads it. Measured: docs/performance.md."""
ONCE: Options = {"xla_backend_optimization_level": "1"}
"""For a program that runs once a cell: half the time to compile, the same bits."""


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
        with ThreadPoolExecutor(len(devices) + 1) as pool:
            init = pool.submit(_initial, _unsized(setup), devices[0])
            self._shares = list(
                pool.map(
                    lambda device, count: _Share(
                        device, setup, _empty(setup, count, block_width)
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
        """Bytes on the fullest device: lanes, and temporaries of the larger program.

        None where the backend does not tell.
        """
        programs = (self._shares[0].train, self._shares[0].evaluate)
        train, evaluate = (program.memory_analysis() for program in programs)
        if train is None or evaluate is None:
            return None
        temporary = max(train.temp_size_in_bytes, evaluate.temp_size_in_bytes)
        return train.argument_size_in_bytes + temporary

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
            jax.block_until_ready([share.carry for share in self._shares])
        read = self._read(flying)
        active = sum(int(share.busy.any(1).sum()) for share in self._shares)
        self.executed += active * self.width * n_steps * chunks
        self.busy += len(self._cells) * n_steps * chunks
        self.offset = (self.offset + n_steps) % every
        return read

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

    def _mark(self, cells: Collection[str]) -> None:
        """Make these cells the ones that the next dispatches act on."""
        chosen = set(cells)
        for share in self._shares:
            share.busy[:] = False
        for slot, cell in self._cells.items():
            self._shares[slot.device].busy[slot.block, slot.lane] = cell in chosen

    def _read(self, flying: list[list[jax.Array]]) -> list[dict[str, np.ndarray]]:
        """Wait for records, by evaluation and device; hand them out by cell."""
        return [
            {
                cell: records[slot.device][slot.block, slot.lane]
                for slot, cell in self._cells.items()
            }
            for records in jax.device_get(flying)
        ]

    def _lane(self, slot: "_Slot") -> tuple[Lane, LaneState]:
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
        self.busy = np.zeros(empty[0].seed.shape, bool)
        """[blocks, width]: the lanes that the next dispatch acts on."""
        steps = self._put(np.int32(0))
        lowered = _train.lower(setup, self.carry, self._put(self.busy.any(1)), steps)
        self.train = _compile(lowered, device)
        shape = *self.busy.shape, device
        if is_pool(setup.task):
            self.evaluate = _shared_evaluation(_unsized(setup), *shape)
        else:
            self.evaluate = _evaluation(setup, *shape)

    def advance(self, n_steps: int) -> None:
        """Start steps of the blocks that have a busy lane."""
        active, steps = self._put((self.busy.any(1), np.int32(n_steps)))
        self.carry = self.train(self.carry, active, steps)

    def record(self) -> jax.Array:
        """Start an evaluation of the busy lanes; their records, when it is done."""
        lanes, states = self.carry
        watched, records = self.evaluate(
            lanes, states._replace(opt_state=()), self._put(self.busy.copy())
        )
        self.carry = lanes, states._replace(**watched)
        return records

    def _put(self, values: Any) -> Any:
        return jax.device_put(values, self.device)


def _unsized(setup: Setup) -> Setup:
    """The setup with its train size set aside, for programs that do not read it."""
    return dataclasses.replace(setup, train_size=1)


def _evaluation(
    setup: Setup, blocks: int, width: int, device: jax.Device
) -> jax.stages.Compiled:
    """The program that evaluates blocks on a device."""
    here = jax.sharding.SingleDeviceSharding(device)

    def shaped(x: np.ndarray) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((blocks, width, *x.shape), x.dtype, sharding=here)

    lanes, states = jax.tree.map(shaped, _one(_unsized(setup)))
    busy = shaped(np.zeros((), bool))
    lowered = _evaluate.lower(setup, lanes, states._replace(opt_state=()), busy)
    return _compile(lowered, device)


_shared_evaluation = functools.cache(_evaluation)
"""One program for groups that differ by the size of a pool's training set alone."""


@functools.cache
def _initial(setup: Setup, device: jax.Device) -> jax.stages.Compiled:
    """The program that initialises one lane, whatever the block width."""
    lane = jax.device_put(_one(setup)[0], device)
    init = jax.jit(functools.partial(trainer.init, setup))
    return _compile(init.lower(lane), device, ONCE)


def options(device: jax.Device, more: Options | None = None) -> Options:
    """Compiler options of a CPU, and more; none that the user chose by XLA_FLAGS."""
    chosen = os.environ.get("XLA_FLAGS", "")
    found = CPU_OPTIONS | (more or {}) if device.platform == "cpu" else {}
    return {name: value for name, value in found.items() if name not in chosen}


def _compile(
    lowered: jax.stages.Lowered, device: jax.Device, more: Options | None = None
) -> jax.stages.Compiled:
    """Compile with the device's options and more, less those that this XLA lacks."""
    wanted = options(device, more)
    while True:
        try:
            return lowered.compile(compiler_options=wanted or None)
        except jax.errors.JaxRuntimeError as error:
            lacking = [name for name in wanted if name in str(error)]
            if not lacking:
                raise
            wanted = {k: v for k, v in wanted.items() if k not in lacking}


def lane_of(setup: Setup, **fields: Any) -> Lane:
    """Build a host-side Lane with the dtypes the compiled programs expect."""
    return Lane(
        **{
            name: np.asarray(value, np.int32 if name in INTEGER_FIELDS else setup.dtype)
            for name, value in fields.items()
        }
    )


def _empty(setup: Setup, blocks: int, width: int) -> tuple[Lane, LaneState]:
    """Zeros in the shape of [blocks, width] lanes, on the host."""
    return jax.tree.map(
        lambda x: np.zeros((blocks, width, *x.shape), x.dtype), _one(_unsized(setup))
    )


@functools.cache
def _one(setup: Setup) -> tuple[Lane, LaneState]:
    """A lane of zeros, and the shapes and dtypes of its state; traced once."""
    lane = lane_of(setup, **dict.fromkeys(Lane._fields, 0))
    return lane, jax.eval_shape(functools.partial(trainer.init, setup), lane)


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
def _train(setup: Setup, carry: Any, active: jax.Array, n_steps: jax.Array) -> Any:
    """Make steps in the active ones of a device's blocks."""
    train = jax.vmap(functools.partial(trainer.train, setup), in_axes=(0, 0, None))

    def block(args: tuple[Lane, LaneState, jax.Array]) -> LaneState:
        lanes, states, busy = args
        return jax.lax.cond(
            busy, train, lambda lanes, states, _: states, lanes, states, n_steps
        )

    lanes, states = carry
    return lanes, jax.lax.map(block, (lanes, states, active))


WATCHED = ("max_train_loss", "diverged_step", "held", "stop_step")
"""What an evaluation changes of a lane's state."""


@functools.partial(jax.jit, static_argnums=0)
def _evaluate(
    setup: Setup, lanes: Lane, states: LaneState, busy: jax.Array
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Evaluate the blocks with a busy lane: what changes in those lanes, and records.

    Its own program: of a pool it reads no training set, so that groups share it.
    """
    evaluate = jax.vmap(functools.partial(trainer.evaluate, setup))
    watched = operator.attrgetter(*WATCHED)

    def run(lanes: Lane, states: LaneState, busy: jax.Array) -> Any:
        after, record = evaluate(lanes, states)
        pairs = zip(watched(after), watched(states), strict=True)
        return tuple(jnp.where(busy, new, old) for new, old in pairs), record

    def skip(lanes: Lane, states: LaneState, _: jax.Array) -> Any:
        record = jax.eval_shape(evaluate, lanes, states)[1]
        return watched(states), jnp.zeros(record.shape, record.dtype)

    def block(args: tuple[Lane, LaneState, jax.Array]) -> Any:
        return jax.lax.cond(args[2].any(), run, skip, *args)

    values, records = jax.lax.map(block, (lanes, states, busy))
    return dict(zip(WATCHED, values, strict=True)), records
