"""What a sweep takes in time and disk, in words.

>>> print(headline(grid, Platform("cpu", "cpu", 2), done=0))
laptop scale on 2 × cpu: 84 cells in 7 groups, up to 3,000 steps; up to 17 MB on disk
"""

import math

import jax
import numpy as np

from jaxgrok.engine.compilation import unsized
from jaxgrok.engine.platform import Platform
from jaxgrok.engine.programs import one_lane
from jaxgrok.fleet import continuation
from jaxgrok.grid.cells import Grid
from jaxgrok.host.durations import TimeLeft
from jaxgrok.host.terminal import number, size
from jaxgrok.training.records import schema
from jaxgrok.training.setup import Setup

LONG_SECONDS = 86_400 / 4
"""A sweep that takes longer on a CPU comes with a warning."""
MUCH_DISK = 10e9
"""Bytes of snapshots from which they come with a warning."""


def headline(grid: Grid, platform: Platform, done: int) -> str:
    """Say in one line what will be trained, and where.

    Args:
        grid: all cells.
        platform: where they are trained.
        done: cells that have a result.
    """
    steps = max(cell.lane["steps"] for cell in grid.cells)
    count = f"{platform.devices} × " if platform.devices > 1 else ""
    finished = f" ({done:,} done)" if done else ""
    cells, groups = number(len(grid.cells), "cell"), number(len(grid.groups), "group")
    return (
        f"{grid.config['scale']} scale on {count}{platform.device_kind}: "
        f"{cells}{finished} in {groups}, up to {steps:,} steps; {disk(grid)}"
    )


def disk(grid: Grid) -> str:
    """Say what a sweep leaves on disk, if every cell spends its budget."""
    files = {
        "curves": curve_bytes(grid),
        "final states": state_bytes(grid),
        "snapshots": snapshot_bytes(grid),
    }
    sizes = [f"{size(count)} of {noun}" for noun, count in files.items() if count]
    return f"up to {', '.join(sizes)}"


def time_warnings(grid: Grid, platform: Platform, left: TimeLeft) -> list[str]:
    """Return a line where a sweep takes a good part of a day on a CPU."""
    if platform.name != "cpu" or left.high < LONG_SECONDS:
        return []
    way_out = "fewer cells or steps take less"
    if grid.config["scale"] == "post":
        way_out = "--grid FILE:laptop shows the same phases in minutes"
    return [f"warning: {left.words()} on this CPU; {way_out}"]


def disk_warnings(grid: Grid) -> list[str]:
    """Return lines about many gigabytes of snapshots, and states that are not kept."""
    lines, snapshots = [], snapshot_bytes(grid)
    if snapshots >= MUCH_DISK:
        lines.append(
            f"warning: up to {size(snapshots)} of snapshots; a larger snapshot_every, "
            "or snapshots='seed=0', keeps fewer"
        )
    if grid.config["final_states"] == "small" and not continuation.keeps(grid):
        states = size(continuation.size_of(grid))
        lines.append(
            f"final states would take up to {states} and are not kept: a longer budget "
            "starts censored cells anew; final_states='all' keeps them"
        )
    return lines


def parameters(setup: Setup) -> int:
    """Return the parameters of a network."""
    return sum(math.prod(shape) for shape in _shapes(setup).values())


def optimiser_bytes(setup: Setup) -> int:
    """Return the bytes that the optimiser of a lane keeps from step to step."""
    _, state = one_lane(unsized(setup))
    leaves = jax.tree.leaves(state.opt_state)
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)


def state_bytes(grid: Grid) -> int:
    """Return the bytes of the final states that are kept, at most."""
    return continuation.size_of(grid) if continuation.keeps(grid) else 0


def snapshot_bytes(grid: Grid) -> int:
    """Return the bytes of the snapshots asked for, if every cell spends its budget."""
    total = 0
    for group in grid.groups:
        # Cells of one kin differ in their budget alone and share their snapshots.
        budgets: dict[str, int] = {}
        for cell in group.cells:
            if cell.kin in grid.kept:
                steps = max(budgets.get(cell.kin, 0), cell.lane["steps"])
                budgets[cell.kin] = steps
        if budgets:
            count = sum(grid.schedule.count(steps) for steps in budgets.values())
            n_bytes = np.dtype(group.setup.dtype).itemsize
            total += count * parameters(group.setup) * n_bytes
    return total


def curve_bytes(grid: Grid) -> int:
    """Return the bytes of uncompressed curves, if every cell spends its budget."""
    every: int = grid.config["eval_every"]
    total = 0
    for group in grid.groups:
        # The 1 is the evaluation at step 0; a float32 has 4 bytes.
        evals = sum(int(cell.lane["steps"]) // every + 1 for cell in group.cells)
        columns = schema(group.setup, list(_shapes(group.setup))).with_steps()
        total += evals * columns.width * 4
    return total


def _shapes(setup: Setup) -> dict[str, tuple[int, ...]]:
    """Return the shape of each parameter of a network, by name; nothing is compiled."""
    # The padded size of the training set shapes no parameter: one trace serves all.
    _, state = one_lane(unsized(setup))
    return {name: leaf.shape for name, leaf in sorted(state.params.items())}
