"""Evidence about a setting: what was reported, what runs, and what it cost."""

import pytest

from jaxgrok.crossover.evidence import Evidence
from jaxgrok.crossover.settings import Setting, Trial
from jaxgrok.crossover.threshold_fit import Training
from searches import AXES, SEEDS, SETTING, SIZES, STEPS

TRIAL = Trial(AXES, SIZES[5], 2)


def test_a_training_known_twice_counts_once_and_one_made_here_replaces_it():
    known = [Training(n, s, n >= 500) for n in SIZES[::4] for s in SEEDS]
    fields = AXES, SIZES, SEEDS, STEPS
    once = Evidence.initial(Setting(*fields, tuple(known)))
    twice = Evidence.initial(Setting(*fields, (*known, *known)))
    for training in known[:7]:
        trial = Trial(AXES, training.size, training.seed)
        generalised = training.generalised
        twice = twice.report(trial, generalised=generalised, steps=STEPS)
    assert once.fit.ratio == twice.fit.ratio


def test_of_a_training_known_twice_the_one_watched_longer_counts():
    known = (Training(SIZES[5], 2, False, 0.9), Training(SIZES[5], 2, False, 0.1))
    for order in (known, known[::-1]):
        evidence = Evidence.initial(Setting(AXES, SIZES, SEEDS, STEPS, order))
        assert evidence.trainings() == [known[0]]


def test_a_running_trial_counts_for_the_share_of_its_budget_so_far():
    evidence = Evidence.initial(SETTING).start(TRIAL)
    assert evidence.trainings() == []
    evidence = evidence.advance({TRIAL: STEPS // 4})
    assert evidence.trainings() == [Training(TRIAL.size, TRIAL.seed, False, 0.25)]
    assert evidence.trainings(without=TRIAL) == []
    ended = evidence.report(TRIAL, generalised=True, steps=STEPS // 2)
    assert ended.trainings() == [Training(TRIAL.size, TRIAL.seed, True)]
    assert not ended.running


def test_evidence_does_not_change():
    first = Evidence.initial(SETTING)
    first.start(TRIAL).report(TRIAL, generalised=True, steps=10)
    first.fail(TRIAL)
    assert not first.reports and not first.running and not first.failures
    assert first.advance({}) is first


def test_a_stopped_trial_that_starts_anew_pays_twice():
    evidence = Evidence.initial(SETTING).start(TRIAL).advance({TRIAL: 700})
    stopped = evidence.report(TRIAL, generalised=False, steps=700, stopped=True)
    assert stopped.trainings()[0].share == pytest.approx(700 / STEPS)
    again = stopped.start(TRIAL)
    assert again.trainings() == []
    ended = again.report(TRIAL, generalised=True, steps=1_000)
    assert (again.lane_steps, ended.lane_steps) == (700, 1_700)


def test_a_fit_does_not_depend_on_the_order_of_reports():
    trials = [Trial(AXES, n, s) for n in SIZES[::3] for s in SEEDS]
    fits = []
    for order in (trials, trials[::-1]):
        evidence = Evidence.initial(SETTING)
        for trial in order:
            generalised = trial.size > 400 + 90 * trial.seed
            evidence = evidence.report(trial, generalised=generalised, steps=STEPS)
        fits.append((evidence.fit.ratio, *evidence.fit.below))
    assert fits[0] == fits[1]
