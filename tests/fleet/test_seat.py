"""A seat does what it is assigned; cells move between seats without a bit lost."""

import gc
import threading
import weakref

import jax
import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine import sizing
from jaxgrok.fleet import seat as module
from jaxgrok.fleet.messages import Assignment
from jaxgrok.fleet.seat import Seat

BITS = {"jaxlib": "0.0.1"}


@pytest.fixture(scope="module")
def resolved():
    return grid.resolve(tiny.config(seed=(0, 1, 2)))


def build(group, n_cells, at_most=None):
    return sizing.build(
        group.setup,
        block_width=group.block_width,
        cells=n_cells,
        blocks=2,
        at_most=at_most,
    )


def make(resolved, engines=build, *, keeps_final=False):
    return Seat(resolved, engines, BITS, keeps_final=keeps_final)


def ids(resolved):
    return [cell.id for cell in resolved.cells]


def do(seat, lanes=None, **fields):
    """Do an assignment of group 0; `lanes` are those of the cells to start."""
    lanes = lanes or {}
    # Where a lane is saved is nothing to a seat.
    assignment = Assignment(0, 3, start=dict.fromkeys(lanes), **fields)
    return seat.do(assignment, lanes)


def train(seat, lanes):
    """Train until nothing is busy; curves by cell."""
    do(seat, lanes, seconds=9.0)
    while seat.is_busy:
        do(seat, seconds=0.0)
    return {result.cell_id: result.records for result in seat.open.cells.take_results()}


@pytest.fixture(scope="module")
def whole(resolved):
    return train(make(resolved), dict.fromkeys(ids(resolved)))


def test_a_group_is_opened_beside_others_and_the_seat_says_so(
    resolved, whole, monkeypatch
):
    monkeypatch.setattr(module, "OPEN_SECONDS", 0.01)
    gate, builds = threading.Event(), []

    def slowly(group, n_cells, at_most=None):
        builds.append(n_cells)
        assert gate.wait(30)
        return build(group, n_cells)

    seat = make(resolved, slowly)
    for _ in range(3):
        progress = do(seat)
        assert progress.is_opening and (progress.lanes, progress.busy) == (0, {})
        assert (seat.is_busy, seat.save()) == (False, {})
    gate.set()
    while do(seat).is_opening:
        pass
    curves = train(seat, dict.fromkeys(ids(resolved)))
    assert builds == [3]  # once, however often it was asked for
    assert curves.keys() == whole.keys()
    for cell_id, records in whole.items():
        np.testing.assert_array_equal(curves[cell_id], records)


def test_what_cannot_be_opened_fails_and_is_tried_again(resolved, monkeypatch):
    errors = [jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")]

    def once(group, n_cells, at_most=None):
        if errors:
            raise errors.pop()
        return build(group, n_cells)

    monkeypatch.setattr(module, "OPEN_SECONDS", 60.0)
    seat = make(resolved, once)
    failed = do(seat)
    assert "out of memory" in failed.failure and not failed.is_opening
    assert do(seat).lanes == 4


def test_the_first_assignment_of_a_group_tells_how_many_lanes_are_free(resolved):
    seat = make(resolved)
    assert (seat.open, seat.is_busy, seat.save()) == (None, False, {})
    progress = do(seat)
    assert (progress.group, progress.free, progress.lanes) == (0, 4, 4)
    assert (progress.busy, progress.dispatch.steps) == ({}, 0)
    assert not seat.is_busy


@pytest.mark.parametrize("cut", [2, 10, 13])
def test_saved_cells_go_on_at_other_seats_to_the_same_bits(resolved, whole, cut):
    first = make(resolved)
    do(first)
    progress = do(first, dict.fromkeys(ids(resolved)))
    while max(progress.busy.values()) < cut:
        progress = do(first, seconds=0.0)
    saved = first.save()
    assert set(saved) == set(ids(resolved))
    curves = {}
    for cell_id, lane in saved.items():  # a seat each
        assert lane.step(10) == progress.busy[cell_id]
        curves |= train(make(resolved), {cell_id: lane})
    assert curves.keys() == whole.keys()
    for cell_id, records in curves.items():
        np.testing.assert_array_equal(records, whole[cell_id], strict=True)


def test_a_cell_is_stopped_with_its_cause_and_its_lane_is_free(resolved, whole):
    seat, (cell_id, *_) = make(resolved), ids(resolved)
    progress = do(seat, {cell_id: None}, seconds=0.0)
    while not progress.between_chunks:
        assert progress.free == 0
        progress = do(seat, seconds=0.0)
    progress = do(seat, stop={cell_id: "for a test"}, seconds=0.0)
    [result] = seat.open.cells.take_results()
    assert (result.status, result.cause) == ("stopped", "for a test")
    np.testing.assert_array_equal(result.records, whole[cell_id][:2])
    assert (progress.busy, progress.free) == ({}, 4)


def test_it_answers_at_each_evaluation_where_that_is_asked(resolved):
    steps = {}
    for every in (False, True):
        seat = make(resolved)
        do(seat, dict.fromkeys(ids(resolved)), seconds=0.0)
        while do(seat, seconds=0.0).busy[ids(resolved)[0]] % 10:
            pass
        progress = do(seat, seconds=1000.0, every_evaluation=every)
        steps[every] = progress.dispatch.steps
    assert steps[True] == 10 < steps[False]


def test_lanes_of_cells_that_spend_their_budget_are_kept_if_wanted(resolved):
    for keeps_final in (False, True):
        seat = make(resolved, keeps_final=keeps_final)
        curves = train(seat, dict.fromkeys(ids(resolved)))
        assert seat.open.cells.take_final().keys() == (
            curves.keys() if keeps_final else set()
        )


def test_an_error_of_the_device_ends_the_group_and_not_the_seat(resolved):
    errors = ["RESOURCE_EXHAUSTED: no memory\ndetails"]

    def engines(group, n_cells, at_most=None):
        if errors:
            raise jax.errors.JaxRuntimeError(errors.pop())
        return build(group, n_cells)

    seat = make(resolved, engines)
    progress = do(seat)
    assert (progress.group, progress.busy, seat.open) == (0, {}, None)
    assert progress.failure == (
        "a block of 2 lanes does not fit the device's memory; take a narrower one, "
        "--grid.block_width=1 (RESOURCE_EXHAUSTED: no memory)"
    )
    assert do(seat).failure == ""


def exhaust(monkeypatch, seat, error):
    """Let memory run out at the next dispatch of a seat."""

    def advance(*_, **__):
        monkeypatch.undo()
        raise error

    monkeypatch.setattr(seat.open.engine, "advance", advance)


@pytest.mark.parametrize(
    "error",
    [
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: no memory"),
        MemoryError(),
        RuntimeError("can't start new thread"),
    ],
)
def test_where_memory_runs_out_less_is_computed_at_a_time_and_bits_stay(
    resolved, whole, monkeypatch, error
):
    seat = make(resolved)
    do(seat, dict.fromkeys(ids(resolved)), seconds=0.0)
    saved = seat.save()
    shorts = []
    for _ in range(3):
        exhaust(monkeypatch, seat, error)
        progress = do(seat, seconds=9.0)
        if progress.failure:
            break
        assert (progress.retreats, progress.group, seat.open) == (True, None, None)
        shorts.append(do(seat, saved, seconds=0.0).short)
    assert shorts == [
        "memory is short: one device evaluates after the other",
        "memory is short: 1 block of 2 trains at a time",
    ]
    assert progress.failure.startswith("a block of 2 lanes does not fit")
    # The one block has no room for the third.
    curves = train(seat, saved) | train(seat, {})
    assert curves.keys() == whole.keys()
    for cell_id, records in whole.items():
        np.testing.assert_array_equal(curves[cell_id], records)


@pytest.mark.parametrize("error", [NotImplementedError, RuntimeError])
def test_an_error_of_a_users_function_is_raised(resolved, error):
    error = error("a loss of mine")

    def engines(group, n_cells, at_most=None):
        raise error

    with pytest.raises(type(error), match="a loss of mine"):
        do(make(resolved, engines))


def test_a_retreat_frees_the_lanes_at_once(resolved, monkeypatch):
    seat = make(resolved)
    do(seat, dict.fromkeys(ids(resolved)), seconds=0.0)
    engine = weakref.ref(seat.open.engine)

    def advance(*_, **__):
        raise MemoryError

    monkeypatch.setattr(type(seat.open.engine), "advance", advance)
    gc.disable()
    try:
        assert do(seat, seconds=9.0).retreats
        assert engine() is None
    finally:
        gc.enable()
