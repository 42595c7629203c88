"""What a sweep will take in time, memory and disk, in words.

>>> print(describe(grid, blocks=None))
"""

import time

import jax
import numpy as np

from jaxgrok.engine.engine import Engine
from jaxgrok.engine.pace import Pace
from jaxgrok.engine.platform import Platform, notes, refuse
from jaxgrok.engine.sizing import build, refuse_too_wide
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.host.terminal import duration, number, size
from jaxgrok.sweep import continuation
from jaxgrok.training.setup import lane_of

CALIBRATION_SECONDS = 2.0
"""Time to spend on the pace of each group."""
LONG_SECONDS = 86_400 / 4
"""A sweep that takes longer on a CPU comes with a warning."""
MUCH_DISK = 10e9
"""Bytes of snapshots from which they come with a warning."""


def headline(
    grid: Grid,
    platform: Platform,
    seconds: float,
    lanes: int,
    done: int,
    snapshots: int = 0,
    states: int = 0,
) -> str:
    """Say in one line what will be trained, where and how long.

    Args:
        grid: all cells.
        platform: where they are trained.
        seconds: time to go.
        lanes: cells trained side by side.
        done: cells that have a result.
        snapshots: bytes of snapshots, at most.
        states: bytes of final states that are kept, at most.
    """
    config = grid.config
    steps = max(cell.lane["steps"] for cell in grid.cells)
    count = f"{platform.devices} × " if platform.devices > 1 else ""
    finished = f" ({done} done)" if done else ""
    early = ", less where cells grok early" if config["stop"] == "grokked" else ""
    files = {"snapshots": snapshots, "final states": states}
    sizes = [f"{size(count)} of {noun}" for noun, count in files.items() if count]
    disk = f"; up to {' and '.join(sizes)}" if sizes else ""
    cells, groups = number(len(grid.cells), "cell"), number(len(grid.groups), "group")
    return (
        f"{config['scale']} scale on {count}{platform.device_kind}: "
        f"{cells}{finished} in {groups}, {number(lanes, 'lane')}, "
        f"up to {steps:,} steps; about {duration(seconds)}{early}{disk}"
    )


def warnings(
    grid: Grid, platform: Platform, seconds: float, snapshots: int
) -> list[str]:
    """Warn of a good part of a day on a CPU, and of many gigabytes of snapshots.

    Args:
        grid: all cells.
        platform: where they are trained.
        seconds: time to go.
        snapshots: bytes of snapshots, at most.

    Returns:
        A line for each warning.
    """
    lines = []
    if platform.name == "cpu" and seconds >= LONG_SECONDS:
        way_out = "fewer cells or steps take less"
        if grid.config["scale"] == "post":
            way_out = "--grid FILE:laptop shows the same phases in minutes"
        lines.append(f"warning: about {duration(seconds)} on this CPU; {way_out}")
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


def state_bytes(grid: Grid) -> int:
    """Return the bytes of the final states that are kept, at most."""
    return continuation.size_of(grid) if continuation.keeps(grid) else 0


def snapshot_bytes(grid: Grid, n_parameters: int) -> int:
    """Return the bytes of the snapshots asked for, if every cell spends its budget."""
    steps: dict[str, int] = {}
    for cell in grid.cells:
        if cell.kin in grid.kept:
            # Cells of one kin differ in their budget alone and share their snapshots.
            steps[cell.kin] = max(steps.get(cell.kin, 0), cell.lane["steps"])
    count = sum(grid.schedule.count(budget) for budget in steps.values())
    return count * n_parameters * np.dtype(grid.groups[0].setup.dtype).itemsize


def describe(grid: Grid, blocks: int | None) -> str:
    """Return the whole plan; compiles every group's program and times a few steps.

    Args:
        grid: all cells, none of them trained yet.
        blocks: blocks of lanes; None for one a device.

    Raises:
        ValueError: the devices cannot compute what the grid asks for.
    """
    platform = Platform.of(jax.local_devices())
    setups = [group.setup for group in grid.groups]
    refuse(setups, platform)
    widths = [group.block_width for group in grid.groups]
    refuse_too_wide(zip(setups, widths, strict=True), jax.local_devices()[0])
    pace, lanes, compiling = Pace(), 0, 0.0
    lines: list[str] = []
    for position, group in enumerate(grid.groups, 1):
        start = time.perf_counter()
        engine = build(
            group.setup,
            block_width=group.block_width,
            cells=len(group.cells),
            blocks=blocks,
        )
        compiling += time.perf_counter() - start
        calibrate(engine, group, pace)
        lanes = max(lanes, engine.lanes)
        lines.append(f"  group {position}: {_plan(group, engine, pace)}")
    seconds = sum(_seconds(group, pace) for group in grid.groups)
    # The last group's model stands for those of all groups.
    snapshots = snapshot_bytes(grid, engine.n_parameters)
    disk = f", {size(snapshots)} of snapshots" if snapshots else ""
    lines = [
        headline(grid, platform, seconds, lanes, 0, states=state_bytes(grid)),
        *lines,
        f"  {engine.n_parameters:,} parameters a model; at most "
        f"{size(_curve_bytes(grid, engine))} of curves on disk{disk}",
        f"  compiled in {duration(compiling)}, beside the time above; a sweep on this "
        "machine takes the programs from the cache",
        *notes(setups, platform),
        *grid.warnings(),
        *warnings(grid, platform, seconds, snapshots),
    ]
    return "\n".join(lines)


def calibrate(engine: Engine, group: Group, pace: Pace) -> None:
    """Fill an engine and time a few steps; leaves it with offset and lanes to drop."""
    lanes = {}
    for cell in group.cells[: engine.free]:
        lanes[cell.id] = lane_of(group.setup, **cell.lane)
    engine.admit(lanes)
    engine.advance(1)  # The first dispatch is slow; it is left out.
    train_size = group.setup.train_size
    end = time.perf_counter() + CALIBRATION_SECONDS
    while (start := time.perf_counter()) < end:
        steps = pace.steps(train_size, CALIBRATION_SECONDS / 4)
        # `advance` stops at a chunk's end; the pace must learn the steps really made.
        steps = min(steps, engine.setup.eval_every - engine.offset)
        engine.advance(steps)
        seconds = time.perf_counter() - start
        pace.learn(
            train_size, steps=steps, lane_steps=steps * len(lanes), seconds=seconds
        )


def _plan(group: Group, engine: Engine, pace: Pace) -> str:
    """Say how a group is trained."""
    return (
        f"{number(len(group.cells), 'cell')}, {_examples(group)}, "
        f"{number(engine.lanes // engine.width, 'block')} × "
        f"{number(engine.width, 'lane')} on {number(engine.devices, 'device')}, "
        f"{size(engine.memory or 0)} a device, "
        f"about {duration(_seconds(group, pace))}"
    )


def _examples(group: Group) -> str:
    """Say what a group trains on."""
    setup = group.setup
    if setup.regime == "online":
        return f"{setup.batch_size} fresh examples a step"
    n_train = sorted({cell.lane["n_train"] for cell in group.cells})
    sizes = f"{n_train[0]} … {n_train[-1]}"
    if len(n_train) <= 3:
        sizes = ", ".join(map(str, n_train))
    words = f"n_train {sizes} padded to {setup.train_size}"
    return f"{words} in batches of {setup.batch_size}" if setup.batch_size else words


def _seconds(group: Group, pace: Pace) -> float:
    """Return the seconds that a group takes if every cell spends its budget."""
    steps = sum(int(cell.lane["steps"]) for cell in group.cells)
    return steps * pace.seconds(group.setup.train_size)


def _curve_bytes(grid: Grid, engine: Engine) -> int:
    """Return the bytes of uncompressed curves, if every cell spends its budget."""
    every: int = grid.config["eval_every"]
    # The 1 is the evaluation at step 0; a float32 has 4 bytes.
    evals = sum(int(cell.lane["steps"]) // every + 1 for cell in grid.cells)
    return evals * engine.schema.with_steps().width * 4
