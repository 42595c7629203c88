"""Slots of [block, lane], and what the two programs leave alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tiny
from jaxgrok.engine import programs
from jaxgrok.training import examples, trainer
from jaxgrok.training.records import Schema
from jaxgrok.training.setup import blank_lane
from jaxgrok.training.trainer import LaneState


@pytest.fixture(scope="module")
def setup():
    return tiny.group().setup


def counted(blocks=2, width=3):
    """A carry whose every number tells its slot."""
    slots = np.arange(blocks * width, dtype=np.float32).reshape(blocks, width)
    params = {"b": slots[..., None] + [0.25, 0.5], "a": slots[..., None, None] + [[0]]}
    return jax.device_put(({"seed": slots}, params))


def test_empty_slots_are_zeros_in_the_shape_of_a_lane(setup):
    carry = programs.empty(setup, blocks=2, width=3)
    lane, state = programs.one_lane(setup)
    one = jax.tree.leaves((lane, state))
    for array, like in zip(jax.tree.leaves(carry), one, strict=True):
        assert isinstance(array, np.ndarray)
        assert (array.shape, array.dtype) == ((2, 3, *like.shape), like.dtype)
        assert not array.any()


def test_one_lane_is_traced_once_and_blank(setup):
    lane, state = programs.one_lane(setup)
    assert lane == blank_lane(setup)
    assert programs.one_lane(setup)[1] is state
    assert all(isinstance(x, jax.ShapeDtypeStruct) for x in jax.tree.leaves(state))


def test_what_is_inserted_into_a_slot_is_extracted_and_no_other_changes():
    slot = jnp.array([1, 2])
    params = {"b": jnp.full(2, 9.0), "a": jnp.full((1, 1), 7.0)}
    content = {"seed": jnp.float32(8)}, params
    before = jax.device_get(counted())
    after = programs.insert(counted(), slot, content)
    inserted = programs.extract(after, slot)
    jax.tree.map(np.testing.assert_array_equal, inserted, content)
    for new, old in zip(jax.tree.leaves(after), jax.tree.leaves(before), strict=True):
        changed = (np.asarray(new) != old).reshape(2, 3, -1).all(-1)
        assert np.argwhere(changed).tolist() == [[1, 2]]


def test_a_slot_s_parameters_are_laid_end_to_end_by_name():
    _, params = counted()
    vector = programs.parameter_vector(params, jnp.array([1, 0]))
    assert vector.tolist() == [3, 3.25, 3.5]


def states(blocks, width):
    """States of lanes, all of them 0."""
    zeros = [np.zeros((blocks, width), np.int32) for _ in LaneState._fields]
    return jax.device_put(LaneState(*zeros))


def test_only_active_blocks_make_steps(monkeypatch):
    monkeypatch.setattr(
        trainer,
        "step",
        lambda _, lane, state, examples: state._replace(step=state.step + examples),
    )
    # In place of examples: the lane, one by one.
    monkeypatch.setattr(examples, "train_set", lambda _, lane, order: lane)
    lanes = np.array([[1, 2], [3, 4]])
    active = jnp.array([False, True])
    content = jnp.array(lanes), states(2, 2)
    carry = programs.train("steps", content, active, jnp.int32(10))
    np.testing.assert_array_equal(carry[0], lanes)
    assert carry[1].step.tolist() == [[0, 0], [30, 40]]


def test_an_evaluation_counts_for_busy_lanes_alone(setup, monkeypatch):
    def evaluate(_, lane, state):
        changed = {name: getattr(state, name) + lane for name in programs.UPDATED}
        return state._replace(**changed), jnp.full(2, lane, jnp.float32)

    monkeypatch.setattr(trainer, "evaluate", evaluate)
    monkeypatch.setattr(programs, "schema", lambda *_: Schema(()))
    lanes = jnp.array([[1, 2], [3, 4]])
    blank = states(2, 2)._replace(params={})
    busy = jnp.array([[False, True], [False, False]])
    updates, records = programs.evaluate(setup, lanes, blank, busy)
    assert updates.keys() == set(programs.UPDATED)
    for values in updates.values():
        assert values.tolist() == [[0, 2], [0, 0]]
    assert records.shape == (2, 2, 2)
    assert records[0, 1].tolist() == [2, 2]
