"""One device's blocks of lanes: its programs, and the only vmap, jit and donation.

A block is a fixed number of lanes under one vmap. A dispatch maps over the blocks and
skips those with no busy lane. Knows no cells and no other device.

    >>> blocks = Blocks(device, suited(setup, device), count=2, width=4)
    >>> blocks.insert((0, 0), (lane, initial(setup, device)(lane)))
    >>> blocks.busy[0, 0] = True
    >>> blocks.advance(100)
    >>> records = blocks.record()
"""

import dataclasses
import functools
import operator
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok import models
from jaxgrok.tasks import is_pool
from jaxgrok.training import trainer
from jaxgrok.training.setup import Lane, Setup, lane_of
from jaxgrok.training.trainer import LaneState

One = tuple[Lane, LaneState]
"""What a slot holds."""
Where = tuple[int, int]
"""A block of the device, and a lane of the block."""
Options = dict[str, bool | str]
CPU_OPTIONS: Options = {"xla_cpu_experimental_ynn_fusion_type": ""}
"""Without XLA's YNNPACK fusions: they keep elementwise work from being fused with what
reads it. Measured: docs/performance.md."""
ONCE: Options = {"xla_backend_optimization_level": "1"}
"""For a program that runs once a cell: half the time to compile, the same bits."""


class Blocks:
    """Blocks of lanes on a device; their carry is donated from dispatch to dispatch."""

    def __init__(
        self, device: jax.Device, setup: Setup, count: int, width: int
    ) -> None:
        self.device = device
        self.busy = np.zeros((count, width), bool)
        """[blocks, width]: the lanes that the next dispatch acts on."""
        self._carry = jax.device_put(_empty(setup, count, width), device)
        steps = self._put(np.int32(0))
        lowered = _train.lower(setup, self._carry, self._put(self.busy.any(1)), steps)
        self.train = _compile(lowered, device)
        shape = count, width, device
        if is_pool(setup.task):
            self.evaluate = _shared_evaluation(_unsized(setup), *shape)
        else:
            self.evaluate = _evaluation(setup, *shape)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter of one lane, by name, sorted."""
        params = self._carry[1].params
        return {name: params[name].shape[2:] for name in sorted(params)}

    @property
    def structure(self) -> Any:
        """The tree of what a slot holds."""
        return jax.tree.structure(self._carry)

    @property
    def memory(self) -> int | None:
        """Bytes: lanes, and temporaries of the larger program.

        None where the backend does not tell.
        """
        programs = (self.train, self.evaluate)
        train, evaluate = (program.memory_analysis() for program in programs)
        if train is None or evaluate is None:
            return None
        temporary = max(train.temp_size_in_bytes, evaluate.temp_size_in_bytes)
        return train.argument_size_in_bytes + temporary

    def insert(self, where: Where, one: One) -> None:
        """Overwrite a slot."""
        one = jax.device_put(one, self.device)
        self._carry = _insert(self._carry, self._index(where), one)

    def extract(self, where: Where) -> One:
        """Copy what a slot holds, on the device."""
        return _extract(self._carry, self._index(where))

    def vector(self, where: Where) -> jax.Array:
        """The parameters of a slot as one vector, laid out as `shapes`."""
        return _flat(self._carry[1].params, self._index(where))

    def advance(self, n_steps: int) -> None:
        """Start steps of the blocks that have a busy lane."""
        active, steps = self._put((self.busy.any(1), np.int32(n_steps)))
        self._carry = self.train(self._carry, active, steps)

    def record(self) -> jax.Array:
        """Start an evaluation of the busy lanes; their records, when it is done."""
        lanes, states = self._carry
        watched, records = self.evaluate(
            lanes, states._replace(opt_state=()), self._put(self.busy.copy())
        )
        self._carry = lanes, states._replace(**watched)
        return records

    def wait(self) -> None:
        """Until all that was started is done."""
        jax.block_until_ready(self._carry)

    def _index(self, where: Where) -> jax.Array:
        return self._put(np.array(where, np.int32))

    def _put(self, values: Any) -> Any:
        return jax.device_put(values, self.device)


def suited(setup: Setup, device: jax.Device) -> Setup:
    """The setup with its model in the form that is fastest on a device."""
    model = models.training_form(setup.model, device.platform)
    return dataclasses.replace(setup, model=model)


def initial(setup: Setup, device: jax.Device) -> jax.stages.Compiled:
    """The program that initialises one lane, whatever the block width."""
    return _initial(_unsized(setup), device)


@functools.cache
def _initial(setup: Setup, device: jax.Device) -> jax.stages.Compiled:
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


def _empty(setup: Setup, blocks: int, width: int) -> One:
    """Zeros in the shape of [blocks, width] lanes, on the host."""
    return jax.tree.map(
        lambda x: np.zeros((blocks, width, *x.shape), x.dtype), _one(_unsized(setup))
    )


@functools.cache
def _one(setup: Setup) -> One:
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
