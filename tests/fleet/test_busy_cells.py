"""A cell's curve, snapshots and end, from records that no network made."""

import jax
import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine.engine import ResumeState
from jaxgrok.fleet.busy_cells import BusyCells
from jaxgrok.results.files.saved_lanes import SavedLane
from jaxgrok.training.records import NEVER, PLAIN, Schema
from jaxgrok.training.setup import lane_of

BITS = {"jaxlib": "0.0.1"}
FIELDS = {"seed": (0, 1), "snapshots": "seed=0", "stop": "steps"}
SCHEDULE = {"snapshot_every": 20, "snapshot_early_every": 3, "snapshot_early_until": 6}


class Engine:
    """Lanes that hold nothing; what they record is up to the test."""

    width = 2
    schema = Schema(PLAIN)

    def __init__(self, setup):
        self.setup, self.offset, self.cells = setup, 0, []
        self.first = {}
        """Records at step 0 of those cells that are not plain."""

    def admit(self, lanes):
        self.cells += lanes
        return {cell_id: self.first.get(cell_id, record(0)) for cell_id in lanes}

    def adopt(self, states):
        self.cells += states

    def release(self, cell_id):
        self.cells.remove(cell_id)

    def vectors(self, cell_ids):
        return [np.full(3, self.cells.index(cell_id)) for cell_id in cell_ids]

    def save(self, cell_ids=None):
        chosen = cell_ids or self.cells
        return {cell_id: ResumeState(self.offset, []) for cell_id in chosen}


def record(value, *, finished=False, diverged_step=NEVER, test_accuracy=0.0):
    """One evaluation, packed: every curve but the test accuracy is `value`."""
    values = np.full(Engine.schema.width, value, np.float32)
    values[Engine.schema.columns("test_accuracy")] = test_accuracy
    return np.append(values, np.float32([finished, diverged_step]))


@pytest.fixture
def make():
    """Busy cells of a grid, with none busy yet, and the ids of its cells."""

    def build(*, keeps_final=False, **fields):
        resolved = grid.resolve(tiny.config(**FIELDS | SCHEDULE | fields))
        engine = Engine(resolved.groups[0].setup)
        cells = BusyCells(resolved, engine, BITS, keeps_final=keeps_final)
        return cells, engine, [cell.id for cell in resolved.cells]

    return build


def test_a_result_is_the_records_with_their_steps_in_front(make):
    cells, engine, (one, two) = make()
    cells.start([one, two])
    cells.note({one: record(1), two: record(1)})
    cells.note({one: record(2, finished=True), two: record(2)})
    [result] = cells.results
    assert (result.cell_id, result.status, result.cause) == (one, "done", "")
    assert result.block_width == engine.width
    np.testing.assert_array_equal(result.curve("step"), [0, 10, 20])
    np.testing.assert_array_equal(result.curve("train_loss"), [0, 1, 2])
    assert result.records.dtype == np.float32
    assert (cells.steps, engine.cells) == ({two: 20}, [two])


def test_steps_count_those_since_the_last_evaluation(make):
    cells, engine, (one, _) = make()
    cells.start([one])
    cells.note({one: record(1)})
    engine.offset = 4
    assert cells.steps == {one: 14}


def test_a_diverged_cell_names_its_step_and_leaves_no_last_snapshot(make):
    cells, engine, (one, _) = make()
    cells.start([one])
    assert [snapshot.step for snapshot in cells.snapshots] == [0]
    cells.note({one: record(np.nan, finished=True, diverged_step=7)})
    [result] = cells.results
    words = "training loss not finite at step 7"
    assert (result.status, result.cause) == ("diverged", words)
    assert len(cells.snapshots) == 1 and engine.cells == []


def test_a_cell_that_diverges_at_its_start_holds_no_lane(make):
    cells, engine, (one, two) = make()
    engine.first[one] = record(np.inf, finished=True, diverged_step=0)
    cells.start([one, two])
    assert [(r.cell_id, len(r.records)) for r in cells.results] == [(one, 1)]
    assert (engine.cells, cells.snapshots) == ([two], [])


def test_records_after_the_end_in_the_same_dispatch_are_dropped(make):
    cells, _, (one, _) = make()
    cells.start([one])
    for records in ({one: record(1, finished=True)}, {one: record(2)}):
        cells.note(records)
    [result] = cells.results
    assert len(result.records) == 2


def test_snapshots_are_of_kept_cells_at_scheduled_steps_and_at_the_end(make):
    cells, engine, ids = make()
    cells.start(ids)
    for engine.offset in (3, 5, 6):
        cells.keep_due(ids)
    engine.offset = 0
    cells.note({cell_id: record(1, finished=True) for cell_id in ids})
    steps = [(snapshot.cell_id, snapshot.step) for snapshot in cells.snapshots]
    assert steps == [(ids[0], step) for step in (0, 3, 6, 10)]


def test_a_dispatch_ends_at_the_next_snapshot(make):
    cells, engine, (one, two) = make()
    cells.start([two])
    assert cells.steps_to_snapshot(50) == 50
    cells.start([one])
    assert (cells.steps_to_snapshot(50), cells.steps_to_snapshot(2)) == (3, 2)
    engine.offset = 6
    assert cells.steps_to_snapshot(50) == 14


def test_the_first_end_is_a_budget_or_an_accuracy_that_may_have_held(make):
    cells, _, (one, two) = make()
    cells.start([one, two])
    assert cells.evals_until_end() == 4
    cells.note({one: record(1, test_accuracy=1.0), two: record(1)})
    assert cells.evals_until_end() == 3
    cells, _, (one, two) = make(stop="grokked", hold=3, steps=(400,))
    cells.start([one, two])
    assert cells.evals_until_end() == 3
    cells.note({one: record(1, test_accuracy=1.0), two: record(1)})
    assert cells.evals_until_end() == 2


def test_a_cell_is_stopped_with_its_cause_and_its_last_snapshot(make):
    cells, engine, (one, two) = make()
    cells.start([one, two])
    cells.note({one: record(1), two: record(1)})
    cells.stop(one, "not needed")
    [result] = cells.results
    assert (result.status, result.cause) == ("stopped", "not needed")
    assert cells.snapshots[-1][:2] == (one, 10)
    assert engine.cells == [two]


def test_a_saved_cell_goes_on_elsewhere_with_its_curve(make):
    cells, engine, (one, _) = make()
    cells.start([one])
    cells.note({one: record(1)})
    engine.offset = 4
    saved = cells.save()
    other, engine, _ = make()
    other._bits = BITS | {"cpu_threads": 3}
    other.adopt(saved)
    engine.offset = saved[one].state.offset
    assert other.steps == {one: 14}
    engine.offset = 0
    other.note({one: record(2, finished=True)})
    [result] = other.results
    np.testing.assert_array_equal(result.curve("train_loss"), [0, 1, 2])
    assert result.computed_with == (BITS | {"block_width": 2}, other._bits)


def test_a_saved_lane_has_the_budget_of_this_grid(make):
    cells, engine, (one, _) = make()
    numbers = jax.tree.leaves(lane_of(engine.setup, **cells._cells[one].lane))
    older = [*(np.zeros_like(number) for number in numbers), np.float32(7)]
    adopted = {}
    engine.adopt = adopted.update
    records = np.zeros((5, engine.schema.width))
    cells.adopt({one: SavedLane(ResumeState(0, older), records)})
    assert adopted[one].leaves == [*numbers, 7]


@pytest.mark.parametrize("wanted", [False, True])
def test_a_cell_that_only_its_budget_ends_leaves_its_lane(make, wanted):
    rule = {"stop": "grokked", "hold": 2, "steps": (20,)}
    cells, _, (one, two) = make(keeps_final=wanted, **rule)
    cells.start([one, two])
    cells.note({one: record(1), two: record(1, test_accuracy=1.0)})
    ends = {"finished": True}
    cells.note({one: record(2, **ends), two: record(2, test_accuracy=1.0, **ends)})
    assert set(cells.final) == ({one} if wanted else set())
    if wanted:
        assert cells.final[one].state.offset == 0
        assert len(cells.final[one].records) == 3


def test_what_is_handed_over_is_handed_over_once(make):
    cells, _, (one, two) = make(keeps_final=True)
    cells.start([one, two])
    cells.note({one: record(1, finished=True), two: record(1)})
    assert [result.cell_id for result in cells.take_results()] == [one]
    assert [snapshot.step for snapshot in cells.take_snapshots()] == [0, 10]
    assert list(cells.take_final()) == [one]
    assert (cells.take_results(), cells.take_snapshots()) == ([], [])
    assert cells.take_final() == {}
    assert list(cells.save()) == [two]
