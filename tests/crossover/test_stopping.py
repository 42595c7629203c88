"""Which running trials are stopped, and why."""

import pytest

from jaxgrok.crossover.evidence import Evidence
from jaxgrok.crossover.settings import Trial
from jaxgrok.crossover.stopping import Cause, answered, stop
from searches import AXES, SEEDS, SETTING, SIZES, STEPS


def evidence(threshold, sizes=SIZES):
    """Every seed generalises from a threshold upwards."""
    evidence = Evidence.initial(SETTING)
    for size in sizes:
        for seed in SEEDS:
            trial = Trial(AXES, size, seed)
            generalised = size >= threshold
            evidence = evidence.report(trial, generalised=generalised, steps=STEPS)
    return evidence


def test_a_setting_is_answered_where_its_interval_is_narrow_or_outside():
    assert not answered(Evidence.initial(SETTING), 1.25)
    assert answered(evidence(500), 1.25)
    assert not answered(evidence(500), 1.01)
    assert answered(evidence(50), 1.01) and answered(evidence(5_000), 1.01)


@pytest.mark.parametrize(
    ("spent", "width", "cause"),
    [(True, 1.01, Cause.BUDGET_SPENT), (False, 1.25, Cause.ANSWERED)],
)
def test_a_spent_budget_or_an_answer_stops_all(spent, width, cause):
    running = [Trial(AXES, SIZES[i], 9) for i in (3, 20)]
    whole = evidence(500).start(running[0]).start(running[1])
    stops = stop(whole, width, spent=spent)
    assert list(stops) == running
    for one in stops.values():
        assert (one.cause, one.low, one.high) == (cause, whole.fit.low, whole.fit.high)


def test_only_trials_far_from_the_crossover_are_stopped_before_that():
    index = next(i for i, size in enumerate(SIZES) if size >= 500)
    trials = [Trial(AXES, SIZES[i], 0) for i in (index - 1, len(SIZES) - 1)]
    whole = evidence(500, sizes=SIZES[::4]).start(trials[0]).start(trials[1])
    stops = stop(whole, 1.001, spent=False)
    assert list(stops) == trials[1:]
    assert stops[trials[1]].cause is Cause.FAR


def test_nothing_runs_nothing_stops():
    assert stop(Evidence.initial(SETTING), 1.25, spent=True) == {}
