"""Identity of settings, names of axes in tables, and warnings about a grid."""

import pytest

import tiny
from jaxgrok import grid
from jaxgrok.grid.cells import label, settings_hash

SETTINGS = {"modulus": 113, "weight_decay": 1.0, "loss": "exact"}


def test_settings_in_any_order_have_one_hash():
    found = settings_hash(SETTINGS)
    assert found == settings_hash(dict(reversed(SETTINGS.items())))
    assert len(found) == 16
    int(found, 16)


@pytest.mark.parametrize(
    "changed", [{"modulus": 97}, {"weight_decay": 1.1}, {"loss": "float32"}, {"new": 0}]
)
def test_every_setting_is_in_the_hash(changed):
    assert settings_hash(SETTINGS | changed) != settings_hash(SETTINGS)


def test_the_hash_is_that_of_older_run_directories():
    assert settings_hash(SETTINGS) == "fc3932a7681114af"


def test_the_budget_is_not_called_as_the_steps_made_are():
    assert (label("steps"), label("seed")) == ("budget", "seed")


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"steps": (30,)}, None),
        ({"steps": (20,)}, "steps=20"),
        ({"steps": (10, 20, 30)}, "steps=10, 20"),
        ({"steps": (20,), "hold": 2}, None),
        ({"steps": (20,), "eval_every": 5}, None),
        ({"steps": (40,), "hold": 5}, "steps=40"),
    ],
)
def test_a_budget_that_holds_no_evaluations_in_a_row_is_named(fields, names):
    lines = grid.resolve(tiny.config(**fields)).warnings()
    assert len(lines) == (names is not None)
    for line in lines:
        assert line.startswith(f"warning: {names} is fewer than hold=")
