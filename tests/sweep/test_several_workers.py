"""However workers join, leave, fail and are lost, a sweep has the same bytes."""

import fleets
import jax
import pytest

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.engine import sizing
from jaxgrok.fleet import chores
from jaxgrok.fleet.chores import Period
from jaxgrok.fleet.messages import (
    Loss,
    Order,
    Progress,
    Refusal,
    Report,
)
from jaxgrok.fleet.worker import Worker
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.sweep import coordinator, crew, run
from runs import FIELDS, StopAfter, same


@pytest.fixture
def worker(tmp_path):
    """Makes real workers of FIELDS, whose lanes are few."""
    resolved = grid.resolve(tiny.config(**FIELDS))

    def build(group, n_cells, at_most=None):
        return sizing.build(
            group.setup, block_width=group.block_width, cells=n_cells, blocks=1
        )

    def make(name, *, seats=1, engines=build):
        return Worker(resolved, [engines] * seats, tmp_path / "a", name)

    make.grid, make.build = resolved, build
    return make


def moments(monkeypatch):
    """Let every dispatch be a step, and save only when that is asked for."""
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", 0.0)
    monkeypatch.setitem(chores.PERIODS, "save", Period(1e9, spacing=0))


def test_workers_with_several_seats_train_to_the_same_bits(whole, tmp_path, worker):
    fleet = fleets.Turns(
        worker("a", seats=2), worker("b"), events={6: lambda f: f.join(worker("c"))}
    )
    assert fleets.train(tmp_path / "a", worker.grid, fleet)
    same(tmp_path / "a", whole)
    # No cell was trained twice.
    assert read_manifest(tmp_path / "a").usage.busy == read_manifest(whole).usage.busy


@pytest.mark.parametrize("saved_before", [False, True])
def test_the_cells_of_a_lost_worker_go_on_from_their_last_save(
    whole, tmp_path, monkeypatch, worker, saved_before
):
    moments(monkeypatch)
    lost, other, starts = worker("a"), worker("b"), {}
    do = other.do

    def lose(fleet):
        starts["held"] = set(fleet.coordinator.intake.members["a"].cells)
        fleet.lose("a")

    def save(fleet):
        # The cells that start later are in no save.
        order = fleet.orders["a"]
        fleet.orders["a"] = order._replace(save=True)

    def noted(order):
        for assignment in order.assignments.values():
            starts.update(assignment.start)
        return do(order)

    other.do = noted
    events = {40: lose} | ({30: save} if saved_before else {})
    assert fleets.train(
        tmp_path / "a", worker.grid, fleets.Turns(lost, other, events=events)
    )
    same(tmp_path / "a", whole)
    held = starts.pop("held")
    assert len(held) == 2 and held <= starts.keys()
    assert {starts[cell_id] is not None for cell_id in held} == {saved_before}


def test_all_workers_may_be_lost_and_others_come(whole, tmp_path, monkeypatch, worker):
    moments(monkeypatch)
    events = {
        20: lambda fleet: (fleet.lose("a"), fleet.lose("b")),
        30: lambda fleet: fleet.join(worker("c", seats=2)),
    }
    fleet = fleets.Turns(worker("a"), worker("b"), events=events)
    assert fleets.train(tmp_path / "a", worker.grid, fleet)
    same(tmp_path / "a", whole)


def test_a_fleet_that_is_stopped_goes_on_as_another_fleet(
    whole, tmp_path, monkeypatch, worker
):
    moments(monkeypatch)
    first = fleets.Turns(worker("a", seats=2), worker("b"))
    assert not fleets.train(tmp_path / "a", worker.grid, first, stop=StopAfter(30))
    cells = {}
    for path in (tmp_path / "a" / "resume").iterdir():
        assert path.stem[-2:] in ("-a", "-b")
        cells[path.stem[-1]] = path
    assert set(cells) == {"a", "b"}
    assert fleets.train(tmp_path / "a", worker.grid, fleets.Turns(worker("c")))
    same(tmp_path / "a", whole)


def without_room(worker):
    """Let a worker's disk refuse every save."""
    do, refusal = worker.do, Refusal(28, "No space left on device")
    worker.do = lambda order: do(order)._replace(saved={}, refusal=refusal)
    return worker


@pytest.mark.parametrize("late", [False, True])
def test_one_that_cannot_write_ends_a_run_that_has_no_others(
    whole, tmp_path, monkeypatch, worker, late
):
    moments(monkeypatch)
    one = without_room(worker("a"))
    events = {12: lambda fleet: fleet.join(one)} if late else {}
    fleet = fleets.Turns(worker("b"), *([] if late else [one]), events=events)
    fleet.invitation = ""
    with pytest.raises(OSError, match="No space left"):
        fleets.train(tmp_path / "a", worker.grid, fleet)
    # What others had to save is saved.
    assert [p.stem[-2:] for p in (tmp_path / "a" / "resume").iterdir()] == ["-b"]
    assert fleets.train(tmp_path / "a", worker.grid, fleets.Turns(worker("c")))
    same(tmp_path / "a", whole)


def test_others_take_over_from_one_that_cannot_write(
    whole, tmp_path, monkeypatch, worker
):
    moments(monkeypatch)
    fleet = fleets.Turns(without_room(worker("a")), worker("b"))
    assert fleets.train(tmp_path / "a", worker.grid, fleet)
    assert list(fleet.workers) == ["b"]
    same(tmp_path / "a", whole)


def test_when_nobody_can_write_a_sweep_ends(tmp_path, monkeypatch, worker):
    moments(monkeypatch)
    monkeypatch.setitem(chores.PERIODS, "save", Period(0.0, spacing=0))
    fleet = fleets.Turns(without_room(worker("a")), without_room(worker("b")))
    with pytest.raises(OSError, match="No space left"):
        fleets.train(tmp_path / "a", worker.grid, fleet)
    assert fleet.workers == {}


def refusing(group, n_cells, at_most=None):
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")


def test_what_one_worker_cannot_train_is_trained_by_another(whole, tmp_path, worker):
    small = worker("a", engines=refusing)
    assert fleets.train(tmp_path / "a", worker.grid, fleets.Turns(small, worker("b")))
    same(tmp_path / "a", whole)


def statuses(path):
    return set(jaxgrok.cells(path).status)


def test_a_group_fails_when_nobody_is_left_to_train_it(whole, tmp_path, worker):
    small = worker("a", engines=refusing)
    assert fleets.train(tmp_path / "a", worker.grid, fleets.Turns(small))
    assert statuses(tmp_path / "a") == {"failed"}
    # The next run tries again.
    assert fleets.train(tmp_path / "a", worker.grid, fleets.Turns(worker("b")))
    same(tmp_path / "a", whole)


def test_a_group_fails_when_the_only_one_that_could_train_it_is_lost(
    tmp_path, monkeypatch, worker
):
    moments(monkeypatch)
    events = {20: lambda fleet: fleet.lose("b")}
    fleet = fleets.Turns(worker("a", engines=refusing), worker("b"), events=events)
    assert fleets.train(tmp_path / "a", worker.grid, fleet)
    assert "failed" in statuses(tmp_path / "a")


def test_a_group_fails_for_all_after_three_workers(tmp_path, worker):
    many = [worker(name, engines=refusing) for name in "abc"]
    late = {9: lambda fleet: fleet.join(worker("d"))}
    assert fleets.train(tmp_path / "a", worker.grid, fleets.Turns(*many, events=late))
    assert statuses(tmp_path / "a") == {"failed"}


def test_one_that_leaves_hands_its_cells_over_at_once(
    whole, tmp_path, monkeypatch, worker
):
    moments(monkeypatch)
    first, lost = worker("a"), []
    do = first.do

    def leave(order):
        """As a node does that is asked to end while it works."""
        report = do(order)
        last = do(Order({}, save=True))
        lost.extend(last.saved)
        return report._replace(saved=last.saved, is_leaving=True)

    def asked(fleet):
        first.do = leave

    events = {20: asked, 21: lambda fleet: fleet.join(worker("b"))}
    fleet = fleets.Turns(first, events=events)
    assert fleets.train(tmp_path / "a", worker.grid, fleet)
    assert len(lost) == 2
    same(tmp_path / "a", whole)
    # Nothing was trained twice.
    assert read_manifest(tmp_path / "a").usage.busy == read_manifest(whole).usage.busy


def test_a_seat_that_is_opening_is_asked_until_it_is_open(tmp_path, worker):
    slow, answers = worker("a"), []
    do = slow.do

    def opening(order):
        if len(answers) < 3 and order.assignments:
            answers.append(order.assignments[0])
            seats = {0: Progress(order.assignments[0].group, is_opening=True)}
            return Report("a", fleets.CPU, seats)
        return do(order)

    slow.do = opening
    assert fleets.train(tmp_path / "a", worker.grid, fleets.Turns(slow))
    assert len(answers) == 3
    # It opens at once, and is then asked to stay at it for a moment.
    assert [answer.seconds for answer in answers] == [None, 1.0, 1.0]
    alike = {repr(answer._replace(seconds=None)) for answer in answers}
    assert len(alike) == 1
    assert not any(answer.start for answer in answers)
    assert statuses(tmp_path / "a") == {"done"}


class Crashing(fleets.Turns):
    """Every worker raises an error; another one takes its place."""

    def next(self):
        if self.orders:
            name = next(iter(self.orders))
            self.orders.pop(name)
            del self.workers[name]
            self.news.append(Loss(name, "ZeroDivisionError: of a loss", is_crash=True))
            self.join(self.make(f"{name}+"))
        return super().next()


def test_three_workers_that_fail_one_after_the_other_end_a_sweep(
    tmp_path, monkeypatch, worker, capsys
):
    fleet = Crashing(worker("a"))
    fleet.make = worker
    monkeypatch.setattr(crew, "_local", lambda *_: fleet)
    with pytest.raises(run.Interrupted) as caught:
        jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a")
    words = "3 workers failed: ZeroDivisionError: of a loss; 0 cells finished; logs say"
    assert str(caught.value).startswith(words) and caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().err.count(" is gone: ZeroDivisionError") == 3
