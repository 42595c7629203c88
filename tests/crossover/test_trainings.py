"""Rows of cells.csv are reported to a search as they ended."""

import pytest
from handmade import manifest_of, result, write

import jaxgrok
from jaxgrok.crossover import find
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
    ("status", "phase", "grok_step", "steps", "stopped"),
    [
        ("done", "grokking", 30, 30, False),
        ("done", "memorisation", None, 40, False),
        ("done", "ended", None, 20, True),
        ("diverged", "diverged", None, 10, False),
        ("stopped", "", None, 10, True),
        ("stopped", "comprehension", 10, 10, False),
    ],
)
def test_a_row_is_reported_as_it_ended(status, phase, grok_step, steps, stopped):
    search = Listener()
    row = {"status": status, "phase": phase, "grok_step": grok_step, "steps": steps}
    report_row(search, TRIAL, row)
    generalised = grok_step is not None
    how = {"generalised": generalised, "steps": steps, "stopped": stopped}
    assert search.calls == [(TRIAL, how)]


@pytest.mark.parametrize(("status", "phase"), [("failed", ""), ("done", "untested")])
def test_a_row_that_says_nothing_fails_its_trial(status, phase):
    search = Listener()
    row = {"status": status, "phase": phase, "grok_step": None, "steps": 40}
    report_row(search, TRIAL, row)
    assert search.calls == [(TRIAL, "failed")]


def test_by_other_thresholds_what_ended_early_bounds_nothing(tmp_path):
    fields = {"train_fraction": (), "n_train": (10, 20), "seed": (0, 1)}
    manifest = manifest_of(**fields, steps=(90,), stop="grokked")
    results = []
    for cell in manifest.cells:
        made = result(cell, evals=5)
        made.records[:, made.schema.columns("test_accuracy")] = [0, 0.99, 1, 1, 1]
        results.append(made)
    run = jaxgrok.open(write(tmp_path / "run", manifest, results))
    for hold, stopped in ((3, 0), (4, 0), (5, 4)):
        [finding] = find.read(run.with_thresholds(hold=hold))
        assert (finding.trainings, finding.stopped) == (4, stopped)
