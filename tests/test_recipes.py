"""The recipes of docs/architecture.md do what they say, from a file of the user's."""

import re
import runpy
from pathlib import Path

import pytest

import jaxgrok
import tiny
from jaxgrok import models, tasks

pytestmark = pytest.mark.usefixtures("hurried")

PAGE = Path(__file__).parent.parent / "docs" / "architecture.md"


def recipes():
    """Heading of a recipe → its code."""
    section = PAGE.read_text().partition("\n## Adding things\n")[2]
    parts = re.split(r"^### (.+)\n", section, flags=re.MULTILINE)[1:]
    blocks = {}
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        (blocks[heading],) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return blocks


RECIPES = recipes()


@pytest.fixture(autouse=True)
def registries(monkeypatch):
    """What a recipe registers is gone after its test."""
    monkeypatch.setattr(tasks, "TASKS", dict(tasks.TASKS))
    monkeypatch.setattr(models, "MODELS", dict(models.MODELS))


@pytest.fixture
def cook(tmp_path):
    """Run a recipe from a file outside the package, and return what it defines."""

    def run(heading):
        file = tmp_path / "recipe.py"
        file.write_text(RECIPES[heading])
        return runpy.run_path(str(file))

    return run


def trained(tmp_path, **fields):
    """Train a tiny grid and return its dataset."""
    config = tiny.config(steps=(10,), **fields)
    dataset = jaxgrok.run(config, tmp_path / "run", blocks=1, quiet=True)
    assert (dataset.status == "done").all()
    return dataset


@pytest.mark.parametrize("heading", RECIPES)
def test_a_recipe_has_at_most_twelve_lines_of_code(heading):
    assert sum(bool(line.strip()) for line in RECIPES[heading].splitlines()) <= 12


def test_a_task(cook, tmp_path):
    larger = cook("A task")["Larger"](margin=3)
    tokens, labels = larger.pool()
    x, y, equals = tokens.T
    assert (labels[:, 0] == (x > y + 3)).all() and (equals == 10).all()
    dataset = trained(tmp_path, task="larger", margin=3)
    assert dataset.sizes["cell"] == 1


def test_a_model(cook, tmp_path):
    cook("A model")
    dataset = trained(tmp_path, model="sum", width=8)
    assert list(dataset.matrix) == ["W_in", "W_out"]
