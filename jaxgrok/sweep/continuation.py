"""Which cells leave their last lane for a longer budget to go on from.

>>> keeps(grid), size_of(grid)
(True, 1200000)
"""

import dataclasses
import math

import jax

from jaxgrok.engine.programs import one_lane
from jaxgrok.grid.cells import Grid
from jaxgrok.results.final_states import SMALL


def keeps(grid: Grid) -> bool:
    """Tell whether a grid keeps its final states: always, never, or while small."""
    choice = grid.config["final_states"]
    return choice == "all" or (choice == "small" and size_of(grid) < SMALL)


def size_of(grid: Grid) -> int:
    """Return the bytes of a grid's final states, if every cell spends its budget."""
    budgets = last_budgets(grid)
    total = 0
    for group in grid.groups:
        # The padded size of the training set is no part of a lane's state: one trace
        # serves all groups that differ in nothing else.
        lane = one_lane(dataclasses.replace(group.setup, train_size=1))
        leaves = jax.tree.leaves(lane)
        n_bytes = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)
        last = [c for c in group.cells if c.lane["steps"] == budgets[c.kin]]
        total += n_bytes * len(last)
    return total


def last_budgets(grid: Grid) -> dict[str, int]:
    """Return the longest budget of each training, by kin."""
    budgets: dict[str, int] = {}
    for cell in grid.cells:
        budget = int(cell.lane["steps"])
        budgets[cell.kin] = max(budgets.get(cell.kin, 0), budget)
    return budgets
