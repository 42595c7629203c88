"""Seconds of a step by selector: each cell has one."""

import pytest

from jaxgrok.comparison.step_times import seconds

CELLS = [
    {"optimiser": optimiser, "d_model": width, "seed": seed}
    for optimiser in ("adamw", "muon")
    for width in (64, 128)
    for seed in (0, 1)
]


def test_every_cell_has_the_time_of_its_selector():
    times = {
        "optimiser=adamw": 0.002,
        "optimiser=muon,d_model=64": 0.003,
        "optimiser=muon,d_model=128": 1,
    }
    assert seconds(CELLS, times).tolist() == [0.002] * 4 + [0.003] * 2 + [1] * 2


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ({"optimiser=adamw": 1}, "no entry fits the cell optimiser=muon,d_model=64,se"),
        ({"optimiser=adamw": 1, "d_model=64": 2}, "that another entry fits too: optim"),
        ({"optimiser=lion": 1}, "step_times: no cell has optimiser=lion; there are ad"),
        ({"optimiser=adamw": 0}, "the time of optimiser=adamw is 0; it must be second"),
        ({"optimiser=adamw": float("nan")}, "is nan; it must be seconds, above 0"),
        ({"optimiser=adamw": "fast"}, "is 'fast'; it must be seconds, above 0"),
        ({"optimiser=adamw": True}, "is True; it must be seconds, above 0"),
    ],
)
def test_what_leaves_a_cell_without_one_is_refused(times, message):
    with pytest.raises(ValueError) as refusal:
        seconds(CELLS, times)
    assert message in str(refusal.value)
