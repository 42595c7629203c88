"""The jitted functions of one device: the only `vmap`, `jit` and donation.

Arrays are [blocks, width, ...]: `width` lanes under one `vmap`, `blocks` one after the
other.

    >>> carry = jax.device_put(empty(setup, blocks=2, width=4), device)
    >>> carry = train(setup, carry, active, n_steps)
"""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.training import trainer
from jaxgrok.training.lane import Lane
from jaxgrok.training.records import FLAGS, schema
from jaxgrok.training.setup import Setup, blank_lane
from jaxgrok.training.trainer import LaneState

SlotContent = tuple[Lane, LaneState]
"""What a slot holds."""
Evaluated = tuple[tuple[jax.Array, ...], jax.Array]
"""The new values of UPDATED, and the records."""
UPDATED = ("max_train_loss", "diverged_step", "held", "stop_step")
"""Fields of a lane's state that an evaluation changes."""


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def train(
    setup: Setup, carry: SlotContent, active: jax.Array, n_steps: jax.Array
) -> SlotContent:
    """Make steps in the active blocks.

    Args:
        setup: of every lane.
        carry: lanes and states, [blocks, width, ...]; donated, so that the new
            states take the old ones' memory.
        active: which blocks have a busy lane, [blocks].
        n_steps: steps to make; traced, so that one program serves every count.
    """
    step_lanes = functools.partial(trainer.train, setup, over=jax.vmap)

    def block(args: tuple[Lane, LaneState, jax.Array]) -> LaneState:
        lanes, states, busy = args
        after: LaneState = jax.lax.cond(
            busy, step_lanes, lambda lanes, states, _: states, lanes, states, n_steps
        )
        return after

    lanes, states = carry
    # `map` runs one block after the other, so the `cond` inside it stays a real branch
    # and an idle block costs nothing. Under `vmap` it would become a `select` that
    # computes both sides, and the width under `vmap` would decide rounding.
    return lanes, jax.lax.map(block, (lanes, states, active))


@functools.partial(jax.jit, static_argnums=0)
def evaluate(
    setup: Setup, lanes: Lane, states: LaneState, busy: jax.Array
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Evaluate the blocks that have a busy lane.

    A program apart from `train`: on a pool it does not depend on the size of the
    training set, so groups that differ in nothing else share it.

    Args:
        setup: of every lane.
        lanes: [blocks, width].
        states: their states, with the optimiser's left out; an evaluation needs none.
        busy: the lanes to evaluate, [blocks, width].

    Returns:
        The new values of UPDATED, unchanged in idle lanes, and the records
        [blocks, width, entries], undefined in idle lanes.
    """
    evaluate_lanes = jax.vmap(functools.partial(trainer.evaluate, setup))
    updated = operator.attrgetter(*UPDATED)
    entries = schema(setup, sorted(states.params)).width + len(FLAGS)

    def run(lanes: Lane, states: LaneState, busy: jax.Array) -> Evaluated:
        after, record = evaluate_lanes(lanes, states)
        # A lane just admitted is evaluated beside others that were evaluated already:
        # a second evaluation must not count twice for them.
        pairs = zip(updated(after), updated(states), strict=True)
        return tuple(jnp.where(busy, new, old) for new, old in pairs), record

    def skip(_: Lane, states: LaneState, busy: jax.Array) -> Evaluated:
        # Both branches of a `cond` return the same shapes and dtypes.
        return updated(states), jnp.zeros((len(busy), entries), setup.dtype)

    def block(args: tuple[Lane, LaneState, jax.Array]) -> Evaluated:
        found: Evaluated = jax.lax.cond(args[2].any(), run, skip, *args)
        return found

    values, records = jax.lax.map(block, (lanes, states, busy))
    return dict(zip(UPDATED, values, strict=True)), records


@functools.partial(jax.jit, donate_argnums=0)
def insert(carry: SlotContent, slot: jax.Array, content: SlotContent) -> SlotContent:
    """Overwrite the slot [block, lane]; without donation every lane would be copied."""
    changed: SlotContent = jax.tree.map(
        lambda old, new: old.at[slot[0], slot[1]].set(new), carry, content
    )
    return changed


@jax.jit
def extract(carry: SlotContent, slot: jax.Array) -> SlotContent:
    """Copy the slot [block, lane]."""
    content: SlotContent = jax.tree.map(lambda x: x[slot[0], slot[1]], carry)
    return content


@jax.jit
def parameter_vector(params: trainer.Params, slot: jax.Array) -> jax.Array:
    """Lay the parameters at [block, lane] end to end, sorted by name."""
    return jnp.concatenate(
        [w[slot[0], slot[1]].ravel() for _, w in sorted(params.items())]
    )


def empty(setup: Setup, blocks: int, width: int) -> SlotContent:
    """Return zeros in the shape of [blocks, width] lanes, on the host."""
    zeros: SlotContent = jax.tree.map(
        lambda x: np.zeros((blocks, width, *x.shape), x.dtype), one_lane(setup)
    )
    return zeros


@functools.cache
def one_lane(setup: Setup) -> SlotContent:
    """Return a lane of zeros, and the shapes and dtypes of its state; traced once."""
    lane = blank_lane(setup)
    return lane, jax.eval_shape(functools.partial(trainer.init, setup), lane)
