"""Who lists files that a sweep replaces looks again, a bounded number of times."""

import errno
import os

import pytest

from jaxgrok.results.files import second_look as module
from jaxgrok.results.files.second_look import LOOKS, Gone, second_look


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.0)


class Reading:
    """Raises errors one after the other, then answers."""

    def __init__(self, *errors):
        self.errors = [*errors]

    def __call__(self):
        if self.errors:
            raise self.errors.pop(0)
        return "read"


def gone(number=errno.ENOENT):
    return OSError(number, os.strerror(number), "curves/1.npz")


@pytest.mark.parametrize("error", [gone(), gone(errno.ESTALE), Gone("cells-1.npz")])
def test_what_went_away_is_looked_for_again(error):
    assert second_look(Reading(error, error)) == "read"
    assert second_look(Reading(*[error] * (LOOKS - 1))) == "read"
    reading = Reading(*[error] * (LOOKS + 1))
    with pytest.raises(type(error)):
        second_look(reading)
    assert len(reading.errors) == 1


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError("no run directory"), gone(errno.EACCES), ValueError("damaged")],
)
def test_any_other_error_is_raised_at_once(error):
    reading = Reading(error, error)
    with pytest.raises(type(error)):
        second_look(reading)
    assert len(reading.errors) == 1
