"""The plan of a sweep that is not begun: what it would train, then how long it takes.

>>> print(outline(grid, blocks=None))      # at once
>>> print(measured(grid, blocks=None))     # compiles the program of one group
"""

import time
from collections.abc import Iterable

import jax

from jaxgrok.engine.engine import Engine
from jaxgrok.engine.pace import Pace
from jaxgrok.engine.platform import Platform, notes, refuse
from jaxgrok.engine.sizing import build, refuse_too_wide
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.host.durations import TimeLeft, duration
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.host.terminal import number, size
from jaxgrok.sweep import estimate, free_space
from jaxgrok.training.setup import lane_of

CALIBRATION_SECONDS = 2.0
"""Time to spend on the pace of the group that is measured."""
MOST_GROUPS = 12
"""Groups that have a line of their own; of more, the first."""


def outline(grid: Grid, blocks: int | None, out: AnyPath | None = None) -> str:
    """Say what a sweep trains and leaves on disk; compiles nothing.

    Args:
        grid: all cells, none of them trained yet.
        blocks: blocks of lanes; None for one a device.
        out: the run directory; None where nobody knows how many cells are trained.

    Raises:
        ValueError: the devices cannot compute what the grid asks for, or its results
            do not fit on the disk.
    """
    devices = jax.local_devices()
    platform, setups = Platform.of(devices), [group.setup for group in grid.groups]
    refuse(setups, platform)
    widths = [group.block_width for group in grid.groups]
    refuse_too_wide(zip(setups, widths, strict=True), devices[0])
    lines = [estimate.headline(grid, platform, 0)]
    for position, group in enumerate(grid.groups[:MOST_GROUPS], 1):
        lines.append(f"  group {position}: {_group_words(group, blocks)}")
    if len(grid.groups) > MOST_GROUPS:
        lines.append(f"  … {len(grid.groups) - MOST_GROUPS} more groups")
    counts = sorted({estimate.parameters(setup) for setup in setups})
    models = " to ".join(
        f"{count:,}" for count in (counts[0], counts[-1])[: len(counts)]
    )
    states = sorted({estimate.optimiser_bytes(setup) for setup in setups})
    sizes = " to ".join(map(size, dict.fromkeys((states[0], states[-1]))))
    lines.append(f"  {models} parameters a model; its optimiser keeps {sizes}")
    lines += [*notes(setups, platform), *grid.warnings(), *estimate.disk_warnings(grid)]
    if out:
        lines += free_space.check(grid, (), out, blocks=blocks or len(devices))
    return "\n".join(lines)


def measured(grid: Grid, blocks: int | None) -> str:
    """Say how long a sweep takes and what memory, from one group that is compiled.

    The others are taken to cost in proportion to their examples and parameters.

    Args:
        grid: all cells, none of them trained yet.
        blocks: blocks of lanes; None for one a device.
    """
    works = [_work(group) for group in grid.groups]
    index = max(range(len(works)), key=works.__getitem__)
    group = grid.groups[index]
    start = time.perf_counter()
    engine = build(
        group.setup,
        block_width=group.block_width,
        cells=len(group.cells),
        blocks=blocks,
    )
    compiling = time.perf_counter() - start
    steps = sum(int(cell.lane["steps"]) for cell in group.cells)
    seconds = steps * _seconds_a_step(engine, group) * sum(works) / works[index]
    # What ends early cannot be told before anything is trained.
    ends_early = grid.config["stop"] == "grokked"
    left = TimeLeft(0.0 if ends_early else seconds, seconds)
    early = ", less where cells grok early" if ends_early else ""
    memory = size(_memory(engine, group, grid.groups))
    n_groups = len(grid.groups)
    others = f" of {n_groups}" if n_groups > 1 else ""
    lines = [
        f"{left.words()}{early}; {memory} of memory a device (measured on group "
        f"{index + 1}{others}, which compiled in {duration(compiling)})",
        *estimate.time_warnings(grid, Platform.of(jax.local_devices()), left),
    ]
    return "\n".join(lines)


def _seconds_a_step(engine: Engine, group: Group) -> float:
    """Fill an engine and time a few steps: the seconds of a lane-step."""
    pace, train_size = Pace(), group.setup.train_size
    lanes = {}
    for cell in group.cells[: engine.free]:
        lanes[cell.id] = lane_of(group.setup, **cell.lane)
    engine.admit(lanes)
    engine.advance(1)  # The first dispatch is slow; it is left out.
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
    return pace.seconds(train_size)


def _memory(engine: Engine, group: Group, groups: Iterable[Group]) -> float:
    """Return the bytes a device that the largest group takes, from one's engine.

    What optimisers keep is counted; all else is in proportion to the cost of a step.
    """
    lanes = engine.lanes / engine.devices
    states = lanes * estimate.optimiser_bytes(group.setup)
    share = max((engine.memory or 0) - states, 0) / _cost(group)
    return max(
        share * _cost(other) + lanes * estimate.optimiser_bytes(other.setup)
        for other in groups
    )


def _cost(group: Group) -> float:
    """Return what a lane-step of a group costs, in a unit of no name."""
    setup = group.setup
    examples = setup.batch_size or setup.train_size
    return float(examples * estimate.parameters(setup))


def _work(group: Group) -> float:
    """Return what a group costs if every cell spends its budget, in that unit."""
    return sum(int(cell.lane["steps"]) for cell in group.cells) * _cost(group)


def _group_words(group: Group, blocks: int | None) -> str:
    """Say how a group is trained."""
    n_devices = len(jax.local_devices())
    needed = -(-len(group.cells) // group.block_width)
    n_blocks = min(blocks or n_devices, needed)
    return (
        f"{number(len(group.cells), 'cell')}, {_examples(group)}, "
        f"{number(n_blocks, 'block')} × {number(group.block_width, 'lane')} on "
        f"{number(min(n_blocks, n_devices), 'device')}"
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
