"""Which group a seat opens, and which cells start in its lanes."""

from collections import Counter

import fleets
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine.pace import Pace
from jaxgrok.fleet.messages import Progress, Report
from jaxgrok.results.files.saved_lanes import LanePlace
from jaxgrok.sweep.dealer import MOST_FAILURES, Dealer
from jaxgrok.sweep.longest_first import Everything
from jaxgrok.sweep.members import Member

NOWHERE = Counter()


class Search(Everything):
    """A queue whose stops, and whose cells asked for again, are up to the test."""

    stops_cells = True

    def __init__(self, resolved):
        super().__init__(resolved, Pace())
        self.stops, self.again = {}, []

    def needless(self, steps):
        stops, self.stops = self.stops, {}
        return stops

    def take(self, group, free):
        again, self.again = self.again[:free], self.again[free:]
        return [*again, *super().take(group, free - len(again))]


@pytest.fixture
def resolved():
    """Two groups, of one layer and of two."""
    depths = tiny.config(seed=(0, 1, 2), steps=(20, 40), layers=(1, 2))
    return grid.resolve(depths)


@pytest.fixture
def deal(resolved):
    queue = Search(resolved)
    dealer = Dealer(resolved, queue, lambda cell_id: None)
    return dealer, queue


def place(step, offset=0):
    return LanePlace("resume/1-a.npz", "x", step, offset)


def ids(resolved, group=0):
    return [cell.id for cell in resolved.groups[group].cells]


def members(*names):
    greetings = [Report(name, fleets.CPU, {0: Progress()}) for name in names]
    return {greeting.worker: Member(greeting) for greeting in greetings}


def at(group, free, busy=(), *, between_chunks=True):
    return Progress(
        group, 4, free, between_chunks=between_chunks, busy=dict.fromkeys(busy, 10)
    )


def test_free_lanes_take_each_cell_once_until_the_group_is_over(resolved, deal):
    dealer, _ = deal
    first = dealer.go_on(at(0, 4), seconds=1.0)
    assert (first.group, first.seconds, len(first.start)) == (0, 1.0, 4)
    assert dealer.take_started() == dict.fromkeys(first.start, 0)
    assert dealer.take_started() == {}
    second = dealer.go_on(at(0, 4), seconds=1.0)
    assert {*first.start, *second.start} == set(ids(resolved))
    assert len(first.start) + len(second.start) == len(ids(resolved))
    assert dealer.go_on(at(0, 2, list(second.start)), 1.0).start == {}
    assert dealer.go_on(at(0, 4), 1.0) is None
    assert dealer.waiting() == [1]


def test_inside_a_chunk_nothing_starts_and_nothing_stops(resolved, deal):
    dealer, queue = deal
    one, *_ = ids(resolved)
    queue.stops = {one: "needless"}
    dealer.stop_needless({one: 4})
    inside = dealer.go_on(at(0, 0, [one], between_chunks=False), 1.0)
    assert (inside.start, inside.stop) == ({}, {})
    assert dealer.go_on(at(0, 3, [one]), 1.0).stop == {one: "needless"}
    assert dealer.go_on(at(0, 3, [one]), 1.0).stop == {}


def test_paused_cells_go_first_and_from_where_they_were_saved(resolved, deal):
    dealer, queue = deal
    *_, one, two = ids(resolved)
    for cell_id, saved in ((one, place(20)), (two, None)):
        queue.resumed(dealer_cell(resolved, cell_id))
        dealer.pause(cell_id, saved)
    start = dealer.go_on(at(0, 3), 1.0).start
    assert list(start)[:2] == [one, two] and len(start) == 3
    assert (start[one], start[two]) == (place(20), None)
    assert dealer.take_started()[one] == 20


def dealer_cell(resolved, cell_id):
    return next(cell for cell in resolved.cells if cell.id == cell_id)


def test_nothing_starts_beside_a_lane_that_was_saved_inside_a_chunk(resolved, deal):
    dealer, queue = deal
    one, two, three, *_ = ids(resolved)
    for cell_id, saved in (
        (one, place(14, 4)),
        (two, place(10)),
        (three, place(24, 4)),
    ):
        queue.resumed(dealer_cell(resolved, cell_id))
        dealer.pause(cell_id, saved)
    assert list(dealer.go_on(at(0, 4), 1.0).start) == [one, three]
    # Lanes beside others are at an evaluation, so that these two wait for an idle seat.
    beside = dealer.go_on(at(0, 2, [one, three]), 1.0)
    assert next(iter(beside.start)) == two


def test_a_seat_opens_what_has_most_work_for_a_seat(resolved, deal):
    dealer, queue = deal
    work = [queue.work(group) for group in resolved.groups]
    assert sorted(work) == work or sorted(work, reverse=True) == work
    most = work.index(max(work))
    first = dealer.open("a", NOWHERE, set())
    assert (first.group, first.n_cells, first.start) == (most, 6, {})
    assert dealer.open("a", Counter({most: 100}), set()).group != most


def test_others_open_another_group_while_one_is_compiled(resolved, deal):
    dealer, _ = deal
    first = dealer.open("a", NOWHERE, set()).group
    assert dealer.open("b", NOWHERE, {first}).group != first
    # Where there is no other, waiting would be longer.
    assert dealer.open("c", NOWHERE, {0, 1}).group in (0, 1)


def test_groups_of_paused_cells_open_first(resolved, deal):
    dealer, _ = deal
    least = 1 - dealer.open("a", NOWHERE, set()).group
    dealer.pause(ids(resolved, least)[0], None)
    assert dealer.open("a", NOWHERE, set()).group == least


def test_a_worker_does_not_open_again_what_it_cannot_train(resolved, deal):
    dealer, _ = deal
    first = dealer.open("a", NOWHERE, set()).group
    dealer.fail(first, "a", "too wide")
    assert dealer.open("a", NOWHERE, set()).group != first
    assert dealer.open("b", NOWHERE, set()).group == first
    dealer.fail(1 - first, "a", "too wide")
    assert dealer.open("a", NOWHERE, set()) is None


def test_a_group_is_hopeless_when_nobody_is_left_to_train_it(deal):
    dealer, _ = deal
    assert dealer.hopeless(members("a")) == {}
    dealer.fail(0, "a", "too wide")
    assert dealer.hopeless(members("a", "b")) == {}
    assert dealer.hopeless({}) == {}  # Others may come.
    assert dealer.hopeless(members("a")) == {0: "too wide"}


def test_a_group_is_hopeless_when_many_have_failed(resolved, deal):
    dealer, _ = deal
    names = [str(index) for index in range(MOST_FAILURES)]
    for name in names:
        assert dealer.hopeless(members(*names, "new")) == {}
        dealer.fail(1, name, f"cause {name}")
    assert dealer.hopeless(members(*names, "new")) == {1: f"cause {names[-1]}"}
    while dealer.go_on(at(1, 4), 1.0):
        pass
    # Nothing of it waits any more.
    assert dealer.hopeless(members(*names)) == {}


def test_a_cell_that_is_wanted_again_before_it_was_stopped_goes_on(resolved, deal):
    dealer, queue = deal
    one, *_ = dealer.go_on(at(0, 4), 1.0).start
    queue.stops, queue.again = {one: "needless"}, [dealer_cell(resolved, one)]
    dealer.stop_needless({one: 10})
    # Another seat is asked first.
    assert one not in dealer.go_on(at(0, 2), 1.0).start
    assert dealer.go_on(at(0, 0, [one]), 1.0).stop == {}


def test_a_cell_that_is_wanted_again_while_it_stops_starts_after_that(resolved, deal):
    dealer, queue = deal
    one, *_ = dealer.go_on(at(0, 1), 1.0).start
    queue.stops, queue.again = {one: "needless"}, [dealer_cell(resolved, one)]
    dealer.stop_needless({one: 10})
    order = dealer.go_on(at(0, 0, [one]), 1.0)
    assert (order.stop, order.start) == ({one: "needless"}, {})
    assert one not in dealer.go_on(at(0, 4), 1.0).start
    dealer.ended(one)
    assert one in dealer.go_on(at(0, 4), 1.0).start


def test_a_cell_whose_worker_is_lost_as_it_stops_is_stopped_elsewhere(resolved, deal):
    dealer, queue = deal
    one, *_ = dealer.go_on(at(0, 1), 1.0).start
    queue.stops = {one: "needless"}
    dealer.stop_needless({one: 10})
    assert dealer.go_on(at(0, 0, [one]), 1.0).stop == {one: "needless"}
    dealer.pause(one, place(10))
    assert dealer.go_on(at(0, 1), 1.0).start == {one: place(10)}
    assert dealer.go_on(at(0, 0, [one]), 1.0).stop == {one: "needless"}
