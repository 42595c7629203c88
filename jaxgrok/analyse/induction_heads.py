"""From snapshots to heads: the induction circuit of cells of a run directory.

Owns what heads.csv and heads/CELL.png hold. Does no mathematics.

    >>> found = of_cell("runs/repeats_online-laptop", "seed=0")
    >>> found.scores["induction"][-1]                     # [layers, heads]
"""

import dataclasses
import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.circuits.induction_heads import SCORES, has_heads, head_scores
from jaxgrok.grid import selector
from jaxgrok.grid.selector import Selector
from jaxgrok.host.atomic_files import write_table
from jaxgrok.plots import circuit
from jaxgrok.plots.files import save
from jaxgrok.results import snapshots
from jaxgrok.results.manifest import read_manifest
from jaxgrok.tasks import draw
from jaxgrok.training import examples as data

EXAMPLES = 256
"""Fresh examples that the scores are means over."""


@dataclasses.dataclass(frozen=True)
class Heads:
    """Scores of the heads of one cell over its snapshots.

    Attributes:
        cell: its index.
        axes: its axis values.
        steps: [snaps].
        scores: name → [snaps, layers, heads].
    """

    cell: int
    axes: dict[str, Any]
    steps: np.ndarray
    scores: dict[str, np.ndarray]

    def rows(self) -> list[dict[str, Any]]:
        """The last snapshot, one row a head: the rows of heads.csv."""
        last = {name: values[-1] for name, values in self.scores.items()}
        return [
            {"cell": self.cell, **self.axes, "step": int(self.steps[-1])}
            | {"layer": layer, "head": head}
            | {name: float(values[layer, head]) for name, values in last.items()}
            for layer, head in np.ndindex(last[SCORES[0]].shape)
        ]


def reads(run_dir: str | os.PathLike[str]) -> bool:
    """Whether the first cell's task is one that an induction circuit solves."""
    described = read_manifest(Path(run_dir))
    return has_heads(described.network(0)[0])


def of_cell(run_dir: str | os.PathLike[str], cell: Selector) -> Heads:
    """Scores of a cell's heads over its snapshots, on fresh examples of its seed.

    Raises ValueError where the cell has no snapshots, or its task no induction circuit.
    """
    described = read_manifest(Path(run_dir))
    index = selector.one([c.axes for c in described.cells], cell)
    chosen = described.cells[index]
    task, model = described.network(index)
    if not has_heads(task):
        raise ValueError(f"{task} is not solved by induction: take task='repeats'")
    steps, params = snapshots.load_trajectory(run_dir, index)
    key = data.stream(chosen.lane["seed"], "heads")
    examples = jax.jit(draw, static_argnums=(0, 2))(task, key, EXAMPLES)

    @jax.jit
    def scores(params: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        return jax.lax.map(functools.partial(_scores, task, model, examples), params)

    found = scores({name: jnp.asarray(array) for name, array in params.items()})
    arrays = {name: np.asarray(found[name]) for name in SCORES}
    return Heads(index, chosen.axes, steps, arrays)


def _scores(task: Any, model: Any, examples: Any, params: Any) -> Any:
    return head_scores(task, model, params, examples)


def write(found: Heads, run_dir: str | os.PathLike[str]) -> Path:
    """Draw the scores over training: heads/CELL.png; return it."""
    folder = Path(run_dir) / "heads"
    folder.mkdir(parents=True, exist_ok=True)
    name = ",".join(f"{axis}={value}" for axis, value in found.axes.items())
    figure = circuit.heads(found.steps, found.scores, title=name.replace(",", ", "))
    save(figure, folder / f"{name}.png")
    return folder / f"{name}.png"


def survey(run_dir: str | os.PathLike[str]) -> Path:
    """Write heads.csv, and a figure for every cell that has snapshots."""
    path = Path(run_dir)
    rows: list[dict[str, Any]] = []
    for index in snapshots.cells_kept(path):
        found = of_cell(path, index)
        write(found, path)
        rows += found.rows()
    write_table(path / "heads.csv", list(rows[0]), rows)
    return path / "heads.csv"
