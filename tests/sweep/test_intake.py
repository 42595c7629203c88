"""What workers report is entered once, and a worker that fails costs only itself."""

import dataclasses
import errno
from collections import Counter

import pytest
from fleets import CPU
from handmade import result

import tiny
from jaxgrok import grid
from jaxgrok.fleet.messages import Loss, Progress, Refusal, Report
from jaxgrok.results.files.saved_lanes import LanePlace
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.dealer import MOST_FAILURES
from jaxgrok.sweep.intake import Intake, WorkersFailed
from jaxgrok.sweep.longest_first import Everything

FULL = Refusal(errno.ENOSPC, "No space left on device")


class Fleet:
    """Takes note of who was dropped."""

    outlives_workers = True
    invitation = "python -m jaxgrok.worker RUN_DIR"

    def __init__(self):
        self.dropped = {}

    def drop(self, worker, cause):
        self.dropped[worker] = cause


@pytest.fixture
def intake(tmp_path):
    resolved = grid.resolve(tiny.config(seed=(0, 1, 2)))
    with RunDirectory(tmp_path / "a") as directory:
        archive = Archive(resolved, directory)
        archive.write_manifest()
        with (made := Intake(resolved, archive, Fleet(), Everything)).display:
            yield made


def report(worker, progress=None, **fields):
    return Report(worker, CPU, {0: progress or Progress()}, **fields)


def start(intake, worker, *cells):
    """Let a worker hold cells, as if they had been sent."""
    intake.take_in(report(worker))
    group = intake.grid.groups[0]
    taken = {cell.id for cell in intake.queue.take(group, len(cells))}
    assert taken == {cell.id for cell in cells}
    intake.members[worker].cells |= {cell.id: 0 for cell in cells}


def test_a_greeting_makes_a_member_and_a_loss_ends_it(intake):
    intake.take_in(None)
    assert intake.members == {}
    intake.take_in(report("a"))
    assert list(intake.members) == ["a"]
    intake.take_in(Loss("a", "for a test"))
    assert intake.members == {}


def test_a_result_is_a_row_and_its_cell_is_held_no_more(intake):
    one, *_ = cells = intake.grid.cells
    start(intake, "a", *cells)
    intake.steps[one.id] = 10
    intake.take_in(report("a", Progress(0, 4, 4), results=[result(one)]))
    assert [row["id"] for row in intake.ledger.rows()] == [one.id]
    assert one.id not in intake.members["a"].cells and one.id not in intake.steps


def test_the_cells_of_a_seat_that_ran_out_of_memory_wait_at_their_last_save(intake):
    one, two, three = intake.grid.cells
    start(intake, "a", one, two, three)
    place = LanePlace("resume/1-a.npz", one.id, 20)
    (intake.archive.path / "resume").mkdir()
    (intake.archive.path / place.file).write_bytes(b"")
    intake.take_in(report("a", saved={one.id: place}))
    retreat = Progress(retreats=True)
    intake.take_in(report("a", retreat, results=[result(three)]))
    assert intake.members["a"].cells == {}
    assert intake.steps == {one.id: 20, two.id: 0}
    # The same worker is dealt them again, and nothing has failed.
    assert intake.dealer.waiting() == [0]
    assert intake.dealer.open("a", Counter(), set()).group == 0


def test_the_cells_of_a_lost_worker_wait_at_their_last_save(intake):
    one, two, three = intake.grid.cells
    start(intake, "a", one, two, three)
    place = LanePlace("resume/1-a.npz", one.id, 20)
    progress = Progress(0, 4, 1, busy={one.id: 25, two.id: 25, three.id: 25})
    intake.take_in(report("a", progress, saved={one.id: place}))
    intake.take_in(Loss("a", "for a test"))
    assert intake.dealer._paused == [{one.id: place, two.id: None, three.id: None}]
    assert intake.steps == {one.id: 20, two.id: 0, three.id: 0}


MISSED = "no worker is left; waiting: python -m jaxgrok.worker RUN_DIR"


@pytest.fixture
def lines(intake, monkeypatch):
    """What was said."""
    lines = []
    monkeypatch.setattr(intake.display, "say", lines.append)
    return lines


def test_who_is_the_last_to_go_is_missed(intake, lines):
    start(intake, "a", *intake.grid.cells)
    intake.take_in(report("b"))
    intake.take_in(Loss("b", "for a test"))
    assert lines == ["b is gone: for a test"]
    intake.take_in(Loss("a", "for a test"))
    intake.take_in(Loss("refused", "never took part"))
    assert lines.count(MISSED) == 1


def test_nobody_is_missed_where_nothing_waits(intake, lines):
    cells = intake.grid.cells
    start(intake, "a", *cells)
    intake.take_in(report("a", results=[result(cell) for cell in cells]))
    intake.take_in(Loss("a", "for a test"))
    assert lines and MISSED not in lines


def test_nor_are_processes_that_are_started_again(intake, lines):
    intake.fleet.invitation = ""
    start(intake, "a", *intake.grid.cells)
    intake.take_in(Loss("a", "for a test"))
    assert lines == ["a is gone: for a test"]


def test_one_that_leaves_hands_its_cells_over(intake):
    start(intake, "a", *intake.grid.cells)
    intake.take_in(report("a", is_leaving=True))
    assert intake.members == {} and intake.fleet.dropped == {}
    assert intake.dealer.waiting() == [0] and len(intake.dealer._paused[0]) == 3


def test_one_that_cannot_write_is_dropped_while_there_are_others(intake):
    one, *_ = cells = intake.grid.cells
    start(intake, "a", *cells)
    intake.take_in(report("b"))
    intake.take_in(report("a", results=[result(one)], refusal=FULL))
    assert list(intake.members) == ["b"]
    assert "cannot write to the run directory: No space" in intake.fleet.dropped["a"]
    assert one.id in intake.ledger  # what it handed over counts


def test_a_result_whose_snapshots_may_be_lost_is_trained_by_others(intake):
    one, two, three = intake.grid.cells
    intake.grid = dataclasses.replace(intake.grid, kept={one.kin})
    start(intake, "a", one, two, three)
    intake.take_in(report("b"))
    intake.take_in(report("a", results=[result(one), result(two)], refusal=FULL))
    assert [row["id"] for row in intake.ledger.rows()] == [two.id]
    assert intake.dealer._paused[0].keys() == {one.id, three.id}


def test_when_nobody_can_write_that_is_an_error(intake):
    one, *_ = cells = intake.grid.cells
    start(intake, "a", *cells)
    with pytest.raises(OSError, match="No space left"):
        intake.take_in(report("a", results=[result(one)], refusal=FULL))
    assert list(intake.fleet.dropped) == ["a"]
    assert one.id in intake.ledger


def test_processes_of_one_machine_share_its_disk(intake):
    intake.fleet.invitation = ""
    for worker in "ab":
        intake.take_in(report(worker))
    with pytest.raises(OSError, match="No space left"):
        intake.take_in(report("a", refusal=FULL))


def test_one_of_other_bits_is_dropped_and_its_cells_wait(intake):
    intake.take_in(report("a", Progress(0, canary="x")))
    start(intake, "b", *intake.grid.cells)
    intake.take_in(report("b", Progress(0, canary="y")))
    assert intake.fleet.dropped == {
        "b": "its results differ from those of a in their last bits"
    }
    assert len(intake.dealer._paused[0]) == 3


def test_a_worker_that_fails_is_replaced_until_three_have(intake):
    for number in range(1, MOST_FAILURES):
        intake.take_in(report(f"w{number}"))
        intake.take_in(Loss(f"w{number}", "ZeroDivisionError: of a loss", True))
    # That others are lost, or refused, is no failure of what is trained.
    for _ in range(5):
        intake.take_in(Loss("lost", "it does not answer any more"))
    with pytest.raises(WorkersFailed, match="3 workers failed: ZeroDivisionError: of"):
        intake.take_in(Loss("w3", "ZeroDivisionError: of a loss", True))


def test_workers_that_fail_once_in_a_while_do_not_end_a_sweep(intake):
    """Among hundreds of machines, some day one is broken."""
    cell = intake.grid.cells[0]
    start(intake, "a", cell)
    for name in ("w1", "w2"):
        intake.take_in(Loss(name, "OSError: a bus", is_crash=True))
    intake.take_in(report("a", results=[result(cell)]))
    for name in ("w3", "w4"):
        intake.take_in(Loss(name, "OSError: a bus", is_crash=True))
    with pytest.raises(WorkersFailed):
        intake.take_in(Loss("w5", "OSError: a bus", is_crash=True))


def test_a_seat_that_is_opening_is_no_answer_of_its_group(intake):
    intake.take_in(report("a"))
    intake.openings.begin(("a", 0), None, 0)
    intake.take_in(report("a", Progress(0, is_opening=True)))
    assert intake.openings.groups == {0}
    assert intake.members["a"].seats[0].is_opening
    intake.take_in(report("a", Progress(0, 4, 4)))
    assert intake.openings.groups == set()
