"""What a sweep takes is told before it runs."""

import math

import pytest

import tiny
from jaxgrok import grid
from jaxgrok.engine import sizing
from jaxgrok.engine.platform import Platform
from jaxgrok.host.durations import TimeLeft
from jaxgrok.sweep import estimate

CPU = Platform("cpu", "cpu", devices=2)
SNAPSHOTS = {
    "seed": (0, 1, 2),
    "snapshots": "all",
    "snapshot_every": 20,
    "snapshot_early_every": 3,
    "snapshot_early_until": 12,
}


def test_bytes_on_disk_are_those_of_the_engine_s_networks():
    resolved = grid.resolve(tiny.config(**SNAPSHOTS))
    [group] = resolved.groups
    engine = sizing.build(
        group.setup, block_width=group.block_width, cells=3, blocks=None
    )
    each = sum(math.prod(shape) for shape in engine.shapes.values())
    assert estimate.parameters(group.setup) == engine.n_parameters == each
    # Two moments a parameter, and the count of updates of AdamW.
    assert estimate.optimiser_bytes(group.setup) == 2 * each * 4 + 4
    assert estimate.snapshot_bytes(resolved) == 3 * 7 * each * 4
    columns = engine.schema.with_steps().width
    assert estimate.curve_bytes(resolved) == 3 * 5 * columns * 4
    assert "of snapshots" in estimate.disk(resolved)
    assert "of snapshots" not in estimate.disk(grid.resolve(tiny.config()))


def test_models_of_several_sizes_count_each_for_itself():
    both = grid.resolve(tiny.config(**SNAPSHOTS, d_mlp=(16, 32)))
    sizes = [grid.resolve(tiny.config(**SNAPSHOTS, d_mlp=size)) for size in (16, 32)]
    for count in (estimate.snapshot_bytes, estimate.curve_bytes):
        assert count(both) == sum(map(count, sizes))


def test_many_snapshots_come_with_a_warning(monkeypatch):
    resolved = grid.resolve(tiny.config(**SNAPSHOTS))
    assert estimate.disk_warnings(resolved) == []
    monkeypatch.setattr(estimate, "MUCH_DISK", 1e3)
    (warning,) = estimate.disk_warnings(resolved)
    assert warning.startswith("warning: up to ")
    assert "of snapshots; a larger snapshot_every" in warning


def test_a_long_sweep_comes_with_a_warning_on_a_cpu_alone():
    resolved, left = grid.resolve(tiny.config()), TimeLeft(0, 30_000)
    (warning,) = estimate.time_warnings(resolved, CPU, left)
    assert warning.startswith("warning: at most 8 h 20 min on this CPU; fewer cells")
    assert estimate.time_warnings(resolved, CPU, TimeLeft(0, 60)) == []
    gpu = Platform("gpu", "H100", 1)
    assert estimate.time_warnings(resolved, gpu, left) == []


@pytest.mark.parametrize(("done", "words"), [(1, "2 cells (1 done)"), (0, "2 cells")])
def test_the_headline_names_the_devices_that_train(done, words):
    resolved = grid.resolve(tiny.config(seed=(0, 1)))
    line = estimate.headline(resolved, Platform("tpu", "TPU v5e", 4), done)
    assert line.startswith(
        f"laptop scale on 4 × TPU v5e: {words} in 1 group, up to 40 steps; up to "
    )
    assert line.endswith(" kB of final states")
