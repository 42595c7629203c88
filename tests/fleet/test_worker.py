"""A worker does what it is assigned; cells move between workers without a bit lost."""

import jax
import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine import sizing
from jaxgrok.fleet.messages import Assignment
from jaxgrok.fleet.worker import Worker


@pytest.fixture(scope="module")
def resolved():
    return grid.resolve(tiny.config(seed=(0, 1, 2)))


def build(group, n_cells):
    return sizing.build(
        group.setup, block_width=group.block_width, cells=n_cells, blocks=2
    )


def ids(resolved):
    return [cell.id for cell in resolved.cells]


def train(worker, assignment):
    """Train until nothing is busy; curves by cell."""
    progress, curves = worker.do(assignment), {}
    while True:
        curves |= {result.cell_id: result.records for result in progress.results}
        if not progress.busy:
            return curves
        progress = worker.do(Assignment(0, seconds=0.0))


@pytest.fixture(scope="module")
def whole(resolved):
    worker = Worker(resolved, build)
    worker.do(Assignment(0, n_cells=3))
    return train(worker, Assignment(0, start=dict.fromkeys(ids(resolved)), seconds=9.0))


def test_the_first_assignment_of_a_group_tells_how_many_lanes_are_free(resolved):
    worker = Worker(resolved, build, name="a")
    greeting = worker.greet()
    assert (greeting.worker, greeting.group, greeting.free) == ("a", None, 0)
    progress = worker.do(Assignment(0, n_cells=3))
    assert (progress.group, progress.free, progress.lanes) == (0, 4, 4)
    assert (progress.busy, progress.dispatch.steps) == ({}, 0)


@pytest.mark.parametrize("cut", [2, 10, 13])
def test_saved_cells_go_on_at_other_workers_to_the_same_bits(resolved, whole, cut):
    first = Worker(resolved, build)
    first.do(Assignment(0, n_cells=3))
    progress = first.do(Assignment(0, start=dict.fromkeys(ids(resolved))))
    while max(progress.busy.values()) < cut:
        progress = first.do(Assignment(0, seconds=0.0, save=True))
    assert set(progress.saved) == set(ids(resolved))
    curves = {}
    for cell_id, lane in progress.saved.items():  # a worker each
        other = Worker(resolved, build)
        curves |= train(other, Assignment(0, 1, start={cell_id: lane}, seconds=0.0))
    assert curves.keys() == whole.keys()
    for cell_id, records in curves.items():
        np.testing.assert_array_equal(records, whole[cell_id], strict=True)


def test_a_cell_is_stopped_with_its_cause_and_its_lane_is_free(resolved, whole):
    worker = Worker(resolved, build)
    worker.do(Assignment(0, n_cells=3))
    cell_id = ids(resolved)[0]
    progress = worker.do(Assignment(0, start={cell_id: None}, seconds=0.0))
    while not progress.between_chunks:
        assert progress.free == 0
        progress = worker.do(Assignment(0, seconds=0.0))
    progress = worker.do(Assignment(0, stop={cell_id: "for a test"}, seconds=0.0))
    [result] = progress.results
    assert (result.status, result.cause) == ("stopped", "for a test")
    np.testing.assert_array_equal(result.records, whole[cell_id][:2])
    assert (progress.busy, progress.free) == ({}, 4)


def test_an_error_of_the_device_ends_the_group_and_not_the_worker(resolved):
    errors = ["RESOURCE_EXHAUSTED: no memory\ndetails"]

    def engines(group, n_cells):
        if errors:
            raise jax.errors.JaxRuntimeError(errors.pop())
        return build(group, n_cells)

    worker = Worker(resolved, engines)
    progress = worker.do(Assignment(0, n_cells=3))
    assert progress.group == 0
    assert progress.failure == (
        "a block of 2 lanes does not fit the device's memory; take a narrower one, "
        "--grid.block_width=1 (RESOURCE_EXHAUSTED: no memory)"
    )
    assert worker.do(Assignment(0, n_cells=3)).failure == ""
