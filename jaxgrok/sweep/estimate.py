"""How long things take: the pace that is measured, and the plan that is told.

Owns estimates of time, memory and disk; they steer the order of the queue and the
length of a dispatch, and decide no result.

    >>> print(describe(grid, blocks=None))
"""

import time

import jax
import numpy as np

from jaxgrok.engine.engine import Engine
from jaxgrok.engine.pace import Pace
from jaxgrok.engine.sizing import build
from jaxgrok.grid.cells import Grid, Group
from jaxgrok.host.terminal import duration, size
from jaxgrok.training.setup import lane_of

CALIBRATION_SECONDS = 2.0


LONG_SECONDS = 86_400 / 4
MUCH_DISK = 10e9


def headline(
    grid: Grid, seconds: float, lanes: int, done: int, snapshots: int = 0
) -> str:
    """The line before a sweep runs."""
    config = grid.config
    steps = max(cell.lane["steps"] for cell in grid.cells)
    early = ", less where cells grok early" if config["stop"] == "grokked" else ""
    return (
        f"{config['scale']} scale on {_device()}: {len(grid.cells)} cells"
        f"{f' ({done} done)' if done else ''} in {len(grid.groups)} groups, "
        f"{lanes} lanes, up to {steps:,} steps; about {duration(seconds)}{early}"
        f"{f'; up to {size(snapshots)} of snapshots' if snapshots else ''}"
    )


def warnings(grid: Grid, seconds: float, snapshots: int) -> list[str]:
    """Words of warning: a good part of a day on a CPU, many gigabytes of snapshots."""
    found = []
    if jax.default_backend() == "cpu" and seconds >= LONG_SECONDS:
        way_out = (
            "--grid FILE:laptop shows the same phases in minutes"
            if grid.config["scale"] == "post"
            else "fewer cells or steps take less"
        )
        found.append(f"warning: about {duration(seconds)} on this CPU; {way_out}")
    if snapshots >= MUCH_DISK:
        found.append(
            f"warning: up to {size(snapshots)} of snapshots; a larger snapshot_every, "
            "or snapshots='seed=0', keeps fewer"
        )
    return found


def snapshot_bytes(grid: Grid, engine: Engine) -> int:
    """Bytes on disk of the snapshots asked for, if every cell spends its budget."""
    steps: dict[str, int] = {}
    for cell in grid.cells:
        if cell.kin in grid.kept:
            steps[cell.kin] = max(steps.get(cell.kin, 0), cell.lane["steps"])
    count = sum(grid.schedule.count(most) for most in steps.values())
    return count * engine.n_parameters * np.dtype(engine.setup.dtype).itemsize


def describe(grid: Grid, blocks: int | None) -> str:
    """The whole plan: compiles every group's program and times a few steps of it."""
    pace, lanes = Pace(), 0
    lines: list[str] = []
    for group in grid.groups:
        engine = build(
            group.setup,
            block_width=group.block_width,
            cells=len(group.cells),
            blocks=blocks,
        )
        calibrate(engine, group, pace)
        lanes = max(lanes, engine.lanes)
        lines.append(
            f"  group {len(lines) + 1}: {len(group.cells)} cells, {_examples(group)}, "
            f"{engine.lanes // engine.width} blocks × {engine.width} lanes on "
            f"{engine.devices} devices, {size(engine.memory or 0)} a device, "
            f"about {duration(_whole(group, pace))}"
        )
    seconds = sum(_whole(group, pace) for group in grid.groups)
    evals = sum(
        cell.lane["steps"] // grid.config["eval_every"] + 1 for cell in grid.cells
    )
    disk = evals * engine.schema.with_steps().width * 4
    snapshots = snapshot_bytes(grid, engine)
    total = [
        headline(grid, seconds, lanes, 0),
        *lines,
        f"  {engine.n_parameters:,} parameters a model; at most {size(disk)} of curves "
        f"on disk{f', {size(snapshots)} of snapshots' if snapshots else ''}",
        *warnings(grid, seconds, snapshots),
    ]
    return "\n".join(total)


def _examples(group: Group) -> str:
    """What a group trains on, in words."""
    setup = group.setup
    if setup.regime == "online":
        return f"{setup.batch_size} fresh examples a step"
    n_train = sorted({cell.lane["n_train"] for cell in group.cells})
    few = len(n_train) <= 3
    shown = ", ".join(map(str, n_train)) if few else f"{n_train[0]} … {n_train[-1]}"
    words = f"n_train {shown} padded to {setup.train_size}"
    return f"{words} in batches of {setup.batch_size}" if setup.batch_size else words


def calibrate(engine: Engine, group: Group, pace: Pace) -> None:
    """Fill an engine and time a few steps; leaves it with offset and lanes to drop."""
    first = group.cells[: engine.free]
    engine.admit({cell.id: lane_of(group.setup, **cell.lane) for cell in first})
    engine.advance(1)
    began = time.perf_counter()
    while time.perf_counter() < began + CALIBRATION_SECONDS:
        n_steps = pace.steps(engine, CALIBRATION_SECONDS / 4)
        n_steps = min(n_steps, engine.setup.eval_every - engine.offset)
        started = time.perf_counter()
        engine.advance(n_steps)
        pace.measured(engine, n_steps, time.perf_counter() - started)


def _whole(group: Group, pace: Pace) -> float:
    """Seconds that a group takes if every cell spends its budget."""
    steps = sum(cell.lane["steps"] for cell in group.cells)
    return steps * pace.seconds(group.setup.train_size)


def _device() -> str:
    devices = jax.local_devices()
    count = f"{len(devices)} × " if len(devices) > 1 else ""
    return f"{count}{devices[0].device_kind}"
