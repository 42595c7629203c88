"""A worker runs its seats, writes what they leave, and reports what is safe."""

import errno

import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine import sizing
from jaxgrok.fleet import chores
from jaxgrok.fleet.chores import Period
from jaxgrok.fleet.messages import Assignment, Order, Progress, Refusal
from jaxgrok.fleet.worker import Worker
from jaxgrok.fleet.worker_files import WorkerFiles
from jaxgrok.results.files import resume, status_file
from jaxgrok.results.files.final_states import FinalStates
from jaxgrok.results.files.status_file import Live
from jaxgrok.results.snapshots import SnapshotIndex


@pytest.fixture(scope="module")
def resolved():
    return grid.resolve(tiny.config(seed=(0, 1, 2), snapshots="seed=0"))


@pytest.fixture
def make(tmp_path, resolved):
    """Workers of one run directory, which are closed at the end."""
    workers = []

    def worker(name="local", *, seats=1, **options):
        workers.append(Worker(resolved, [build] * seats, tmp_path, name, **options))
        return workers[-1]

    yield worker
    for one in workers:
        one.close()


def build(group, n_cells, at_most=None):
    return sizing.build(
        group.setup, block_width=group.block_width, cells=n_cells, blocks=2
    )


def ids(resolved):
    return [cell.id for cell in resolved.cells]


def order(start=None, seat=0, *, save=False, **fields):
    return Order({seat: Assignment(0, 3, start=start or {}, **fields)}, save)


def train(worker, first):
    """Train until all that was started has its result; curves by cell."""
    report, curves = worker.do(first), {}
    while True:
        curves |= {result.cell_id: result.records for result in report.results}
        if any(progress.busy for progress in report.seats.values()):
            report = worker.do(order(seconds=0.0))
        elif report.seats:
            report = worker.do(Order({}, save=True))
        else:
            return curves


@pytest.fixture(scope="module")
def whole(resolved, tmp_path_factory):
    worker = Worker(resolved, [build], tmp_path_factory.mktemp("whole"))
    curves = train(worker, order(dict.fromkeys(ids(resolved)), seconds=9.0))
    worker.close()
    return curves


def same(curves, whole):
    assert curves.keys() == whole.keys()
    for cell_id, records in curves.items():
        np.testing.assert_array_equal(records, whole[cell_id], strict=True)


def test_it_greets_with_all_its_seats_and_touches_nothing(make, tmp_path):
    greeting = make("a", seats=2).greet()
    assert (greeting.worker, greeting.seats) == ("a", {0: Progress(), 1: Progress()})
    assert greeting.platform.name == "cpu"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [2, 10, 13])
def test_saved_cells_go_on_at_other_workers_to_the_same_bits(
    make, resolved, whole, cut
):
    first = make("a")
    report = first.do(order(dict.fromkeys(ids(resolved))))
    while max(report.seats[0].busy.values()) < cut:
        report = first.do(order(seconds=0.0, save=True))
    assert set(report.saved) == set(ids(resolved))
    curves = {}
    for cell_id, place in report.saved.items():  # a worker each
        assert place.step == report.seats[0].busy[cell_id]
        other = make(f"b{cell_id}")
        curves |= train(other, order({cell_id: place}, seconds=0.0))
    same(curves, whole)


def test_seats_side_by_side_train_to_the_same_bits(make, resolved, whole):
    worker, curves = make(seats=2), {}
    one, two, three = ids(resolved)
    starts = {0: {one: None}, 1: {two: None, three: None}}
    report = worker.do(
        Order({seat: Assignment(0, 3, start=cells) for seat, cells in starts.items()})
    )
    assert {seat: set(p.busy) for seat, p in report.seats.items()} == {
        0: {one},
        1: {two, three},
    }
    # A seat that has no assignment does nothing.
    report = worker.do(order(seat=1, seconds=0.0))
    assert list(report.seats) == [1]
    saved = worker.do(Order({}, save=True)).saved
    assert (saved[one].step, saved[two].step > 0) == (0, True)
    while len(curves) < 3:
        go_on = {seat: Assignment(0, 3, seconds=0.0) for seat in (0, 1)}
        report = worker.do(Order(go_on, save=True))
        curves |= {result.cell_id: result.records for result in report.results}
    same(curves, whole)


def test_a_result_waits_until_its_snapshots_are_on_disk(make, resolved, tmp_path):
    worker = make()
    kept, *others = ids(resolved)
    report = worker.do(order(dict.fromkeys(ids(resolved)), seconds=9.0))
    reported = [result.cell_id for result in report.results]
    while report.seats[0].busy:
        report = worker.do(order(seconds=9.0))
        reported += [result.cell_id for result in report.results]
    assert sorted(reported) == sorted(others)
    assert SnapshotIndex(tmp_path).trainings() == set()
    report = worker.do(Order({}, save=True))
    assert [result.cell_id for result in report.results] == [kept]
    assert SnapshotIndex(tmp_path).trainings() == {resolved.cells[0].kin}
    for cell in resolved.cells:
        assert FinalStates(tmp_path).place(cell.kin, below=41).step == 40


def test_it_flushes_and_saves_unasked_when_that_is_due(
    make, resolved, tmp_path, monkeypatch
):
    for name in ("flush", "save"):
        monkeypatch.setitem(chores.PERIODS, name, Period(0.0, spacing=0))
    report = make().do(order(dict.fromkeys(ids(resolved)), seconds=0.0))
    assert set(report.saved) == set(ids(resolved))
    assert SnapshotIndex(tmp_path).steps(resolved.cells[0].kin) == [0]


def test_it_saves_nothing_unasked_before_that(make, resolved, tmp_path):
    report = make().do(order(dict.fromkeys(ids(resolved)), seconds=0.0))
    assert (report.saved, report.refusal) == ({}, None)
    assert list(tmp_path.iterdir()) == []


def test_one_elsewhere_saves_at_a_period_of_its_own(
    make, resolved, tmp_path, monkeypatch
):
    monkeypatch.setitem(chores.PERIODS, "save", Period(0.0, spacing=0))
    status_file.write(tmp_path, Live({}))
    start = order(dict.fromkeys(ids(resolved)), seconds=0.0)
    assert make("a", is_elsewhere=True).do(start).saved == {}
    monkeypatch.setitem(chores.PERIODS, "fleet_save", Period(0.0, spacing=0))
    assert set(make("b", is_elsewhere=True).do(start).saved) == set(ids(resolved))


def test_one_that_was_given_up_writes_nothing_into_a_run_that_has_ended(
    make, resolved, tmp_path, monkeypatch
):
    for name in ("flush", "fleet_save"):
        monkeypatch.setitem(chores.PERIODS, name, Period(0.0, spacing=0))
    worker = make("a", is_elsewhere=True)
    status_file.write(tmp_path, Live({}))
    worker.do(order(dict.fromkeys(ids(resolved)), seconds=0.0))
    # As a sweep does that ends while this worker is frozen.
    resume.drop(tmp_path)
    status_file.remove(tmp_path)
    before = files(tmp_path)
    for last in (order(seconds=9.0), Order({}, save=True)):
        assert worker.do(last).saved == {}
    worker.close()
    assert files(tmp_path) == before and before  # the snapshots of step 0


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_lane_that_cannot_be_read_is_noted_once_and_starts_anew(
    make, resolved, whole, tmp_path
):
    saved = (
        make("a").do(order(dict.fromkeys(ids(resolved)), seconds=0.0, save=True)).saved
    )
    resume.drop(tmp_path)
    worker = make("b")
    report = worker.do(order(saved))
    [file] = {place.file for place in saved.values()}
    assert report.notes == [f"b: {file} cannot be read: its cells start anew"]
    assert report.seats[0].busy == dict.fromkeys(saved, 0)
    same(train(worker, order(seconds=9.0)), whole)


@pytest.mark.parametrize("method", ["flush", "save"])
def test_a_disk_that_refuses_is_reported_and_costs_no_result(
    make, resolved, whole, monkeypatch, method
):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(WorkerFiles, method, refuse)
    worker = make()
    report = worker.do(order(dict.fromkeys(ids(resolved)), seconds=0.0, save=True))
    assert report.refusal == Refusal(errno.ENOSPC, "No space left on device")
    assert report.saved == {}
    curves = {}
    while report.seats[0].busy:
        report = worker.do(order(seconds=9.0, save=True))
        curves |= {result.cell_id: result.records for result in report.results}
    same(curves, whole)


def test_one_that_did_nothing_closes_without_a_trace(make, tmp_path):
    make().close()
    assert list(tmp_path.iterdir()) == []
