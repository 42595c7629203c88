"""A cell has all the snapshots that were due, or lacks them."""

import pytest

from jaxgrok.grid.snapshot_schedule import Schedule
from jaxgrok.results.wanted_snapshots import has_all

SCHEDULE = Schedule(every=20, early_every=5, early_until=10)


@pytest.mark.parametrize(
    ("step", "steps", "is_complete"),
    [
        (0, set(), False),
        (0, {0}, True),
        (4, {0}, True),
        (25, {0, 5, 10, 20}, True),
        (25, {0, 5, 20, 25}, False),
        (40, {0, 5, 10, 20}, False),
    ],
)
def test_every_step_that_was_due_counts(step, steps, is_complete):
    assert has_all(SCHEDULE, step, steps) is is_complete
