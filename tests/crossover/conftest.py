"""Searches for the tests to look at, and figures that are not drawn."""

import pytest
from matplotlib.figure import Figure

import jaxgrok
from jaxgrok.crossover.find import find
from searches import WIDTH, config


def draw_nothing(patch):
    """Leave figures empty: drawing them takes longer than training does."""
    patch.setattr(Figure, "savefig", lambda self, path, **how: path.touch())


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are not drawn in the test."""
    draw_nothing(monkeypatch)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A finished search with its figures, and its findings."""
    out = tmp_path_factory.mktemp("whole") / "run"
    return out, find(config(), out, width=WIDTH, blocks=2, quiet=True)


@pytest.fixture(scope="session")
def short(tmp_path_factory):
    """A search whose budget of lane-steps is soon spent, and its findings."""
    out = tmp_path_factory.mktemp("short") / "run"
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        findings = find(config(), out, width=WIDTH, budget=800, blocks=2, quiet=True)
    return out, findings


@pytest.fixture(scope="session")
def swept(tmp_path_factory):
    """Every cell of the same grid, at another padding."""
    out = tmp_path_factory.mktemp("swept") / "run"
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        jaxgrok.run(config(train_size=49), out, blocks=2, quiet=True)
    return out
