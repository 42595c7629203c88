"""The steps at which snapshots are kept."""

import pytest

from jaxgrok.grid.snapshot_schedule import Schedule


@pytest.mark.parametrize("every", [1, 4, 10])
@pytest.mark.parametrize("early_every", [1, 3])
@pytest.mark.parametrize("early_until", [0, 7, 12])
def test_schedule_is_what_it_says(every, early_every, early_until):
    schedule = Schedule(every, early_every, early_until)
    steps = range(40)
    wanted = [
        s
        for s in steps
        if s % every == 0 or (s <= early_until and s % early_every == 0)
    ]
    assert [s for s in steps if schedule.keeps(s)] == wanted
    for step in range(30):
        assert schedule.after(step) == min(s for s in wanted if s > step)
        assert schedule.count(step) == len({s for s in wanted if s <= step} | {step})
