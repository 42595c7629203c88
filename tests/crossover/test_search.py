"""The crossover search finds planted thresholds, with trainings that cost nothing."""

import math
from collections import Counter

import numpy as np
import pytest

from jaxgrok.crossover.search import Search
from jaxgrok.crossover.settings import Setting, Trial
from jaxgrok.crossover.stopping import Cause
from jaxgrok.crossover.threshold_fit import Training
from jaxgrok.crossover.verdict import Advice, Outcome
from searches import (
    AXES,
    EVERY,
    SEEDS,
    SETTING,
    SIZES,
    SPACING,
    STEPS,
    Trainer,
    find,
    planted,
)

TRIALS = 100


@pytest.mark.parametrize(
    ("kind", "lanes", "widest"),
    [
        ("sharp", 4, 1.6),
        pytest.param("noisy", 4, 4.5, marks=pytest.mark.long),
        pytest.param("sharp", 24, 1.6, marks=pytest.mark.slow),
        pytest.param("noisy", 24, 4.5, marks=pytest.mark.slow),
        pytest.param("spread", 4, 9.0, marks=pytest.mark.long),
        pytest.param("odd", 4, 2.0, marks=pytest.mark.long),
        pytest.param("bottom", 4, 1.6, marks=pytest.mark.long),
        pytest.param("top", 4, 1.6, marks=pytest.mark.long),
    ],
)
def test_planted_crossovers_lie_in_their_intervals(kind, lanes, widest):
    """At least 90 of 100; the median interval is at most `widest` spacings wide.

    `pytest -rP -k planted` prints the numbers.
    """
    inside, widths, trainings, stopped = 0, [], [], 0
    for seed in range(TRIALS):
        crossover, grok_step = planted(kind, seed)
        [finding] = find([SETTING], Trainer(grok_step, lanes))
        low, high = finding.low or 0, finding.high or math.inf
        trainings.append(finding.trainings)
        stopped += finding.stopped
        inside += low <= crossover <= high
        widths.append(math.log(high / low) / SPACING if low else math.inf)
    print(
        f"{kind}, {lanes} lanes: inside {inside} of {TRIALS}, median width "
        f"{np.median(widths):.2f} spacings, {np.median(trainings):.0f} trainings of "
        f"{len(SIZES) * len(SEEDS)}, {stopped / TRIALS:.1f} stopped"
    )
    assert inside >= 0.9 * TRIALS
    assert np.median(widths) <= widest


@pytest.mark.parametrize("lanes", [1, 4, 24])
@pytest.mark.parametrize(
    ("step", "outcome", "advice"),
    [
        (None, Outcome.NO_SIZE, Advice.LARGER_SIZES),
        (600, Outcome.EVERY_SIZE, Advice.SMALLER_SIZES),
    ],
)
def test_never_and_always_are_outcomes_and_cost_little(lanes, step, outcome, advice):
    trainer = Trainer(lambda trial: step, lanes)
    [finding] = find([SETTING], trainer)
    assert (finding.outcome, finding.advice) == (outcome, advice)
    assert finding.estimate is None
    assert (finding.low, finding.high).count(None) == 1
    assert finding.trainings == len(trainer.steps) <= len(SEEDS) + max(3 * lanes, 6)


def test_the_search_takes_a_fraction_of_the_grid():
    shares = []
    for seed in range(20):
        _, grok_step = planted("sharp", seed)
        trainer = Trainer(grok_step, 4)
        [finding] = find([SETTING], trainer)
        trials = [Trial(AXES, size, seed) for size in SIZES for seed in SEEDS]
        shares.append(finding.lane_steps / sum(grok_step(t) or STEPS for t in trials))
        spent = sum(trainer.steps.values()) + trainer.repeated_steps
        assert finding.lane_steps == spent
    assert np.median(shares) < 0.2


def test_all_lanes_are_shared_by_the_settings_and_stay_busy():
    thresholds = {(("loss", name),): n for name, n in [("a", 200), ("b", 500)]}
    thresholds[("loss", "c"),] = 1_200
    settings = [Setting(axes, SIZES, SEEDS, STEPS) for axes in thresholds]
    search = Search(settings, width=1.25)
    taken = Counter(trial.axes for trial in search.take(12))
    assert taken == dict.fromkeys(thresholds, 4)

    def grok_step(trial):
        return 1_500 if trial.size >= thresholds[trial.axes] else None

    trainer = Trainer(grok_step, 12)
    for finding in find(settings, trainer):
        assert finding.low <= thresholds[finding.axes] <= finding.high
    assert trainer.idle_lanes <= 0.1 * sum(trainer.steps.values()) / EVERY
    # Of one setting alone, if it is named.
    second = settings[1].axes
    assert {trial.axes for trial in search.take(1, [second])} == {second}


def test_what_can_no_longer_matter_is_stopped_and_its_lane_refilled():
    trainer = Trainer(lambda trial: 500 if trial.size >= 300 else None, 24)
    [finding] = find([SETTING], trainer)
    causes = {stop.cause for stop in trainer.stops.values()}
    assert causes == {Cause.ANSWERED, Cause.FAR}
    assert finding.stopped == len(trainer.stops) > 0
    saved = sum(STEPS - trainer.steps[trial] for trial in trainer.stops)
    assert finding.saved == saved > 0
    assert finding.low <= 300 <= finding.high


def test_a_spent_budget_is_an_outcome_and_more_of_it_goes_on():
    _, grok_step = planted("sharp", 0)
    first = Trainer(grok_step, 4)
    [finding] = find([SETTING], first, budget=15_000)
    assert finding.outcome is Outcome.BUDGET_SPENT
    assert finding.advice is Advice.LARGER_BUDGET
    assert 15_000 <= finding.lane_steps < 15_000 + 4 * STEPS
    assert Cause.BUDGET_SPENT in {stop.cause for stop in first.stops.values()}
    search = Search([SETTING], width=1.25, budget=200_000)
    first.report_again(search)
    second = Trainer(grok_step, 4)
    second.train(search)
    [finding] = search.findings()
    assert finding.outcome is Outcome.FOUND
    repeated = first.steps.keys() & second.steps.keys()
    assert repeated <= first.stops.keys()


def test_a_narrower_interval_goes_on_from_the_wider_one():
    _, grok_step = planted("sharp", 3)
    first = Trainer(grok_step, 4)
    [wide] = find([SETTING], first, width=2.5)
    search = Search([SETTING], width=1.3)
    first.report_again(search)
    second = Trainer(grok_step, 4)
    second.train(search)
    [narrow] = search.findings()
    assert narrow.trainings > wide.trainings
    assert narrow.high / narrow.low < wide.high / wide.low
    assert not (second.steps.keys() & first.steps.keys()) - first.stops.keys()


def test_trainings_of_another_run_spare_some():
    crossover, grok_step = planted("sharp", 5)
    plain, primed = Trainer(grok_step, 4), Trainer(grok_step, 4)
    find([SETTING], plain)
    # At sizes and of seeds that the setting does not have.
    known = tuple(Training(n, 7, n >= crossover) for n in range(150, 1_500, 30))
    [finding] = find([Setting(AXES, SIZES, SEEDS, STEPS, known)], primed)
    assert finding.low <= crossover <= finding.high
    assert len(primed.steps) < len(plain.steps)


def test_a_failed_training_is_not_made_again_and_decides_nothing():
    search = Search([SETTING], width=1.25)
    [trial] = search.take(1)
    search.fail(trial)
    assert trial not in search.take(40)
    assert search.findings()[0].trainings == 0


def test_where_all_trainings_fail_the_question_stays_open():
    search = Search([SETTING], width=1.25)
    while trials := search.take(4):
        for trial in trials:
            search.fail(trial)
    [finding] = search.findings()
    assert finding.outcome is Outcome.OPEN
    assert (finding.advice, finding.failures) == (Advice.SEE_FAILURES, 160)


def test_a_resumed_trial_is_not_taken_twice():
    search = Search([SETTING], width=1.25)
    [trial] = Search([SETTING], width=1.25).take(1)
    search.start(trial)
    assert trial not in search.take(60)


def test_a_search_waits_until_its_settings_are_answered_or_its_budget_is_spent():
    search = Search([SETTING], width=1.25, budget=20_000)
    assert search.waiting([AXES])
    assert not search.waiting([])
    [trial] = search.take(1)
    search.report(trial, generalised=False, steps=20_000)
    assert not search.waiting([AXES])
    answered = Search([SETTING], width=1.25)
    Trainer(lambda trial: 600, 4).train(answered)
    assert not answered.waiting([AXES])


@pytest.mark.parametrize("width", [1.0, 0.5, math.inf, math.nan])
def test_a_width_must_be_above_one(width):
    with pytest.raises(ValueError, match=r"width=.* must be above 1"):
        Search([SETTING], width=width)


def test_a_budget_must_be_something():
    with pytest.raises(ValueError, match="budget=0 must be at least 1"):
        Search([SETTING], width=2.0, budget=0)
