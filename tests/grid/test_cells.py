"""Identity of settings, and names of axes in tables."""

import pytest

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
