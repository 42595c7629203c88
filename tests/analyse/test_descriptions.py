"""Circuits in lines of text: what is known, and nothing where it is not."""

import math
import types

from jaxgrok.analyse.descriptions import describe, summary


def report(**fields):
    circuit = {
        "verdict": "sparse circuit",
        "clusters": {2: (0, 3), 5: (1,)},
        "key_frequencies": (2, 5),
        "key_rule": "W_L",
        "train_accuracy": 1.0,
        "test_accuracy": 0.975,
        "all_accuracy": 0.98,
        "train_loss": 1e-7,
        "test_loss": 0.25,
        "all_loss": 0.2,
        "trig_loss": {"all": 0.125},
        "excluded_loss_2d_full": 4.5,
        "cos_approximation_loss": 0.3,
    }
    own = {"warning": "", "skipped": 0, "stages": None}
    for name, value in fields.items():
        (own if name in own else circuit)[name] = value
    return types.SimpleNamespace(circuit=types.SimpleNamespace(**circuit), **own)


def test_a_circuit_is_its_verdict_frequencies_accuracies_and_losses():
    assert describe(report()).splitlines() == [
        "sparse circuit",
        "key frequencies (W_L): 2, 5",
        "neurons in clusters: 2: 2, 5: 1",
        "right: train 100.0%, test 97.5%, all 98.0%",
        "losses: train 1e-07, test 0.25, all 0.2, trig 0.125, excluded 4.5, cosines "
        "alone 0.3",
    ]


def test_what_is_unknown_is_left_out():
    unknown = {"train_loss": math.nan, "train_accuracy": math.nan}
    text = describe(report(**unknown, key_frequencies=(), clusters={}))
    assert "train" not in text
    assert "key frequencies (W_L): none" in text and "in clusters: none" in text


def test_warnings_come_second_and_stages_last():
    stages = {"memorisation": (0, 1_500), "clean_up": None, "circuit_formation": (1, 2)}
    lines = describe(report(warning="misread", skipped=2, stages=stages)).splitlines()
    assert lines[1] == "misread"
    assert lines[-3:] == [
        "2 snapshots not finite, left out",
        "memorisation: steps 0 to 1,500",
        "circuit-formation: steps 1 to 2",
    ]


def test_a_survey_has_a_line_a_cell():
    rows = [
        types.SimpleNamespace(
            cell=0,
            phase="grokking",
            has_circuit=True,
            all_accuracy=0.99,
            key_frequencies=(2, 5),
        ),
        types.SimpleNamespace(
            cell=1, phase="", has_circuit=False, all_accuracy=0.5, key_frequencies=()
        ),
        types.SimpleNamespace(
            cell=2, phase="diverged", has_circuit=None, key_frequencies=()
        ),
    ]
    assert summary(rows).splitlines() == [
        "cell 0: grokking · circuit · 99.0% right · 2 5",
        "cell 1: unfinished · no circuit · 50.0% right",
        "cell 2: diverged · not finite: not read",
    ]
