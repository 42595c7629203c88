"""Score the attention heads of cells whose task an induction circuit solves.

>>> heads = read_heads("runs/repeats_online-laptop", "seed=0")
>>> heads.scores["induction"][-1]                     # [layers, heads]
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgrok.circuits.induction_heads import SCORES, has_heads, head_scores
from jaxgrok.grid.selector import Selector
from jaxgrok.host.files.checked_files import write_table
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.host.terminal import tracked
from jaxgrok.plots import circuit as plots
from jaxgrok.plots.files import save
from jaxgrok.results.run import RunOrPath, open_run
from jaxgrok.results.run_cell import RunCell
from jaxgrok.tasks import Example, Task, draw
from jaxgrok.training.examples import stream

EXAMPLES = 256
"""Fresh examples that the scores are means over."""


@dataclasses.dataclass(frozen=True)
class HeadRow:
    """One head of heads.csv, at a snapshot of its cell: there, at the last.

    Attributes:
        cell: row of cells.csv.
        axes: axis values of the cell.
        step: of the snapshot.
        layer: counted from 0.
        head: counted from 0.
        previous_token: see `jaxgrok.circuits.induction_heads`; NaN where the network
            diverged.
        induction: likewise.
    """

    cell: int
    axes: dict[str, Any]
    step: int
    layer: int
    head: int
    previous_token: float
    induction: float

    def as_dict(self) -> dict[str, Any]:
        """Return the columns of heads.csv: `cell`, the axes, every other field.

        None for a score that is not finite.
        """
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name in SCORES:
            fields[name] = fields[name] if math.isfinite(fields[name]) else None
        axes = fields.pop("axes")
        return {"cell": fields.pop("cell"), **axes, **fields}


@dataclasses.dataclass(frozen=True)
class Heads:
    """Scores of the heads of one cell over its snapshots.

    Attributes:
        cell: the cell.
        steps: [snaps].
        scores: name → [snaps, layers, heads].
    """

    cell: RunCell
    steps: np.ndarray
    scores: dict[str, np.ndarray]

    def rows(self, snapshot: int = -1) -> list[HeadRow]:
        """Return the rows of heads.csv, one a head, of the last or another snapshot."""
        values = {name: values[snapshot] for name, values in self.scores.items()}
        rows = []
        for layer, head in np.ndindex(values[SCORES[0]].shape):
            scores = {name: float(values[name][layer, head]) for name in SCORES}
            step = int(self.steps[snapshot])
            index, axes = self.cell.index, self.cell.axes
            rows.append(HeadRow(index, axes, step, layer, head, **scores))
        return rows

    def rows_over_training(self) -> list[dict[str, Any]]:
        """Return the rows of heads/CELL.csv: every snapshot, without the axes."""
        rows = [row for i in range(len(self.steps)) for row in self.rows(i)]
        return [dataclasses.replace(row, axes={}).as_dict() for row in rows]


def reads(run: RunOrPath) -> bool:
    """Tell whether the first cell's task is one that an induction circuit solves."""
    # One cell speaks for the run: a directory is read in one way.
    return has_heads(open_run(run).cell(0).task)


def read_heads(run: RunOrPath, selector: Selector) -> Heads:
    """Score a cell's heads over its snapshots, on fresh examples of its seed.

    Args:
        run: a run or its directory.
        selector: the cell, as in `Run.cell`.

    Raises:
        ValueError: the cell has no snapshots, or its task no induction circuit.
    """
    cell = open_run(run).cell(selector)
    if not has_heads(cell.task):
        raise ValueError(f"{cell.task} is not solved by induction: take task='repeats'")
    steps, params = cell.trajectory()
    # A stream of its own, independent of what the training drew.
    key = stream(cell.cell.lane["seed"], "heads")
    # Static: the task is hashable, and the number of examples is a shape.
    examples = jax.jit(draw, static_argnums=(0, 2))(cell.task, key, EXAMPLES)
    one = functools.partial(_scores, cell.task, cell.model, examples)

    # `map`, not `vmap`: one snapshot's activations in memory at a time.
    @jax.jit
    def scores(params: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        by_name: dict[str, jax.Array] = jax.lax.map(one, params)
        return by_name

    arrays = scores({name: jnp.asarray(array) for name, array in params.items()})
    return Heads(cell, steps, {name: np.asarray(arrays[name]) for name in SCORES})


def _scores(
    task: Task, model: Any, examples: Example, params: Mapping[str, jax.Array]
) -> dict[str, jax.Array]:
    """Score the heads of one snapshot, parameters last: for `partial` and `map`."""
    return head_scores(task, model, params, examples)


def write(heads: Heads, run: RunOrPath) -> AnyPath:
    """Write the scores over training, heads/CELL.csv, and draw them; return the PNG."""
    folder = open_run(run).path / "heads"
    folder.mkdir(parents=True, exist_ok=True)
    name = heads.cell.label
    rows = heads.rows_over_training()
    write_table(folder / f"{name}.csv", list(rows[0]), rows)
    figure = plots.heads(heads.steps, heads.scores, title=name.replace(",", ", "))
    save(figure, folder / f"{name}.png")
    return folder / f"{name}.png"


def survey(run: RunOrPath, *, quiet: bool = True) -> AnyPath:
    """Write heads.csv; of every cell that has snapshots, a table and a figure.

    Args:
        run: a run or its directory.
        quiet: show no bar.
    """
    opened = open_run(run)
    rows: list[HeadRow] = []
    cells = opened.cells_with_snapshots()
    for cell in tracked(cells, "circuits", quiet=quiet):
        heads = read_heads(opened, cell.index)
        write(heads, opened)
        rows += heads.rows()
    # Never empty: `cells_with_snapshots` refuses a run without any.
    table = [row.as_dict() for row in rows]
    write_table(opened.path / "heads.csv", list(table[0]), table)
    return opened.path / "heads.csv"
