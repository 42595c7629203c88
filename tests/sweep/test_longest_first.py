"""The queue hands out one cell a family, then the longest expected; what is left."""

import itertools
import random

import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.sweep.longest_first import Everything
from jaxgrok.sweep.survival import Survival

FIELDS = {
    "seed": (0, 1, 2),
    "weight_decay": (1.0, 0.1, 0.3),
    "train_fraction": (0.3, 0.9),
    "steps": (100, 400),
}


class Pace:
    """A lane-step takes a second an example."""

    def spread(self, size):
        return float(size), float(size)


class Plainly:
    """What the queue promises, worked out anew every time."""

    def __init__(self, resolved):
        self.groups = resolved.groups
        self.waiting = {cell.id: cell for cell in resolved.cells}
        self.cells = dict(self.waiting)
        self.busy, self.ran = {}, {}

    def key(self, cell):
        return tuple(sorted((k, v) for k, v in cell.lane.items() if k != "seed"))

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

    def work(self, group, cells):
        """Steps of those waiting, as far as siblings tell; else their budgets."""
        steps = 0.0
        for cell in cells:
            ran = self.ran.get(self.key(cell), [])
            trust = len(ran) / (len(ran) + 1)
            steps += (np.mean(ran) if ran else 0) * trust
            steps += cell.lane["steps"] * (1 - trust)
        return steps * group.setup.train_size

    def left(self, made):
        survival = Survival()
        survival.running(
            steps / self.cells[name].lane["steps"]
            for name, steps in made.items()
            if name not in self.waiting
        )
        for key, ran in self.ran.items():
            for steps in ran:
                survival.ended(steps / dict(key)["steps"])
        low = high = 0.0
        for group, cell in ((g, c) for g in self.groups for c in g.cells):
            if cell.id in self.waiting or cell.id in made:
                steps = self.steps_left(survival, group, cell, made.get(cell.id, 0))
                low += steps[0] * group.setup.train_size
                high += steps[1] * group.setup.train_size
        return low, high

    def steps_left(self, survival, group, cell, done):
        """Siblings count one by one, and all others together as one of them."""
        counts = [
            sum(len(self.ran.get(key, ())) for key in {self.key(c) for c in g.cells})
            for g in self.groups
        ]
        seen = counts[self.groups.index(group)] and sum(counts)
        n_ahead = len(self.waiting) + len(self.busy)
        seen = max(seen or np.count_nonzero(counts), 1)
        doubt = 0.5 * (1 / seen + 1 / n_ahead) ** 0.5
        budget, ran = cell.lane["steps"], self.ran.get(self.key(cell), [])
        mean, trust = np.mean(ran) if ran else 0, len(ran) / (len(ran) + 1)
        known = max(mean - done, 0) * trust
        room = budget * (1 - trust) if done <= mean else budget
        low, high = survival.remaining(done / budget)
        most = min((known + high * room) * (1 + doubt), budget - done)
        return (known + low * room) * (1 - doubt), most


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
        for each in resolved.groups:
            waiting = [cell for cell in each.cells if cell.id in plain.waiting]
            assert queue.backlog(each) == len(waiting)
            assert queue.work(each) == pytest.approx(
                plain.work(each, waiting), abs=1e-6
            )
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
    resolved = grid.resolve(tiny.config(steps=(100,), seed=(0, 1, 2), stop="steps"))
    queue, (group,) = Everything(resolved, Pace()), resolved.groups
    one, two, three = (cell.id for cell in resolved.cells)
    size = group.setup.train_size
    assert queue.left({}) == (300 * size, 300 * size)
    continued = {one: 40, three: 40}
    assert queue.left(continued) == (220 * size, 220 * size)
    assert [cell.id for cell in queue.take(group, 1)] == [one]
    assert queue.left(continued | {one: 50}) == pytest.approx((210 * size,) * 2)
    assert two not in continued


def test_the_time_left_is_a_range_that_holds_what_comes_and_narrows():
    resolved = grid.resolve(tiny.config(steps=(1000,), seed=tuple(range(40))))
    queue, (group,) = Everything(resolved, Pace()), resolved.groups
    rng, widths = random.Random(0), []
    assert queue.left({}) == (0, 40_000 * group.setup.train_size)
    lengths = {cell.id: rng.randrange(200, 500) for cell in group.cells}
    for step in range(0, 40, 4):
        cells = queue.take(group, 4)
        for cell in cells:
            queue.ended(cell, {"status": "done", "steps": lengths.pop(cell.id)})
        low, high = queue.left({})
        truth = sum(lengths.values()) * group.setup.train_size
        assert low <= truth <= high, step
        widths.append(high - low)
    assert widths[-1] < widths[4] < widths[0]
    assert queue.left({}) == (0, 0)
