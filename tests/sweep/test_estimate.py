"""The plan tells what a sweep takes before it runs."""

import math

import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine import sizing
from jaxgrok.engine.platform import Platform
from jaxgrok.sweep import estimate

CPU = Platform("cpu", "cpu", devices=2)
SNAPSHOTS = {
    "seed": (0, 1, 2),
    "snapshots": "all",
    "snapshot_every": 20,
    "snapshot_early_every": 3,
    "snapshot_early_until": 12,
}


def test_the_plan_tells_the_bytes_of_snapshots(monkeypatch):
    monkeypatch.setattr(estimate, "CALIBRATION_SECONDS", 0.05)
    resolved = grid.resolve(tiny.config(**SNAPSHOTS))
    [group] = resolved.groups
    engine = sizing.build(
        group.setup, block_width=group.block_width, cells=3, blocks=None
    )
    each = sum(math.prod(shape) for shape in engine.shapes.values())
    assert estimate.snapshot_bytes(resolved, each) == 3 * 7 * each * 4
    assert "of snapshots" in estimate.describe(resolved, None)
    assert "of snapshots" not in estimate.describe(grid.resolve(tiny.config()), None)


def test_many_snapshots_come_with_a_warning():
    resolved = grid.resolve(tiny.config(**SNAPSHOTS))
    assert estimate.warnings(resolved, CPU, 60, 9_000_000_000) == []
    (warning,) = estimate.warnings(resolved, CPU, 60, 32_000_000_000)
    assert warning.startswith(
        "warning: up to 32 GB of snapshots; a larger snapshot_every"
    )


def test_a_long_sweep_comes_with_a_warning_on_a_cpu_alone():
    resolved = grid.resolve(tiny.config())
    (warning,) = estimate.warnings(resolved, CPU, 30_000, 0)
    assert warning.startswith("warning: about 8 h 20 min on this CPU; fewer cells")
    assert estimate.warnings(resolved, Platform("gpu", "H100", 1), 30_000, 0) == []


def test_the_headline_names_the_devices_that_train():
    resolved = grid.resolve(tiny.config(seed=(0, 1)))
    line = estimate.headline(resolved, Platform("tpu", "TPU v5e", 4), 65, 8, 1)
    assert line == (
        "laptop scale on 4 × TPU v5e: 2 cells (1 done) in 1 group, 8 lanes, up to 40 "
        "steps; about 1 min 5 s, less where cells grok early"
    )


def test_the_plan_says_what_the_devices_compute_otherwise(monkeypatch):
    monkeypatch.setattr(estimate, "CALIBRATION_SECONDS", 0.05)
    plan = estimate.describe(grid.resolve(tiny.config(precision="bf16")), None)
    assert "\nprecision=bf16 is emulated on a CPU" in plan


def test_what_the_devices_cannot_compute_is_refused_before_compiling(monkeypatch):
    tpu = Platform("tpu", "TPU v5 lite", 4)
    monkeypatch.setattr(Platform, "of", lambda _: tpu)
    monkeypatch.setattr(estimate, "build", None)
    with pytest.raises(ValueError, match="loss='float64' cannot be computed on a TPU"):
        estimate.describe(grid.resolve(tiny.config(loss="float64")), None)
