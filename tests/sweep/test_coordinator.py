"""What a coordinator assigns: every cell once, and the same bytes however it goes."""

import functools
import itertools
import os
import random
import tempfile
import threading
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from unittest import mock

import fleets
import jax
import numpy as np
import pytest
from handmade import SCHEMA, result
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import jaxgrok
import tiny
from jaxgrok import grid
from jaxgrok.crossover.find import padded_to_largest
from jaxgrok.crossover.queue import CrossoverQueue
from jaxgrok.crossover.search import Search
from jaxgrok.crossover.settings import settings_of_grid
from jaxgrok.engine import sizing
from jaxgrok.engine.engine import Engine, ResumeState
from jaxgrok.fleet import chores
from jaxgrok.fleet.chores import Period
from jaxgrok.fleet.messages import (
    Assignment,
    Loss,
    Order,
    Progress,
    Refusal,
    Report,
)
from jaxgrok.fleet.worker import Worker
from jaxgrok.results.files import resume
from jaxgrok.results.files.manifest import read_manifest
from jaxgrok.results.files.resume import Resumable
from jaxgrok.results.files.saved_lanes import LanePlace, SavedLane
from jaxgrok.results.finished_cell import CallbackFailed
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.sweep import coordinator, run
from jaxgrok.sweep.archive import Archive
from jaxgrok.sweep.longest_first import Everything
from runs import FIELDS, StopAfter, same
from searches import TINY, WIDTH

# Bits are compared, so the programs are those that users get.
pytestmark = pytest.mark.usefixtures("shipped")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole")
    jaxgrok.run(tiny.config(**FIELDS), path, blocks=2, quiet=True)
    return path


@pytest.mark.parametrize("answer", [0.0, 100.0])
def test_running_ahead_changes_no_bit_and_overruns_no_lane(
    tmp_path, monkeypatch, answer
):
    fields = {"seed": (0, 1, 2), "steps": (20, 60), "steps_past_grok": 10}
    fields |= {"accuracy_threshold": 0.05, "init_scale": (1.0, 1e30)}
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", 0.0)
    jaxgrok.run(tiny.config(**fields), tmp_path / "a", blocks=1, quiet=True)
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", answer)
    dataset = jaxgrok.run(tiny.config(**fields), tmp_path / "b", blocks=1, quiet=True)
    same(tmp_path / "a", tmp_path / "b")
    assert {"done", "diverged"} == set(dataset.status.values.ravel())
    assert len(set(dataset.steps.values.ravel())) > 2


@pytest.mark.parametrize("asked", [1, 2, 5, 9])
def test_stopped_anywhere_it_goes_on_to_the_same_bytes(
    whole, tmp_path, monkeypatch, asked
):
    out = tmp_path / "a[1]"  # no pattern of names
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", 0.0)  # a step a dispatch
    monkeypatch.setitem(chores.PERIODS, "flush", Period(0.0, spacing=10))

    @contextmanager
    def stopping():
        yield StopAfter(7 * asked)

    with monkeypatch.context() as patch:
        patch.setattr(run, "asked_to_stop", stopping)
        with pytest.raises(run.Interrupted):
            jaxgrok.run(tiny.config(**FIELDS), out, blocks=1, quiet=True)
    jaxgrok.run(tiny.config(**FIELDS), out, blocks=1, quiet=True)
    same(out, whole)
    assert not (out / "resume").exists()


@pytest.mark.parametrize("asked", [14, 21])
def test_paused_cells_that_find_no_lane_go_on_later(
    whole, tmp_path, monkeypatch, asked
):
    monkeypatch.setattr(coordinator, "ANSWER_SECONDS", 0.0)
    adopted, adopt = [], Engine.adopt

    @contextmanager
    def stopping():
        yield StopAfter(asked)

    def noted(self, states):
        adopted.append(len(states))
        adopt(self, states)

    with monkeypatch.context() as patch:
        patch.setattr(run, "asked_to_stop", stopping)
        with pytest.raises(run.Interrupted):
            jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", blocks=2, quiet=True)
    monkeypatch.setattr(Engine, "adopt", noted)
    jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", blocks=1, quiet=True)
    same(tmp_path / "a", whole)
    counts = [count for count in adopted if count]
    assert (counts[0], sum(counts)) == (2, 4)


def test_a_failing_program_is_reported_and_tried_again(tmp_path, monkeypatch, capsys):
    def broken(*_):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory\ndetails")

    with monkeypatch.context() as patch:
        patch.setattr(sizing, "Engine", lambda *_, **__: broken())
        dataset = jaxgrok.run(tiny.config(seed=(0, 1)), tmp_path / "a")
    assert (dataset.status == "failed").all()
    [cause] = set(dataset.cause.values.ravel())
    assert "--grid.block_width=1 (RESOURCE_EXHAUSTED: out of memory)" in cause
    assert f"failed: {cause}\n" in capsys.readouterr().err
    dataset = jaxgrok.run(tiny.config(seed=(0, 1)), tmp_path / "a", quiet=True)
    assert (dataset.status == "done").all()


def test_the_longest_expected_cells_go_first(tmp_path, monkeypatch):
    admitted = []
    admit = Engine.admit

    def noted(self, lanes):
        admitted.extend((int(x.steps), float(x.weight_decay)) for x in lanes.values())
        return admit(self, lanes)

    monkeypatch.setattr(Engine, "admit", noted)
    config = tiny.config(steps=(10, 30), weight_decay=(0.0, 1.0), seed=(0, 1, 2))
    jaxgrok.run(config, tmp_path / "a", blocks=1, quiet=True)
    assert admitted[:2] == [(30, 0.0), (30, 1.0)]
    assert [steps for steps, _ in admitted] == 6 * [30] + 6 * [10]


def test_a_callback_gets_every_cell_once_with_its_curves(tmp_path):
    cells = []
    config = tiny.config(seed=(0, 1, 2))
    options = {"blocks": 1, "quiet": True, "on_cell": cells.append}
    dataset = jaxgrok.run(config, tmp_path / "a", **options)
    assert [(cell.done, cell.total) for cell in cells] == [(1, 3), (2, 3), (3, 3)]
    assert sorted(cell.axes["seed"] for cell in cells) == [0, 1, 2]
    for cell in cells:
        losses = dataset.test_loss.squeeze().sel(seed=cell.axes["seed"])
        np.testing.assert_array_equal(cell.curves["test_loss"], losses)
    jaxgrok.run(config, tmp_path / "a", **options)
    assert len(cells) == 3


def test_a_callback_that_fails_costs_no_cell(whole, tmp_path):
    seen = []

    def log(cell):
        seen.append(cell.index)
        if len(seen) == 2:
            raise ConnectionError("no network")

    options = {"blocks": 1, "quiet": True, "on_cell": log}
    with pytest.raises(CallbackFailed, match=r"ConnectionError: no network.*is saved"):
        jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", **options)
    assert len(jaxgrok.cells(tmp_path / "a")) >= 2
    jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a", **options)
    same(tmp_path / "a", whole)


def test_cells_that_fail_are_handed_over_too(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    monkeypatch.setattr(sizing, "Engine", broken)
    cells = []
    config = tiny.config(seed=(0, 1))
    jaxgrok.run(config, tmp_path / "a", quiet=True, on_cell=cells.append)
    assert [cell.row["status"] for cell in cells] == ["failed"] * 2
    assert [cell.curves["step"].size for cell in cells] == [0, 0]


class Script:
    """A fleet whose worker answers as written, and that notes what it was sent."""

    outlives_workers, invitation = False, ""

    def __init__(self, *answers):
        self.answers, self.sent = list(answers), []

    def next(self):
        return self.answers.pop(0)

    def send(self, worker, order):
        self.sent.append(order)


def report(progress, *results):
    return Report("a", fleets.CPU, {0: progress}, results)


def test_nothing_new_starts_beside_a_lane_that_was_saved_inside_a_chunk(tmp_path):
    resolved = grid.resolve(tiny.config(seed=(0, 1, 2, 3)))
    one, two, three, four = resolved.cells
    free = Progress(0, lanes=4, free=4)
    ahead = free._replace(free=3, busy={two.id: 20})
    lanes = {
        cell.id: SavedLane(ResumeState(offset, [np.zeros(1)]), np.zeros((2, 5)))
        for cell, offset in ((two, 4), (three, 0))
    }
    results = [result(cell) for cell in resolved.cells]
    fleet = Script(
        report(Progress()),
        report(free),
        report(ahead),
        report(free, *results),
        report(free),
    )
    with RunDirectory(tmp_path / "a") as directory:
        Archive(resolved, directory).write_manifest()
    resume.save(tmp_path / "a", "a", Resumable(lanes, {}, {}), eval_every=10)
    assert train(tmp_path / "a", resolved, fleet)
    assert fleet.sent[0] == Order({0: Assignment(0, n_cells=4)})
    assert [list(order.assignments[0].start) for order in fleet.sent[1:-1]] == [
        [two.id],
        [three.id, one.id, four.id],
    ]


def train(path, resolved, fleet, queue=Everything, stop=None):
    """Train a grid by a fleet, whether or not to its end; draw no figures."""
    with RunDirectory(path) as directory:
        archive = Archive(resolved, directory)
        trained = coordinator.Coordinator(resolved, archive, fleet, queue, quiet=True)
        fleet.coordinator = trained
        with closing(fleet) if hasattr(fleet, "close") else nullcontext():
            return trained.train(stop or threading.Event())


@pytest.fixture
def worker(tmp_path):
    """Makes real workers of FIELDS, whose lanes are few."""
    resolved = grid.resolve(tiny.config(**FIELDS))

    def build(group, n_cells):
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
    assert train(tmp_path / "a", worker.grid, fleet)
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
    assert train(tmp_path / "a", worker.grid, fleets.Turns(lost, other, events=events))
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
    assert train(tmp_path / "a", worker.grid, fleet)
    same(tmp_path / "a", whole)


def test_a_fleet_that_is_stopped_goes_on_as_another_fleet(
    whole, tmp_path, monkeypatch, worker
):
    moments(monkeypatch)
    first = fleets.Turns(worker("a", seats=2), worker("b"))
    assert not train(tmp_path / "a", worker.grid, first, stop=StopAfter(30))
    cells = {}
    for path in (tmp_path / "a" / "resume").iterdir():
        assert path.stem[-2:] in ("-a", "-b")
        cells[path.stem[-1]] = path
    assert set(cells) == {"a", "b"}
    assert train(tmp_path / "a", worker.grid, fleets.Turns(worker("c")))
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
        train(tmp_path / "a", worker.grid, fleet)
    # What others had to save is saved.
    assert [p.stem[-2:] for p in (tmp_path / "a" / "resume").iterdir()] == ["-b"]
    assert train(tmp_path / "a", worker.grid, fleets.Turns(worker("c")))
    same(tmp_path / "a", whole)


def test_others_take_over_from_one_that_cannot_write(
    whole, tmp_path, monkeypatch, worker
):
    moments(monkeypatch)
    fleet = fleets.Turns(without_room(worker("a")), worker("b"))
    assert train(tmp_path / "a", worker.grid, fleet)
    assert list(fleet.workers) == ["b"]
    same(tmp_path / "a", whole)


def test_when_nobody_can_write_a_sweep_ends(tmp_path, monkeypatch, worker):
    moments(monkeypatch)
    monkeypatch.setitem(chores.PERIODS, "save", Period(0.0, spacing=0))
    fleet = fleets.Turns(without_room(worker("a")), without_room(worker("b")))
    with pytest.raises(OSError, match="No space left"):
        train(tmp_path / "a", worker.grid, fleet)
    assert fleet.workers == {}


def refusing(group, n_cells):
    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")


def test_what_one_worker_cannot_train_is_trained_by_another(whole, tmp_path, worker):
    small = worker("a", engines=refusing)
    assert train(tmp_path / "a", worker.grid, fleets.Turns(small, worker("b")))
    same(tmp_path / "a", whole)


def statuses(path):
    return set(jaxgrok.cells(path).status)


def test_a_group_fails_when_nobody_is_left_to_train_it(whole, tmp_path, worker):
    small = worker("a", engines=refusing)
    assert train(tmp_path / "a", worker.grid, fleets.Turns(small))
    assert statuses(tmp_path / "a") == {"failed"}
    # The next run tries again.
    assert train(tmp_path / "a", worker.grid, fleets.Turns(worker("b")))
    same(tmp_path / "a", whole)


def test_a_group_fails_when_the_only_one_that_could_train_it_is_lost(
    tmp_path, monkeypatch, worker
):
    moments(monkeypatch)
    events = {20: lambda fleet: fleet.lose("b")}
    fleet = fleets.Turns(worker("a", engines=refusing), worker("b"), events=events)
    assert train(tmp_path / "a", worker.grid, fleet)
    assert "failed" in statuses(tmp_path / "a")


def test_a_group_fails_for_all_after_three_workers(tmp_path, worker):
    many = [worker(name, engines=refusing) for name in "abc"]
    late = {9: lambda fleet: fleet.join(worker("d"))}
    assert train(tmp_path / "a", worker.grid, fleets.Turns(*many, events=late))
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
    assert train(tmp_path / "a", worker.grid, fleet)
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
    assert train(tmp_path / "a", worker.grid, fleets.Turns(slow))
    assert len(answers) == 3 and len(set(map(repr, answers))) == 1
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
    monkeypatch.setattr(run, "_local", lambda *_: fleet)
    with pytest.raises(run.Interrupted) as caught:
        jaxgrok.run(tiny.config(**FIELDS), tmp_path / "a")
    words = "3 workers failed: ZeroDivisionError: of a loss; 0 cells finished; logs say"
    assert str(caught.value).startswith(words) and caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().err.count(" is gone: ZeroDivisionError") == 3


class Watched(fleets.Turns):
    """Pretenders in turn, of which no cell is both held and waiting."""

    def next(self):
        assert self.count < 2_000, "it does not end"
        dealer, members = self.coordinator.dealer, self.coordinator.members
        waiting = set().union(*dealer._paused)
        held = [cell_id for member in members.values() for cell_id in member.cells]
        assert len(set(held)) == len(held)
        assert not waiting & set(held)
        return super().next()

    def lose(self, name):
        self.workers[name].vanish()
        super().lose(name)


EXAMPLES = 20
ACTIONS = st.sampled_from(["join", "lose", "join one that fails"])
THRESHOLD = 24
"""Examples from which cells grok, where a search looks for that."""


def groks(cell):
    return cell.lane["n_train"] >= THRESHOLD


def length(cell):
    """Steps after which a cell ends: the more examples, the sooner it groks."""
    return 20 + 10 * (cell.lane["seed"] % 2) if groks(cell) else cell.lane["steps"]


def ended(cell, status):
    """A result whose curves grok, if the cell has examples enough."""
    made = result(cell, evals=1 + length(cell) // 10, status=status)
    if groks(cell) and status == "done":
        for name in ("train_accuracy", "test_accuracy"):
            made.records[1:, SCHEMA.columns(name)] = 1
    return made


def go_through(path, resolved, queue, events, chance, *, endings, stop_at=None):
    """Train by pretenders that come and go; return the rows of all cells.

    Args:
        path: the run directory.
        resolved: what to train.
        queue: makes the queue.
        events: what happens before which news.
        chance: decides what is left open.
        endings: takes the statuses of all results, by cell.
        stop_at: news before which the user stops it.
    """
    stop, holders, names = threading.Event(), {}, itertools.count()

    def note(cell, status):
        endings.setdefault(cell.id, []).append(status)
        return ended(cell, status)

    def pretender(fails=()):
        return fleets.Pretender(
            f"w{next(names)}",
            resolved,
            length,
            note,
            holders,
            seats=chance.randint(1, 2),
            lanes=chance.randint(1, 4),
            saves=lambda: chance.random() < 0.3,
            place=lambda cell_id, steps: LanePlace("resume/no.npz", cell_id, steps),
            fails=fails,
        )

    def act(action, fleet):
        if action == "join":
            fleet.join(pretender())
        elif action == "join one that fails":
            fleet.join(pretender({0: "too wide"}))
        elif fleet.workers:
            fleet.lose(chance.choice(list(fleet.workers)))

    calls = {at: functools.partial(act, action) for at, action in events.items()}
    calls |= {100: lambda fleet: fleet.join(pretender())}  # so that it can end
    if stop_at:
        calls |= {stop_at: lambda fleet: stop.set()}
    fleet = Watched(pretender(), events=calls)
    # Hundreds of small runs, which no loss of power will cut off.
    with mock.patch.object(os, "fsync"):
        is_over = train(path, resolved, fleet, queue, stop)
    assert is_over or stop.is_set()
    assert not (is_over and holders)
    return fleet.coordinator.archive.ledger.rows()


@settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.generate])
@given(
    st.dictionaries(st.integers(2, 40), ACTIONS, max_size=12),
    st.integers(0, 1_000).map(random.Random),
    st.one_of(st.none(), st.integers(3, 20)),
)
def test_however_workers_come_and_go_every_cell_has_one_row(events, chance, stop_at):
    resolved = grid.resolve(tiny.config(seed=(0, 1, 2), steps=(20, 40), layers=(1, 2)))
    endings = {}
    with tempfile.TemporaryDirectory() as folder:
        go = functools.partial(go_through, Path(folder) / "a", resolved, Everything)
        rows = go(events, chance, endings=endings, stop_at=stop_at)
        if stop_at:
            rows = go({}, chance, endings=endings)
    assert [row["id"] for row in rows] == [cell.id for cell in resolved.cells]
    assert all(statuses == ["done"] for statuses in endings.values())
    failed = {row["id"] for row in rows if row["status"] != "done"}
    assert {row["id"] for row in rows} - failed == endings.keys()
    assert not failed or "join one that fails" in events.values()
    assert failed <= {cell.id for cell in resolved.groups[0].cells}


def search_queue(resolved, pace):
    search = Search(settings_of_grid(resolved), width=WIDTH)
    return CrossoverQueue(search, resolved, pace)


@functools.cache
def searched():
    """What a search looks through."""
    return grid.resolve(padded_to_largest(tiny.config(**TINY)))


@settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.generate])
@given(
    st.dictionaries(st.integers(2, 40), ACTIONS, max_size=12),
    st.integers(0, 1_000).map(random.Random),
)
def test_however_workers_come_and_go_a_search_ends(events, chance):
    resolved, endings = searched(), {}
    with tempfile.TemporaryDirectory() as folder:
        rows = go_through(
            Path(folder) / "a", resolved, search_queue, events, chance, endings=endings
        )
    # A cell is trained again only after it was stopped.
    for statuses in endings.values():
        assert set(statuses[:-1]) <= {"stopped"}
    failed = [row for row in rows if row["status"] == "failed"]
    assert not failed or "join one that fails" in events.values()
    assert len(rows) - len(failed) <= len(endings) <= len(rows)
    assert failed or len(rows) < len(resolved.cells)


def test_a_search_stops_cells_wherever_they_are(tmp_path):
    resolved, stopped, holders = searched(), {}, {}

    def pretender(name):
        def note(cell, status):
            if status == "stopped":
                stopped.setdefault(name, []).append(cell.id)
            return ended(cell, status)

        return fleets.Pretender(
            name,
            resolved,
            length,
            note,
            holders,
            lanes=8,
            saves=lambda: False,
            place=None,
        )

    fleet = Watched(*map(pretender, "ab"))
    assert train(tmp_path, resolved, fleet, search_queue)
    assert set(stopped) == {"a", "b"}
    again = [cell_id for cells in stopped.values() for cell_id in cells]
    assert len(set(again)) == len(again)
