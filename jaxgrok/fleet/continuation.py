"""Which cells leave their last lane for a longer budget to go on from.

>>> keeps(grid), size_of(grid)
(True, 1200000)
"""

import dataclasses
import math
from collections.abc import Mapping

import jax
import numpy as np

from jaxgrok.engine.programs import one_lane
from jaxgrok.grid.cells import Grid
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.results.files.final_states import SMALL
from jaxgrok.results.files.saved_lanes import SavedLane
from jaxgrok.training.setup import Setup


def keeps(grid: Grid) -> bool:
    """Tell whether a grid keeps its final states: always, never, or while small."""
    choice = grid.config["final_states"]
    return choice == "all" or (choice == "small" and size_of(grid) < SMALL)


def size_of(grid: Grid) -> int:
    """Return the bytes of a grid's final states, if every cell spends its budget."""
    budgets = last_budgets(grid)
    total = 0
    for group in grid.groups:
        leaves = _leaves(group.setup)
        n_bytes = sum(math.prod(shape) * dtype.itemsize for shape, dtype in leaves)
        last = [c for c in group.cells if c.lane["steps"] == budgets[c.kin]]
        total += n_bytes * len(last)
    return total


def refuse_misfits(grid: Grid, lanes: Mapping[str, SavedLane], path: AnyPath) -> None:
    """Refuse saved lanes that the optimisers of this version could not go on with.

    Args:
        grid: what to train.
        lanes: by cell id.
        path: where they are from.

    Raises:
        ValueError: a lane has other arrays than those of its cell here.
    """
    for group in grid.groups:
        for cell in group.cells:
            if cell.id not in lanes:
                continue
            leaves = map(np.asarray, lanes[cell.id].state.leaves)
            if [(leaf.shape, leaf.dtype) for leaf in leaves] != _leaves(group.setup):
                raise ValueError(
                    f"{path} holds states of other versions of jaxgrok, flax or optax; "
                    "remove it, and the same command starts their cells anew"
                )


def _leaves(setup: Setup) -> list[tuple[tuple[int, ...], np.dtype]]:
    """Return shape and dtype of each array of a lane."""
    # The padded size of the training set is no part of a lane's state: one trace
    # serves all groups that differ in nothing else.
    lane = one_lane(dataclasses.replace(setup, train_size=1))
    return [(leaf.shape, np.dtype(leaf.dtype)) for leaf in jax.tree.leaves(lane)]


def last_budgets(grid: Grid) -> dict[str, int]:
    """Return the longest budget of each training, by kin."""
    budgets: dict[str, int] = {}
    for cell in grid.cells:
        budget = int(cell.lane["steps"])
        budgets[cell.kin] = max(budgets.get(cell.kin, 0), budget)
    return budgets
