"""A search's trials as cells of a grid: what the coordinator asks, in its words."""

import pytest

import tiny
from jaxgrok import grid
from jaxgrok.crossover.find import padded_to_largest
from jaxgrok.crossover.queue import CrossoverQueue
from jaxgrok.crossover.search import Search
from jaxgrok.crossover.settings import settings_of_grid, trial_of
from jaxgrok.engine.pace import Pace
from searches import TINY, WIDTH

CONFIG = tiny.config(**TINY)


@pytest.fixture(scope="module")
def resolved():
    return grid.resolve(padded_to_largest(CONFIG))


@pytest.fixture
def fresh(resolved):
    def make():
        search = Search(settings_of_grid(resolved), width=WIDTH)
        return CrossoverQueue(search, resolved, Pace())

    return make


@pytest.fixture
def queue(fresh):
    return fresh()


def row(cell, status="done", grok_step=None):
    steps, phase = cell.lane["steps"], "grokking" if grok_step else "memorisation"
    made = {"id": cell.id, "status": status, "phase": phase}
    return made | {"grok_step": grok_step, "steps": steps}


def finish(resolved, queue, threshold):
    """Train all that is asked for; the cells, in that order."""
    made = []
    while True:
        taken = [cell for group in resolved.groups for cell in queue.take(group, 2)]
        if not taken:
            return made
        for cell in taken:
            grok_step = 50 if cell.lane["n_train"] >= threshold else None
            queue.ended(cell, row(cell, grok_step=grok_step))
        made += taken


def test_a_search_hands_out_as_many_cells_as_lanes_are_free(resolved, queue):
    assert queue.total is None
    (group,) = resolved.groups
    taken = queue.take(group, 3)
    assert len(set(cell.id for cell in taken)) == 3
    assert queue.most(group) == len(group.cells)


def test_it_neither_promises_cells_nor_weighs_groups(resolved, queue):
    """Which trainings come next depends on those before."""
    (group,) = resolved.groups
    for _ in range(3):
        assert (queue.backlog(group), queue.work(group)) == (0, 1.0)
        queue.take(group, 5)


def test_it_ends_without_the_whole_grid(resolved, queue):
    made = finish(resolved, queue, threshold=24)
    assert len(set(c.id for c in made)) == len(made) < len(resolved.cells)
    assert not any(queue.waiting(group) for group in resolved.groups)
    assert queue.left({}) is None


def test_known_rows_stand_and_are_not_asked_for(resolved, queue, fresh):
    made = finish(resolved, queue, threshold=24)
    again = fresh()
    rows = [row(c, grok_step=50 if c.lane["n_train"] >= 24 else None) for c in made]
    assert again.known(iter(rows)) == {cell.id for cell in made}
    assert finish(resolved, again, threshold=24) == []


def test_a_resumed_cell_is_not_taken_again(resolved, queue, fresh):
    group = resolved.groups[0]
    (first, *_) = queue.take(group, 1)
    again = fresh()
    again.resumed(first)
    assert first not in again.take(group, len(group.cells))


def test_a_failed_cell_is_not_asked_for_again(resolved, queue):
    group = resolved.groups[0]
    (first, *_) = queue.take(group, 1)
    queue.ended(first, row(first, status="failed"))
    assert first not in queue.take(group, len(group.cells))


def test_what_can_no_longer_matter_is_stopped_with_its_cause(resolved, queue):
    (group,) = resolved.groups
    taken = queue.take(group, 60)
    assert queue.needless({cell.id: 0 for cell in taken}) == {}
    by_size = sorted(taken, key=lambda cell: cell.lane["n_train"])
    *others, last = by_size
    for cell in others:
        queue.ended(
            cell, row(cell, grok_step=50 if cell.lane["n_train"] > 24 else None)
        )
    stops = queue.needless({last.id: 10})
    assert list(stops) == [last.id] and stops[last.id]


def test_every_cell_is_a_trial_of_its_own(resolved):
    trials = {trial_of(cell) for cell in resolved.cells}
    assert len(trials) == len(resolved.cells)
