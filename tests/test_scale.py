"""The benchmark of large fleets: a small form of it, with goals that it must keep."""

import math
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "scripts" / "bench"
sys.path.insert(0, str(BENCH))
from crowd_seat import Machines  # noqa: E402
from scale_run import cells_of, lengths_of, measure  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize(
    ("life", "restart", "goal"),
    [
        (math.inf, False, 0.97),
        (3_000, True, 0.92),
    ],
)
def test_a_fleet_stays_busy_until_most_cells_have_ended(life, restart, goal):
    machines = Machines(4, seats=2, lanes=4, step_seconds=0.015, lifetime=life)
    measured = measure(machines, 1_000, restart=restart)
    assert measured["cells_a_lane"] > 30
    assert measured["devices_mostly"] > goal
    assert measured["lanes_mostly"] <= measured["devices_mostly"] <= 1
    assert (measured["losses"] > 0) == (measured["lost"] > 0) == math.isfinite(life)
    assert measured["lost"] < 0.1
    # Nothing of a machine that is slow for its own reasons is asked for here.
    assert 0 < measured["core"] < 0.05


def test_lengths_have_a_heavy_tail():
    cells = cells_of(1_000)
    assert len(cells.groups) == 10
    lengths = sorted(lengths_of(cells).values())
    assert lengths[500] < 6_000 and lengths[-10] == 40_000
