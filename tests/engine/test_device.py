"""Blocks of one device: slots, and which of them a dispatch changes.

The lanes' training is replaced by counting, which compiles in no time.
"""

import dataclasses
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tiny
from jaxgrok import models
from jaxgrok.engine import programs
from jaxgrok.engine.device import Blocks, placed, suited
from jaxgrok.training import trainer
from jaxgrok.training.records import Schema
from jaxgrok.training.setup import blank_lane


def step(_, lane, state, examples):
    return state._replace(step=state.step + 1)


def evaluate(_, lane, state):
    record = jnp.stack([state.step, state.held]).astype(jnp.float32)
    return state._replace(held=state.held + 1), record


def step_by(number):
    return lambda _, lane, state, examples: state._replace(
        step=state.step + 1, max_train_loss=state.max_train_loss * number
    )


def evaluate_by(number):
    return lambda _, lane, state: (state, jnp.full(2, state.max_train_loss * number))


@pytest.fixture(autouse=True)
def flags_alone(monkeypatch):
    """Records have two entries."""
    monkeypatch.setattr(programs, "schema", lambda *_: Schema(()))


@pytest.fixture(scope="module")
def setup():
    # An epsilon of its own, so that no other test finds the counting programs.
    return dataclasses.replace(tiny.group().setup, eps=3e-7)


@pytest.fixture
def blocks(setup, monkeypatch):
    monkeypatch.setattr(trainer, "step", step)
    monkeypatch.setattr(trainer, "evaluate", evaluate)
    return Blocks(jax.local_devices()[1], setup, count=2, width=2)


def content(setup, number):
    """A lane of zeros, and a state whose every number is `number`."""
    _, state = programs.one_lane(setup)
    filled = jax.tree.map(lambda x: np.full(x.shape, number, x.dtype), state)
    return blank_lane(setup), filled


def test_a_slot_keeps_what_was_inserted_and_the_device_holds_it(blocks, setup):
    lane, state = content(setup, 3)
    blocks.insert((1, 0), (lane, state))
    extracted = blocks.extract((1, 0))
    jax.tree.map(np.testing.assert_array_equal, extracted, (lane, state))
    assert jax.tree.structure(extracted) == blocks.structure
    assert extracted[1].step.devices() == {jax.local_devices()[1]}
    assert not blocks.extract((1, 1))[1].step


def test_parameters_are_one_vector_of_the_shapes(blocks, setup):
    blocks.insert((0, 1), content(setup, 3))
    assert list(blocks.shapes) == sorted(blocks.shapes)
    assert blocks.shapes["mlp.W_in"] == (7, 16)
    size = sum(int(np.prod(shape)) for shape in blocks.shapes.values())
    assert blocks.parameters((0, 1)).tolist() == [3.0] * size


def test_a_dispatch_acts_on_busy_lanes(blocks):
    blocks.busy[1, 0] = True
    blocks.advance(5)
    records = blocks.record()
    blocks.wait()
    steps, held = (
        [int(getattr(blocks.extract(slot)[1], name)) for slot in np.ndindex(2, 2)]
        for name in ("step", "held")
    )
    # Steps are of whole blocks, evaluations of lanes.
    assert steps == [0, 0, 5, 5]
    assert held == [0, 0, 1, 0]
    assert records.shape == (2, 2, 2)
    assert records[1, 0].tolist() == [5, 0]


def test_marking_lanes_after_an_evaluation_began_does_not_change_it(blocks):
    blocks.busy[0, 0] = True
    blocks.record()
    blocks.busy[:] = True
    blocks.wait()
    assert not blocks.extract((0, 1))[1].held


@pytest.mark.parametrize(("counts", "loaded"), [((1, 1, 1), 4), ((2, 1, 1), 2)])
def test_devices_with_as_many_blocks_compile_once(setup, monkeypatch, counts, loaded):
    # A number that no run before this one has compiled.
    setup = dataclasses.replace(setup, eps=random.SystemRandom().random())
    monkeypatch.setattr(trainer, "step", step_by(setup.eps))
    monkeypatch.setattr(trainer, "evaluate", evaluate_by(setup.eps))
    names = []
    jax.monitoring.register_event_listener(lambda name, **_: names.append(name))
    devices = jax.local_devices()[:3]
    blocks = placed(setup, 2, devices, counts)
    assert [b.device for b in blocks] == devices
    assert tuple(len(b.busy) for b in blocks) == counts
    # Of every device but the first with that many blocks, both programs.
    assert names.count("/jax/compilation_cache/cache_hits") == loaded


def test_memory_holds_at_least_the_lanes(blocks, setup):
    arrays = jax.tree.leaves(programs.empty(setup, 2, 2))
    least = sum(x.nbytes for x in arrays) / 2
    assert blocks.footprint is None or blocks.footprint.total >= least


def test_a_model_takes_the_form_that_suits_the_device(setup):
    (device, *_) = jax.local_devices()
    training = suited(setup, device)
    assert training.model.costs.weighted == 8 and training.model != setup.model
    assert dataclasses.replace(training, model=setup.model) == setup


def test_a_setup_learns_its_platform_and_emulated_products_are_matrix_products(setup):
    (device, *_) = jax.local_devices()
    assert suited(setup, device).platform == "cpu"
    emulated = suited(dataclasses.replace(setup, precision="bf16"), device)
    assert emulated.products.emulated
    assert emulated.model == models.training_form(setup.model, "gpu")
