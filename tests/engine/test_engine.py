"""Lanes do not feel their place, their neighbours, or the machine's shape: bitwise."""

import dataclasses

import jax
import numpy as np
import pytest

import tiny
from engines import admit, curves, same
from jaxgrok.engine.compilation import options
from jaxgrok.engine.engine import Engine
from jaxgrok.engine.slots import cost
from jaxgrok.training import trainer
from jaxgrok.training.setup import lane_of

SEEDS = (0, 1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def group():
    return tiny.group(seed=SEEDS, weight_decay=(1.0,))


@pytest.fixture(scope="module")
def alone(group):
    """Each cell trained in an engine that nobody else uses."""
    engine = Engine(group.setup, block_width=2, blocks=1)
    return {c.id: curves(engine, group, [c])[c.id] for c in group.cells}


def test_curves_have_an_evaluation_every_chunk_and_learn(group, alone):
    for rows in alone.values():
        assert rows.shape[0] == 5
        assert rows[-1, 0] < rows[0, 0]
    assert len({rows[-1, 0].item() for rows in alone.values()}) == len(SEEDS)


@pytest.mark.parametrize(("devices", "blocks"), [(1, 3), (4, 2), (4, 3)])
def test_blocks_devices_crowds_and_refills_change_no_bit(group, alone, blocks, devices):
    engine = Engine(
        group.setup,
        block_width=2,
        blocks=blocks,
        devices=jax.local_devices()[:devices],
    )
    same(curves(engine, group, group.cells), alone)


def test_order_and_lane_change_no_bit(group, alone):
    engine = Engine(group.setup, block_width=2, blocks=2)
    same(curves(engine, group, group.cells[::-1]), alone)


def test_a_nan_neighbour_changes_no_bit(group, alone):
    engine = Engine(group.setup, block_width=2, blocks=1)
    bad = group.cells[0].id
    found = curves(engine, group, group.cells, poison={bad})
    assert np.isnan(found[bad][-1, 0])
    assert found[bad][-1, -1] == 0
    assert len(found[bad]) < 5
    same({c: rows for c, rows in found.items() if c != bad}, alone)


@pytest.mark.parametrize("pieces", [1, 3, 7])
def test_cutting_a_chunk_into_dispatches_changes_no_bit(group, alone, pieces):
    engine = Engine(group.setup, block_width=2, blocks=1)
    same(curves(engine, group, group.cells[:2], pieces=pieces), alone)


def test_lanes_saved_inside_a_chunk_go_on_bitwise(group, alone):
    first = Engine(group.setup, block_width=2, blocks=2)
    records = admit(first, group, group.cells[:3])
    for cell, record in first.advance(10)[0].items():
        records[cell].append(record)
    first.advance(4)
    saved = first.save()
    first.advance(6)  # the old engine goes on; the copy must not feel it
    second = Engine(group.setup, block_width=2, blocks=3)
    second.adopt(saved)
    while second.cells:
        for read in second.advance(5):
            for cell, record in read.items():
                records[cell].append(record)
                if record[-2]:
                    second.release(cell)
    same({cell: np.stack(rows) for cell, rows in records.items()}, alone)


def test_several_chunks_in_flight_change_no_bit(group, alone):
    engine = Engine(group.setup, block_width=2, blocks=2)
    records = admit(engine, group, group.cells[:3])
    for read in [*engine.advance(10, chunks=3), *engine.advance(10)]:
        for cell, record in read.items():
            records[cell].append(record)
    same({cell: np.stack(rows) for cell, rows in records.items()}, alone)
    assert engine.busy == 3 * 40
    engine.advance(3)
    with pytest.raises(ValueError, match="between chunks"):
        engine.advance(10, chunks=2)


def finish(engine, records):
    """Advance chunk by chunk until all cells have ended; add their records."""
    while engine.cells:
        for cell, record in engine.advance(10)[0].items():
            records[cell].append(record)
            if record[-2]:
                engine.release(cell)


def test_a_lane_saved_between_chunks_goes_on_bitwise_beside_busy_ones(group, alone):
    first = Engine(group.setup, block_width=2, blocks=1)
    records = admit(first, group, group.cells[:2])
    for cell, record in first.advance(10)[0].items():
        records[cell].append(record)
    saved = first.save()
    second = Engine(group.setup, block_width=2, blocks=2)
    records |= admit(second, group, group.cells[2:3])
    second.advance(3)
    with pytest.raises(ValueError, match=r"offsets=\[0, 3\] must be one"):
        second.adopt(saved)
    for cell, record in second.advance(7)[0].items():
        records[cell].append(record)
    for cell, lane in saved.items():  # one by one
        second.adopt({cell: lane})
    finish(second, records)
    same({cell: np.stack(rows) for cell, rows in records.items()}, alone)


def test_compaction_frees_a_block_and_changes_no_bit(group, alone):
    engine = Engine(group.setup, block_width=2, blocks=2)
    records = admit(engine, group, group.cells[:4])
    for cell, record in engine.advance(10)[0].items():
        records[cell].append(record)
    for cell in (group.cells[0], group.cells[2]):
        engine.release(cell.id)
        records.pop(cell.id)
    before = engine.executed
    engine.compact()
    finish(engine, records)
    assert engine.executed - before == 2 * 30  # one block of two lanes, not two
    same({cell: np.stack(rows) for cell, rows in records.items()}, alone)


def test_blocks_of_one_device_are_dealt_over_the_idle_one(group, alone):
    devices = jax.local_devices()[:2]
    engine = Engine(group.setup, block_width=2, blocks=4, devices=devices)
    records = admit(engine, group, group.cells)
    # The second device got the second block, and has no other.
    for cell in group.cells[2:4]:
        engine.release(cell.id)
        records.pop(cell.id)
    assert cost(engine._cells) == (2, 2)
    engine.compact()
    assert cost(engine._cells) == (1, 2)
    finish(engine, records)
    same({cell: np.stack(rows) for cell, rows in records.items()}, alone)


def test_idle_blocks_are_not_counted_and_lanes_are(group):
    engine = Engine(group.setup, block_width=2, blocks=3)
    admit(engine, group, group.cells[:1])
    engine.advance(10)
    assert (engine.executed, engine.busy) == (20, 10)


def test_one_trace_and_one_program_a_device_for_a_whole_group(group, monkeypatch):
    jax.clear_caches()
    traces, compiled = [], []
    step = trainer.step

    def counted(*args):
        traces.append(1)
        return step(*args)

    monkeypatch.setattr(trainer, "step", counted)
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: (
            compiled.append(name)
            if name == "/jax/core/compile/backend_compile_duration"
            else None
        )
    )
    engine = Engine(
        group.setup, block_width=2, blocks=2, devices=jax.local_devices()[:2]
    )
    curves(engine, group, group.cells[:3])
    # Shapes of the branches are traced too; running must add nothing.
    n_traces, n_compiled = len(traces), len(compiled)
    assert n_traces == 1
    curves(engine, group, group.cells, pieces=3)
    assert (len(traces), len(compiled)) == (n_traces, n_compiled)


def test_no_implicit_transfer(group):
    engine = Engine(group.setup, block_width=2, blocks=2)
    with jax.transfer_guard("disallow"):
        curves(engine, group, group.cells)
        admit(engine, group, group.cells[:1])
        engine.save()


def test_cells_are_not_admitted_inside_a_chunk(group):
    engine = Engine(group.setup, block_width=2, blocks=1)
    admit(engine, group, group.cells[:1])
    engine.advance(3)
    with pytest.raises(ValueError, match="between chunks"):
        admit(engine, group, group.cells[1:2])


def state(engine):
    """The state of an engine's first busy lane."""
    return jax.device_get(engine._content(next(iter(engine._cells)))[1])


@pytest.fixture
def easy(group):
    """Anything right makes an evaluation a good one; the third ends a cell."""
    thresholds = dataclasses.replace(group.setup.thresholds, accuracy=1e-9, hold=3)
    return dataclasses.replace(group.setup, thresholds=thresholds)


def test_admission_touches_no_neighbour_and_needs_room(group, easy):
    engine = Engine(easy, block_width=2, blocks=1)
    admit(engine, group, group.cells[:1])
    [(cell, before)] = engine.save().items()
    assert state(engine).held == 1
    admit(engine, group, group.cells[1:2])
    after = engine.save()[cell]
    for old, new in zip(before.leaves, after.leaves, strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(ValueError, match="no room for 1 lanes"):
        admit(engine, group, group.cells[2:3])


def test_good_evaluations_in_a_row_end_a_cell(group, easy):
    setup = dataclasses.replace(easy, steps_past_grok=10)
    engine = Engine(setup, block_width=2, blocks=1)
    admit(engine, group, group.cells[:1])
    ended = []
    for held, stop in ((2, -1), (3, 30), (4, 30)):
        (records,) = engine.advance(10)
        ended.append(records[group.cells[0].id][-2])
        assert (state(engine).held, state(engine).stop_step) == (held, stop)
    assert ended == [0, 0, 1]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        pytest.param({"batch_size": 8}, marks=pytest.mark.long),
        pytest.param({"regime": "online", "batch_size": 8}, marks=pytest.mark.long),
    ],
)
def test_training_sizes_of_a_pool_share_the_evaluation(fields):
    group = tiny.group(**fields)
    other = dataclasses.replace(group.setup, train_size=group.setup.train_size + 8)
    engines = [Engine(s, block_width=2, blocks=1) for s in (group.setup, other)]
    blocks = [engine._devices[0] for engine in engines]
    assert blocks[0].evaluate is blocks[1].evaluate
    assert blocks[0].train is not blocks[1].train
    lane = lane_of(group.setup, **group.cells[0].lane)
    found = [engine.admit({"a": lane})["a"] for engine in engines]
    state = jax.jit(trainer.init, static_argnums=0)(other, lane)
    want = jax.jit(trainer.evaluate, static_argnums=0)(other, lane, state)[1]
    for record in found:
        np.testing.assert_allclose(record, want, rtol=1e-5)


def test_initial_weights_are_those_of_a_program_compiled_in_full(group):
    """Up to the last bits, which depend on the version of XLA."""
    engine = Engine(group.setup, block_width=2, blocks=1)
    lane = lane_of(group.setup, **group.cells[0].lane)
    engine.admit({"a": lane})
    (device, *_) = jax.local_devices()
    chosen = options(device)
    init = jax.jit(trainer.init, static_argnums=0, compiler_options=chosen)
    want = init(group.setup, lane).params
    for name, values in state(engine).params.items():
        np.testing.assert_allclose(values, want[name], rtol=1e-6)


def test_adoption_needs_room(group):
    engine = Engine(group.setup, block_width=2, blocks=2)
    admit(engine, group, group.cells[:3])
    small = Engine(group.setup, block_width=2, blocks=1)
    with pytest.raises(ValueError, match="no room for 3 lanes"):
        small.adopt(engine.save())
