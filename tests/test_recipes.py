"""The recipes of docs/architecture.md do what they say, from a file of the user's."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import jaxgrok
import tiny
from jaxgrok import models, tasks
from jaxgrok.plots import run_figures
from jaxgrok.training import losses, measures, optimisers

REGISTRIES = [
    tasks.TASKS,
    models.MODELS,
    optimisers.OPTIMISERS,
    losses.LOSSES,
    measures.MEASURES,
    run_figures.FIGURES,
]

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
def registries():
    """What a recipe registers is gone after its test."""
    tables = [getattr(registry, "_entries", registry) for registry in REGISTRIES]
    copies = [dict(table) for table in tables]
    yield
    for table, entries in zip(tables, copies, strict=True):
        table.clear()
        table.update(entries)


@pytest.fixture
def cook(tmp_path):
    """Run a recipe from a file outside the package, and return what it defines."""

    def run(heading):
        file = tmp_path / "recipe.py"
        file.write_text(RECIPES[heading])
        return runpy.run_path(str(file))

    return run


@pytest.fixture
def trained(tmp_path):
    """Train a tiny grid with some fields and return its dataset."""

    def run(**fields):
        config = tiny.config(steps=(10,), **fields)
        dataset = jaxgrok.run(config, tmp_path / "run", blocks=1, quiet=True)
        assert (dataset.status == "done").all()
        return dataset

    return run


@pytest.mark.parametrize("heading", RECIPES)
def test_a_recipe_is_short(heading):
    lines = [line for line in RECIPES[heading].splitlines() if line.strip()]
    assert len(lines) <= 12


@pytest.mark.long
def test_a_task(cook, trained):
    larger = cook("A task")["Larger"](margin=3)
    tokens, labels = larger.pool()
    x, y, equals = tokens.T
    assert (labels[:, 0] == (x > y + 3)).all() and (equals == 10).all()
    trained(task="larger", margin=3)


@pytest.mark.long
def test_a_model(cook, trained):
    cook("A model")
    assert list(trained(model="sum").matrix) == ["W"]


@pytest.mark.long
def test_an_optimiser(cook, trained):
    cook("An optimiser")
    losses = trained(optimiser="lamb", learning_rate=(0.0, 0.1)).train_loss
    still, moving = losses.transpose("learning_rate", ..., "step").values.reshape(2, -1)
    assert len(set(still)) == 1 < len(set(moving))


@pytest.mark.long
def test_a_loss(cook, trained):
    squared = cook("A loss")["squared"]
    logits = np.array([[1.0, 0.0], [1.0, 2.0]], np.float32)
    assert np.allclose(squared(logits, np.array([0, 0])), [0.0, 4.0])
    trained(loss="squared")


@pytest.mark.long
def test_a_measure(cook, trained):
    cook("A measure")
    dataset = trained(measures="largest")
    assert (dataset.largest_weight.sel(matrix="embed.W_E") > 0).all()
    assert set(dataset.largest_weight.dims) == set(dataset.sum_of_squares.dims)


@pytest.mark.long
@pytest.mark.usefixtures("with_figures")
def test_a_figure(cook, trained, tmp_path):
    cook("A figure")
    trained()
    names = [name for name, _ in jaxgrok.figures(tmp_path / "run")]
    assert "test_losses" in names
    assert (tmp_path / "run" / "plots" / "test_losses.png").stat().st_size > 1_000
