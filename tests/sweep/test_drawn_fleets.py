"""Fleets drawn at random: no cell is lost or held twice, and all of them end."""

import functools
import itertools
import os
import random
import tempfile
from pathlib import Path
from unittest import mock

import fleets
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

import tiny
from jaxgrok import grid
from jaxgrok.crossover.find import padded_to_largest
from jaxgrok.crossover.queue import CrossoverQueue
from jaxgrok.crossover.search import Search
from jaxgrok.crossover.settings import settings_of_grid
from jaxgrok.host.signals import Stop
from jaxgrok.results.files.saved_lanes import LanePlace
from jaxgrok.sweep.longest_first import Everything
from pretenders import Pretender, Watched, ended, length
from searches import TINY, WIDTH

EXAMPLES = 20
ACTIONS = st.sampled_from(["join", "lose", "join one that fails"])


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
    stop, holders, names = Stop(), {}, itertools.count()

    def note(cell, status):
        endings.setdefault(cell.id, []).append(status)
        return ended(cell, status)

    def pretender(fails=()):
        return Pretender(
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
        is_over = fleets.train(path, resolved, fleet, queue, stop)
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


A_STOP_AND_A_FAILURE = {3: "lose", 6: "lose", 9: "join", 18: "join", 19: "join"}
A_STOP_AND_A_FAILURE |= {23: "join one that fails", 28: "lose", 32: "join"}
A_STOP_AND_A_FAILURE |= {34: "join one that fails", 36: "lose"}


@settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.dictionaries(st.integers(2, 40), ACTIONS, max_size=12),
    st.integers(0, 1_000).map(random.Random),
)
@example(A_STOP_AND_A_FAILURE, random.Random(955))
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

        return Pretender(
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
    assert fleets.train(tmp_path, resolved, fleet, search_queue)
    assert set(stopped) == {"a", "b"}
    again = [cell_id for cells in stopped.values() for cell_id in cells]
    assert len(set(again)) == len(again)
