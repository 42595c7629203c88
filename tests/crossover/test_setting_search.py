"""The search of one setting: it closes, waits, and stops until nothing is left."""

from jaxgrok.crossover import choice
from jaxgrok.crossover.setting_search import SettingSearch
from jaxgrok.crossover.stopping import Cause
from searches import SETTING, STEPS


def test_options_are_computed_once_for_the_same_evidence(monkeypatch):
    calls = []

    def options(evidence, original=choice.options):
        calls.append(evidence)
        return original(evidence)

    monkeypatch.setattr(choice, "options", options)
    search = SettingSearch(SETTING, width=1.25)
    for _ in range(3):
        assert search.waiting
        search.evidence = search.evidence.advance({})
    assert len(calls) == 1
    search.take()
    assert search.waiting and len(calls) == 2


def test_what_is_stopped_counts_for_the_steps_it_made():
    search = SettingSearch(SETTING, width=1.25)
    trial = search.take()
    search.evidence = search.evidence.advance({trial: STEPS // 2})
    stops = search.stop(spent=True)
    assert {trial: stop.cause for trial, stop in stops.items()} == {
        trial: Cause.BUDGET_SPENT
    }
    assert not search.evidence.running
    finding = search.finding(spent=True)
    assert (finding.stopped, finding.saved) == (1, STEPS // 2)


def test_a_setting_without_trials_left_is_closed():
    search = SettingSearch(SETTING, width=1.25)
    while search.waiting:
        assert not search.closed
        search.evidence = search.evidence.fail(search.take())
    assert search.closed
