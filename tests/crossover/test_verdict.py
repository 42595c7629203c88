"""What a finding says where the interval is wide, or the evidence thin."""

import pytest

from jaxgrok.crossover.evidence import Evidence
from jaxgrok.crossover.settings import Setting
from jaxgrok.crossover.verdict import Advice, Outcome, verdict
from searches import AXES, SEEDS, SETTING, SIZES, STEPS, Trainer, find


def test_seeds_that_disagree_call_for_more_seeds():
    setting = Setting(AXES, SIZES, (0, 1, 2), STEPS)
    trainer = Trainer(lambda t: 900 if t.size >= 150 * 2**t.seed else None, 4)
    [finding] = find([setting], trainer)
    assert (finding.outcome, finding.advice) == (Outcome.FOUND, Advice.MORE_SEEDS)


def test_coarse_sizes_call_for_finer_ones():
    setting = Setting(AXES, SIZES[::6], SEEDS, STEPS)
    trainer = Trainer(lambda t: 900 if t.size > 500 else None, 4)
    [finding] = find([setting], trainer, width=1.1)
    assert (finding.outcome, finding.advice) == (Outcome.FOUND, Advice.FINER_SIZES)


@pytest.mark.parametrize(
    ("closed", "spent", "outcome", "advice"),
    [
        (False, False, Outcome.OPEN, Advice.MORE_TRAININGS),
        (False, True, Outcome.BUDGET_SPENT, Advice.LARGER_BUDGET),
        (True, False, Outcome.OPEN, Advice.MORE_SEEDS_TO_BOUND),
    ],
)
def test_no_evidence_is_no_answer(closed, spent, outcome, advice):
    evidence = Evidence.initial(SETTING)
    finding = verdict(evidence, 1.25, closed=closed, spent=spent)
    assert (finding.outcome, finding.advice) == (outcome, advice)
    assert (finding.low, finding.high) == (None, None)
