"""How long are lanes idle at the end of a sweep, for cells of random lengths?

    python scripts/bench/idle_tail.py

Trains nothing: the queue hands cells to four lanes, and each cell takes the steps that
were drawn for it. 12 weight decays, 4 seeds, at most 10,000 steps. Tells the time until
the last cell has ended, over an equal share of the lane-steps (or the longest cell, if
that is longer): mean, median and nine tenths of 300 draws. About a minute.
"""

import heapq
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import app, flags

from jaxgrok import grid
from jaxgrok.engine.pace import Pace
from jaxgrok.sweep.longest_first import Everything

DRAWS = flags.DEFINE_integer("draws", 300, "sets of cells of each kind")
LANES = flags.DEFINE_integer("lanes", 4, "cells side by side")
BUDGET, EVERY = 10_000, 50
DECAYS, SEEDS = 12, 4
Draw = Callable[[np.random.Generator], np.ndarray]
"""Draws the steps of each weight decay and seed."""
# The cells of scripts/bench/sweep.py on one machine, the weakest decay first.
SHIPPED = """500 1250 1300 550  500 1550 800 400  500 1400 800 550  450 900 850 350
300 800 700 350  300 500 600 350  300 400 500 300  300 350 400 300  250 400 250 350
300 300 300 350  350 600 300 10000  2500 1700 2750 10000"""
MEASURED = np.array(SHIPPED.split(), int).reshape(DECAYS, SEEDS)


def shuffled(rng: np.random.Generator) -> np.ndarray:
    """The measured cells, with the seeds of each decay in any order."""
    return rng.permuted(MEASURED, axis=1)


def power_law(rng: np.random.Generator) -> np.ndarray:
    """Steps fall with the decay; those of a weak one may reach the budget."""
    means = 200 * np.exp(np.linspace(rng.uniform(2, 5), 0, DECAYS))
    return scattered(rng, means)


def rising(rng: np.random.Generator) -> np.ndarray:
    """Steps grow with the decay, against what the queue takes for usual."""
    return power_law(rng)[::-1]


def unpredictable(rng: np.random.Generator) -> np.ndarray:
    """Four in a hundred cells spend the budget; hardly any sibling tells which."""
    means = np.exp(rng.uniform(np.log(250), np.log(2500), DECAYS))
    shares = rng.beta(0.15, 3.6, DECAYS)
    spent = rng.random((DECAYS, SEEDS)) < shares[:, None]
    return np.where(spent, BUDGET, scattered(rng, means))


def scattered(rng: np.random.Generator, means: np.ndarray) -> np.ndarray:
    """Whole evaluations around each decay's mean, within the budget."""
    steps = means[:, None] * np.exp(rng.normal(0, 0.45, (DECAYS, SEEDS)))
    return np.clip(EVERY * np.round(steps / EVERY), EVERY, BUDGET).astype(int)


def makespan(cells: Any, lengths: dict[str, int]) -> int:
    """Return the steps until the last cell has ended."""
    queue, (group,) = Everything(cells, Pace()), cells.groups
    ends: list[tuple[int, str]] = []
    by_id = {cell.id: cell for cell in cells.cells}
    time = 0
    while True:
        for cell in queue.take(group, LANES.value - len(ends)):
            heapq.heappush(ends, (time + lengths[cell.id], cell.id))
        if not ends:
            return time
        time = ends[0][0]
        while ends and ends[0][0] == time:
            cell_id = heapq.heappop(ends)[1]
            row = {"status": "done", "steps": lengths[cell_id]}
            queue.ended(by_id[cell_id], row)


def main(_: list[str]) -> None:
    fields = grid.base("laptop")
    fields.weight_decay = tuple(np.geomspace(0.1, 3, DECAYS).round(3).tolist())
    fields.seed, fields.steps = tuple(range(SEEDS)), (BUDGET,)
    cells = grid.resolve(fields)
    rows = {decay: i for i, decay in enumerate(fields.weight_decay)}
    kinds: tuple[Draw, ...] = (shuffled, power_law, rising, unpredictable)
    summary = {}
    for kind in (lambda _: MEASURED, *kinds):
        rng, ratios = np.random.default_rng(0), []
        for _draw in range(DRAWS.value if kind in kinds else 1):
            steps = kind(rng)
            lengths = {
                cell.id: int(steps[rows[cell.lane["weight_decay"]], cell.lane["seed"]])
                for cell in cells.cells
            }
            least = max(steps.sum() / LANES.value, steps.max())
            ratios.append(makespan(cells, lengths) / least)
        name = kind.__name__ if kind in kinds else "measured"
        values = np.mean(ratios), *np.quantile(ratios, (0.5, 0.9))
        summary[name] = [round(float(value), 3) for value in values]
        print(f"{name:14s} {summary[name]}")
    print(json.dumps(summary))


if __name__ == "__main__":
    app.run(main)
