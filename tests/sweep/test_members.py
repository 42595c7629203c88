"""A member holds the cells that were sent to it, until their results or its loss."""

from handmade import product, result

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.messages import Assignment, Dispatch, Progress, Report
from jaxgrok.sweep.members import Member

CPU = Platform("cpu", "cpu", 2)
ONE, TWO, THREE, *_ = product().cells


def report(seats, **fields):
    return Report("a", CPU, seats, **fields)


def busy_member():
    """One with two seats, the first of which was sent two cells."""
    member = Member(report({0: Progress(), 1: Progress()}))
    starts = {0: {ONE.id: None, TWO.id: None}, 1: {THREE.id: None}}
    member.begin(
        {seat: Assignment(seat, start=cells) for seat, cells in starts.items()}
    )
    return member


def test_one_that_greets_is_idle_and_holds_nothing():
    member = Member(report({0: Progress(), 1: Progress()}))
    assert (member.name, member.platform) == ("a", CPU)
    assert (member.is_waited_for, member.cells) == (False, {})
    assert (member.busy, member.lanes) == (0, 0)


def test_cells_are_held_from_the_order_to_the_result():
    member = busy_member()
    assert member.is_waited_for
    assert member.cells == {ONE.id: 0, TWO.id: 0, THREE.id: 1}
    # Two has ended too, and its result is held back.
    member.update(report({0: Progress(0, 4, 4)}, results=[result(ONE)]))
    assert not member.is_waited_for
    assert member.cells == {TWO.id: 0, THREE.id: 1}


def test_a_seat_that_was_not_asked_is_where_it_was():
    member = busy_member()
    member.update(report({seat: Progress(seat, 4, 3) for seat in (0, 1)}))
    member.update(report({1: Progress(1, 4, 2, busy={THREE.id: 10})}))
    assert member.seats[0] == Progress(0, 4, 3)
    assert (member.busy, member.lanes) == (1, 8)


def test_groups_and_pace_are_those_of_the_last_reports():
    member = Member(report({0: Progress(), 1: Progress()}))
    assert (member.groups, member.pace) == ([], 0)
    fast = Progress(3, 4, 3, dispatch=Dispatch(10, 30, 40, 0.5))
    member.update(report({0: fast, 1: fast._replace(group=2)}))
    assert (member.groups, member.pace) == ([3, 2], 120)
    member.update(report({1: Progress(2)}))
    assert (member.groups, member.pace) == ([3, 2], 60)


def test_a_seat_that_fails_costs_its_own_cells():
    member = busy_member()
    assert member.lose(0) == [ONE.id, TWO.id]
    assert member.cells == {THREE.id: 1}
    assert member.lose(0) == []
