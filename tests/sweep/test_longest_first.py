"""The queue hands out one cell a family, then the longest expected; what is left."""

import itertools
import random

import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.sweep.longest_first import Everything

FIELDS = {
    "seed": (0, 1, 2),
    "weight_decay": (1.0, 0.1, 0.3),
    "train_fraction": (0.3, 0.9),
    "steps": (100, 400),
}


class Pace:
    """A lane-step takes a second an example."""

    def seconds(self, size):
        return float(size)


class Plainly:
    """What the queue promises, worked out anew every time."""

    def __init__(self, resolved):
        self.groups = resolved.groups
        self.waiting = {cell.id: cell for cell in resolved.cells}
        self.busy, self.ran = {}, {}

    def key(self, cell):
        return tuple(sorted((k, v) for k, v in cell.lane.items() if k != "seed"))

    def expected(self, cell):
        ran = self.ran.get(self.key(cell))
        return float(np.mean(ran)) if ran else cell.lane["steps"]

    def take(self, group, free):
        taken = []
        while len(taken) < free:
            waiting = [cell for cell in group.cells if cell.id in self.waiting]
            if not waiting:
                break
            cell = min(waiting, key=lambda c: self.urgency(group, c))
            self.busy[cell.id] = self.waiting.pop(cell.id)
            taken.append(cell)
        return taken

    def urgency(self, group, cell):
        siblings = [c for c in group.cells if self.key(c) == self.key(cell)]
        is_begun = any(c.id not in self.waiting for c in siblings)
        longest = max(self.ran.get(self.key(cell), [cell.lane["steps"]]))
        return -longest, is_begun, cell.lane["weight_decay"]

    def ended(self, cell, steps, failed):
        del self.busy[cell.id]
        if not failed:
            self.ran.setdefault(self.key(cell), []).append(steps)

    def left(self, made):
        seconds = 0.0
        for group, cell in ((g, c) for g in self.groups for c in g.cells):
            steps = made.get(cell.id, 0)
            if cell.id in self.waiting or cell.id in made:
                expected = max(self.expected(cell), 1.1 * steps)
                whole = min(expected, cell.lane["steps"])
                seconds += max(whole - steps, 0) * group.setup.train_size
        return seconds


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_plain_order_and_the_plain_time(seed):
    rng = random.Random(seed)
    resolved = grid.resolve(tiny.config(**FIELDS))
    queue, plain = Everything(resolved, Pace()), Plainly(resolved)
    known = rng.sample(resolved.cells[1:], 3)
    rows = [{"id": c.id, "status": "done", "steps": 50} for c in known]
    stopped = {"id": resolved.cells[0].id, "status": "stopped", "steps": 10}
    assert queue.known([*rows, stopped]) == {cell.id for cell in known}
    for cell in known:
        plain.busy[cell.id] = plain.waiting.pop(cell.id)
        plain.ended(cell, 50, failed=False)
    first = next(cell for cell in resolved.cells if cell not in known)
    queue.resumed(first)
    plain.busy[first.id] = plain.waiting.pop(first.id)
    while plain.waiting or plain.busy:
        group = rng.choice(resolved.groups)
        free = rng.randrange(4)
        assert queue.take(group, free) == plain.take(group, free)
        made = {name: rng.randrange(0, 90, 10) for name in plain.busy}
        assert queue.left(made) == pytest.approx(plain.left(made))
        for cell in rng.sample(list(plain.busy.values()), min(2, len(plain.busy))):
            failed, steps = rng.random() < 0.2, rng.randrange(10, 100)
            status = "failed" if failed else "done"
            queue.ended(cell, {"status": status, "steps": steps})
            plain.ended(cell, steps, failed)
    for group in resolved.groups:
        assert queue.most(group) == 0 and queue.take(group, 9) == []


def test_one_cell_of_each_family_comes_first_then_siblings_of_the_longest():
    resolved = grid.resolve(tiny.config(seed=(0, 1), weight_decay=(1.0, 0.1, 0.3)))
    queue, (group,) = Everything(resolved, Pace()), resolved.groups
    first = queue.take(group, 3)
    assert [cell.lane["weight_decay"] for cell in first] == [0.1, 0.3, 1.0]
    for cell, steps in zip(first, (20, 60, 40), strict=True):
        queue.ended(cell, {"status": "done", "steps": steps})
    second = queue.take(group, 3)
    assert [cell.lane["weight_decay"] for cell in second] == [0.3, 1.0, 0.1]


def test_every_cell_is_handed_out_once():
    resolved = grid.resolve(tiny.config(**FIELDS))
    queue = Everything(resolved, Pace())
    taken = [list(iter(lambda g=g: queue.take(g, 1), [])) for g in resolved.groups]
    cells = [cell.id for [cell] in itertools.chain.from_iterable(taken)]
    assert sorted(cells) == sorted(cell.id for cell in resolved.cells)


def test_what_a_shorter_budget_has_trained_is_not_left():
    resolved = grid.resolve(tiny.config(steps=(100,), seed=(0, 1, 2)))
    queue, (group,) = Everything(resolved, Pace()), resolved.groups
    one, two, three = (cell.id for cell in resolved.cells)
    size = group.setup.train_size
    assert queue.left({}) == 300 * size
    continued = {one: 40, three: 40}
    assert queue.left(continued) == 220 * size
    assert [cell.id for cell in queue.take(group, 1)] == [one]
    assert queue.left(continued | {one: 50}) == (50 + 100 + 60) * size
    assert two not in continued
