"""Which trials are taken next: even cuts, then other seeds, then confirmation."""

import math

import numpy as np
import pytest

from jaxgrok.crossover import choice
from jaxgrok.crossover.evidence import Evidence
from jaxgrok.crossover.search import Search
from jaxgrok.crossover.settings import Setting, Trial
from searches import AXES, SEEDS, SETTING, SIZES, SPACING, STEPS, Trainer, find


@pytest.mark.parametrize("lanes", [3, 5])
def test_free_lanes_cut_a_new_setting_into_equal_parts(lanes):
    trials = Search([SETTING], width=1.25).take(lanes)
    sizes = sorted(trial.size for trial in trials)
    assert len(set(sizes)) == lanes
    gaps = np.diff(np.log(sizes)) / SPACING
    assert gaps.max() < 2.1 * gaps.min() and gaps.min() > 3


def test_more_lanes_than_cuts_go_to_other_seeds():
    trials = Search([SETTING], width=1.25).take(24)
    assert len(set(trials)) == 24
    assert {trial.seed for trial in trials} == set(SEEDS)
    assert len({trial.size for trial in trials}) < 24


def test_trials_whose_outcome_follows_from_others_are_no_options():
    evidence = Evidence.initial(SETTING)
    for size, generalised in ((SIZES[10], False), (SIZES[20], True)):
        trial = Trial(AXES, size, 0)
        evidence = evidence.report(trial, generalised=generalised, steps=STEPS)
    options = choice.options(evidence)
    sizes_of_seed_0 = [size for size, seeds in options.items() if 0 in seeds]
    assert sizes_of_seed_0 == list(SIZES[11:20])
    assert 1 in options[SIZES[10]]


def test_what_follows_is_confirmed_where_that_narrows(monkeypatch):
    thresholds = dict(zip(SEEDS, (1_017, 1_359, 1_234, 1_497, 1_017), strict=True))
    setting = Setting(AXES, SIZES[20:], SEEDS, STEPS)

    def search():
        trainer = Trainer(lambda t: 600 if t.size >= thresholds[t.seed] else None, 4)
        [finding] = find([setting], trainer)
        assert finding.low <= 1_234 <= finding.high
        return finding.high / finding.low, len(trainer.steps)

    confirmed_width, confirmed_count = search()
    monkeypatch.setattr(choice, "CONFIRM", math.inf)
    plain_width, plain_count = search()
    assert confirmed_count > plain_count
    assert confirmed_width < plain_width
