"""Outcomes against tables worked out by hand."""

import numpy as np
import pytest

from jaxgrok.outcomes.outcomes import (
    PHASES,
    SPIKE_ABOVE,
    SPIKE_ARMED_BELOW,
    UNDECIDED,
    Thresholds,
    outcome,
    spikes,
)

NAN = float("nan")


def _step_curve(at: int | None, evals: int = 40, every: int = 100) -> np.ndarray:
    """Accuracy 0.1 before step `at`, 1.0 from it on."""
    steps = np.arange(evals) * every
    return np.where(steps >= (np.inf if at is None else at), 1.0, 0.1)


def _outcome(memorise, grok, **settings):
    curves = {
        "step": np.arange(40) * 100,
        "train_accuracy": _step_curve(memorise),
        "test_accuracy": _step_curve(grok),
    }
    settings = {"diverged": False, "eval_every": 100} | settings
    return outcome(curves, **settings)


@pytest.mark.parametrize(
    ("memorise", "grok", "phase"),
    [
        (400, 900, "comprehension"),  # 2 * 400 + 100: not later than the rule
        (400, 1000, "grokking"),  # one evaluation later
        (400, 400, "comprehension"),
        (0, 100, "comprehension"),
        (0, 200, "grokking"),
        (600, 400, "comprehension"),  # test first
        (None, 400, "comprehension"),  # test without train
        (400, None, "memorisation"),
        (400, 3900, "memorisation"),  # one evaluation is no run of three
        (None, None, "confusion"),
    ],
)
def test_phase_table(memorise, grok, phase):
    found = _outcome(memorise, grok)
    assert found.phase == phase
    assert found.phase in PHASES
    assert found.memorise_step == memorise
    assert found.grok_step == (None if grok == 3900 else grok)


def test_diverged_keeps_the_steps_reached_before():
    found = _outcome(400, 2000, diverged=True)
    assert (found.phase, found.memorise_step, found.grok_step) == (
        "diverged",
        400,
        2000,
    )
    assert _outcome(400, None, diverged=True, ended_early=True).phase == "diverged"


def test_a_cell_is_untested_where_no_test_accuracy_was_recorded():
    curves = {
        "step": np.arange(40) * 100,
        "train_accuracy": _step_curve(400),
        "test_accuracy": np.full(40, NAN),
    }
    for settings in ({"diverged": False}, {"diverged": False, "ended_early": True}):
        found = outcome(curves, eval_every=100, **settings)
        assert (found.phase, found.memorise_step, found.grok_step) == (
            "untested",
            400,
            None,
        )
    assert outcome(curves, eval_every=100, diverged=True).phase == "diverged"


def test_a_training_that_ended_early_without_a_grok_is_undecided():
    for memorise in (None, 400):
        found = _outcome(memorise, None, ended_early=True)
        assert (found.phase, found.memorise_step) == ("ended", memorise)
    assert _outcome(400, 1000, ended_early=True).phase == "grokking"
    assert {"ended", "untested"} == set(UNDECIDED) < set(PHASES)


def test_the_rule_follows_thresholds_and_cadence():
    assert _outcome(400, 1000, eval_every=200).phase == "comprehension"
    loose = Thresholds(grok_ratio=3.0)
    assert _outcome(400, 1300, thresholds=loose).phase == "comprehension"
    assert _outcome(400, 1400, thresholds=loose).phase == "grokking"
    low = Thresholds(accuracy=0.1)
    assert _outcome(400, 1000, thresholds=low).grok_step == 0
    single = Thresholds(hold=1)
    assert _outcome(400, 3900, thresholds=single).grok_step == 3900


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"accuracy": 0.0}, r"accuracy_threshold=0.0 must be in \(0, 1\]"),
        ({"accuracy": 1.01}, "accuracy_threshold=1.01"),
        ({"accuracy": NAN}, "accuracy_threshold=nan"),
        ({"hold": 0}, "hold=0 must be at least 1"),
        ({"hold": 2.5}, "hold=2.5"),
        ({"hold": True}, "hold=True"),
        ({"grok_ratio": 0.5}, "grok_ratio=0.5 must be at least 1"),
        ({"grok_ratio": NAN}, "grok_ratio=nan"),
    ],
)
def test_thresholds_validate_themselves(settings, message):
    with pytest.raises(ValueError, match=message):
        Thresholds(**settings)


def test_thresholds_accept_the_ends_of_their_ranges():
    assert Thresholds(accuracy=1.0, hold=1, grok_ratio=1.0).hold == 1


LOW, HIGH, BETWEEN = SPIKE_ARMED_BELOW / 2, SPIKE_ABOVE * 2, 1e-4


@pytest.mark.parametrize(
    ("train_loss", "peak", "expected"),
    [
        # The first fall from a high loss is no spike.
        ([4.0, LOW, LOW], [4.0, 4.0, LOW], []),
        # Recovered within the chunk: seen in the peak alone, and re-armed at its end.
        ([4.0, LOW, LOW, LOW], [4.0, 4.0, HIGH, HIGH], [200, 300]),
        # Still high for several evaluations: one spike.
        ([LOW, HIGH, HIGH, LOW], [LOW, HIGH, HIGH, HIGH], [100]),
        # Back to between only: not re-armed.
        ([LOW, BETWEEN, BETWEEN, LOW, LOW], [LOW, HIGH, HIGH, LOW, HIGH], [100, 400]),
        # Not high enough, not low enough; both limits are strict.
        ([LOW, BETWEEN], [LOW, SPIKE_ABOVE], []),
        ([SPIKE_ARMED_BELOW, HIGH], [1e-5, HIGH], []),
        # An infinite loss is a spike; NaN is none and arms nothing.
        ([LOW, np.inf, LOW], [LOW, np.inf, np.inf], [100]),
        ([NAN, HIGH, LOW, NAN], [NAN, HIGH, HIGH, NAN], []),
        ([], [], []),
    ],
)
def test_spikes_by_hand(train_loss, peak, expected):
    found = spikes(np.arange(len(train_loss)) * 100, train_loss, peak)
    assert found.tolist() == expected
    assert found.dtype == np.int64


def test_where_one_curve_was_not_recorded_the_other_counts():
    found = spikes([0, 100, 200], [LOW, HIGH, LOW], [NAN, NAN, NAN])
    assert found.tolist() == [100]
    found = spikes([0, 100, 200], [LOW, NAN, LOW], [LOW, HIGH, HIGH])
    assert found.tolist() == [100]
