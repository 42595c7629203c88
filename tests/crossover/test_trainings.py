"""Rows of cells.csv are reported to a search as they ended."""

import pytest

from jaxgrok.crossover.search import Search
from jaxgrok.crossover.settings import Trial
from jaxgrok.crossover.trainings import report_row
from searches import AXES, SETTING, SIZES

TRIAL = Trial(AXES, SIZES[3], 0)


class Listener(Search):
    """Writes down what it is told."""

    def __init__(self):
        super().__init__([SETTING], width=1.5)
        self.calls = []

    def report(self, trial, **how):
        self.calls.append((trial, how))

    def fail(self, trial):
        self.calls.append((trial, "failed"))


@pytest.mark.parametrize(
    ("status", "grok_step", "steps", "stopped"),
    [
        ("done", 30, 30, False),
        ("done", None, 40, False),
        ("diverged", None, 10, False),
        ("stopped", None, 10, True),
        ("stopped", 10, 10, False),
    ],
)
def test_a_row_is_reported_as_it_ended(status, grok_step, steps, stopped):
    search = Listener()
    row = {"status": status, "grok_step": grok_step, "steps": steps}
    report_row(search, TRIAL, row)
    generalised = grok_step is not None
    how = {"generalised": generalised, "steps": steps, "stopped": stopped}
    assert search.calls == [(TRIAL, how)]


def test_a_failed_row_fails_its_trial():
    search = Listener()
    report_row(search, TRIAL, {"status": "failed", "grok_step": None, "steps": 0})
    assert search.calls == [(TRIAL, "failed")]
