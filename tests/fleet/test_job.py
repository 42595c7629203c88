"""A worker elsewhere resolves the same cells as the coordinator, or refuses."""

from pathlib import Path

import jax
import ml_collections
import numpy as np
import pytest

import tiny
from jaxgrok import grid
from jaxgrok.fleet import job, wire
from jaxgrok.grid.grid_file import GridFile

FIELDS = {"seed": (0, 1, 2), "weight_decay": (0.0, 1.0)}


def described(config, grid_file=None):
    return job.describe(config, grid.resolve(config), grid_file)


@pytest.mark.parametrize(
    "fields",
    [
        FIELDS,
        {"weight_decay": np.array([0.1, 1.0])},
        {"n_train": grid.sizes(5, 20, 3), "train_fraction": ()},
        {"snapshots": "all"},
    ],
    ids=["tuples", "arrays", "sizes", "snapshots"],
)
def test_the_cells_are_the_same_behind_the_wire(tmp_path, fields):
    config = tiny.config(**fields)
    message = wire.decode(wire.encode(described(config)))
    made = job.worker(message._replace(worker="one"), tmp_path)
    greeting = made.greet()
    assert greeting.worker == "one"
    assert list(greeting.seats) == list(range(len(jax.local_devices())))
    again = grid.resolve(ml_collections.ConfigDict(message.config))
    cells = [cell.id for cell in grid.resolve(config).cells]
    assert [cell.id for cell in again.cells] == cells


@pytest.mark.parametrize(
    "fields", [{"seed": (0, 1)}, {"steps": (50,)}, {"block_width": 4}], ids=str
)
def test_other_cells_are_refused(tmp_path, fields):
    message = described(tiny.config(**FIELDS))
    other = described(tiny.config(**(FIELDS | fields)))
    assert other.cells != message.cells
    with pytest.raises(ValueError, match="its cells are other ones"):
        job.worker(other._replace(cells=message.cells), tmp_path)


def test_a_grid_file_is_run_for_what_it_registers(tmp_path, monkeypatch):
    calls = []

    def load(file):
        calls.append(Path(file).read_text(encoding="utf-8"))

    monkeypatch.setattr(job.grid_files, "load_registrations", load)
    text = "# naïve\nregister = 1\n"
    message = described(tiny.config())._replace(grid_file=text)
    job.worker(message, tmp_path)
    assert calls == [text]


def test_a_grid_file_goes_with_its_text():
    file = GridFile("/a.py", "text", "")
    assert described(tiny.config(), file).grid_file == "text"
    assert described(tiny.config()).grid_file == ""


def test_a_grid_file_finds_its_neighbours_where_it_lies(tmp_path):
    (tmp_path / "beside_a_grid.py").write_text("answer = 42\n", encoding="utf-8")
    text = "import beside_a_grid\nassert beside_a_grid.answer == 42\n"
    file = tmp_path / "mine.py"
    file.write_text(text, encoding="utf-8")
    config = tiny.config(**FIELDS)
    message = described(config, GridFile(str(file), text, "", ""))
    assert job.worker(message, tmp_path).greet().seats
