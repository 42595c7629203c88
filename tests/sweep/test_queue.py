"""Every queue answers what a coordinator asks, in the protocol's own words."""

import inspect

import pytest

import tiny
from jaxgrok import grid
from jaxgrok.crossover.find import padded_to_largest
from jaxgrok.crossover.queue import CrossoverQueue
from jaxgrok.crossover.search import Search
from jaxgrok.crossover.settings import settings_of_grid
from jaxgrok.engine.pace import Pace
from jaxgrok.sweep.longest_first import Everything
from jaxgrok.sweep.queue import Queue
from searches import TINY, WIDTH

METHODS = [
    name
    for name, member in vars(Queue).items()
    if inspect.isfunction(member) and not name.startswith("_")
]
KINDS = pytest.mark.parametrize("kind", [Everything, CrossoverQueue])


@pytest.fixture(scope="module")
def resolved():
    return grid.resolve(padded_to_largest(tiny.config(**TINY)))


def build(kind, resolved):
    if kind is Everything:
        return Everything(resolved, Pace())
    search = Search(settings_of_grid(resolved), width=WIDTH)
    return CrossoverQueue(search, resolved, Pace())


@KINDS
@pytest.mark.parametrize("name", METHODS)
def test_a_queue_takes_what_the_protocol_says(kind, name):
    wanted = inspect.signature(getattr(Queue, name)).parameters
    actual = inspect.signature(getattr(kind, name)).parameters
    assert list(actual) == list(wanted)


@KINDS
def test_a_new_queue_has_cells_for_free_lanes_and_none_to_stop(kind, resolved):
    queue = build(kind, resolved)
    assert queue.known([]) == set()
    (group,) = resolved.groups
    assert queue.waiting(group)
    cells = queue.take(group, 3)
    assert len({cell.id for cell in cells}) == 3
    assert {cell.id for cell in cells} <= {cell.id for cell in group.cells}
    assert queue.most(group) == len(group.cells)
    assert queue.needless({cell.id: 0 for cell in cells}) == {}


@KINDS
def test_a_cell_that_goes_on_is_not_handed_out(kind, resolved):
    (group,) = resolved.groups
    [cell] = build(kind, resolved).take(group, 1)
    queue = build(kind, resolved)
    queue.resumed(cell)
    assert cell not in queue.take(group, len(group.cells))


def test_only_a_queue_of_all_cells_knows_how_many_there_will_be(resolved):
    everything, search = (
        build(kind, resolved) for kind in (Everything, CrossoverQueue)
    )
    assert (everything.total, everything.stops_cells) == (len(resolved.cells), False)
    assert (search.total, search.stops_cells) == (None, True)
    assert search.left({}) is None
