"""Models of users: what `register` takes, and what it refuses in one line."""

import dataclasses

import pytest
from flax import linen as nn

import jaxgrok
from jaxgrok.models import MODELS


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS))


@dataclasses.dataclass(frozen=True)
class Linear:
    width: int = 8

    def build(self, task, dtype):
        return nn.Dense(self.width)


@dataclasses.dataclass(frozen=True)
class Forgetful:
    width: int = 8


class Plain:
    def build(self, task, dtype):
        return nn.Dense(8)


def test_a_model_is_registered_from_the_package():
    jaxgrok.models.register("linear", Linear)
    assert MODELS["linear"](width=3).build(None, "float32").features == 3


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Dense, "model 'mine' must have a method build|must be a frozen dataclass"),
        (Plain, "model 'mine' must be a frozen dataclass of its fields"),
        (Linear(), "model 'mine' must be a frozen dataclass of its fields"),
        (Forgetful, r"model 'mine' must have a method build\(self, task, dtype\)"),
    ],
)
def test_what_is_no_model_is_refused(model, message):
    with pytest.raises(ValueError, match=message) as error:
        jaxgrok.models.register("mine", model)
    assert "\n" not in str(error.value)


def test_a_shipped_name_is_taken():
    with pytest.raises(ValueError, match="model='mlp' is taken"):
        jaxgrok.models.register("mlp", Linear)
