"""Finished cells as rows: what cells.csv says of each.

Owns `Result`, the columns of the table and how a cell's outcome is told. Arrays in,
rows out; reads no files.

    >>> rows = table(manifest, results)
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgrok.grid.cells import Cell
from jaxgrok.outcomes.outcomes import Outcome, Thresholds, outcome, spikes
from jaxgrok.outcomes.phase_changes import phase_change
from jaxgrok.results.manifest import Manifest
from jaxgrok.training.records import COMPONENT_CURVES, CURVES

TABLE = (
    "n_train",
    "status",
    "phase",
    "memorise_step",
    "grok_step",
    "change_step",
    "change_width",
    "non_convex",
    "spikes",
    "steps",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "block_width",
    "cause",
)
"""Columns of cells.csv after `cell` and one per axis."""
OVER = ("done", "diverged")
"""How a cell ends that is not trained again."""


COMPONENT_TABLE = (
    "component",
    "memorise_step",
    "grok_step",
    "change_step",
    "change_width",
    "non_convex",
    *CURVES[:4],
)
"""Columns of components.csv after `cell` and one per axis."""


@dataclasses.dataclass(frozen=True)
class Result:
    """A finished cell: its curves and how it ended.

    `records` are [evals, columns]; the columns are `step`, CURVES, one sum of squared
    weights per matrix, COMPONENT_CURVES `name/component` where there are several, and
    measures `name/k` of a frequency k. `status` is done, stopped, diverged or failed.
    """

    cell: str
    status: str
    columns: tuple[str, ...]
    records: np.ndarray
    block_width: int
    cause: str = ""

    def curve(self, name: str) -> np.ndarray:
        """One column: [evals]."""
        return self.records[:, self.columns.index(name)]

    @property
    def components(self) -> list[str]:
        """Names of the components that have curves of their own, in order."""
        lead = f"{COMPONENT_CURVES[0]}/"
        return [c.removeprefix(lead) for c in self.columns if c.startswith(lead)]


def table(manifest: Manifest, results: Mapping[str, Result]) -> list[dict[str, Any]]:
    """Rows of cells.csv, in cell order, for the cells that have a result."""
    return [
        row_of(manifest, index, results[cell.id])
        for index, cell in enumerate(manifest.cells)
        if cell.id in results
    ]


def component_table(
    manifest: Manifest, results: Mapping[str, Result]
) -> list[dict[str, Any]]:
    """Rows of components.csv: one for each component of each cell that has several."""
    return [
        row
        for index, cell in enumerate(manifest.cells)
        if cell.id in results
        for row in component_rows(manifest, index, results[cell.id])
    ]


def row_of(manifest: Manifest, index: int, result: Result) -> dict[str, Any]:
    """The row of a cell in cells.csv, from its index and its result."""
    cell = manifest.cells[index]
    found = _outcome(manifest, cell, result, manifest.thresholds)
    row = {"cell": index, "id": cell.id, "axes": cell.axes, **cell.axes}
    row |= dict.fromkeys(TABLE)
    row |= {
        "n_train": cell.lane["n_train"],
        "status": result.status,
        "phase": found.phase,
        "memorise_step": found.memorise_step,
        "grok_step": found.grok_step,
        "steps": int(result.curve("step")[-1]) if len(result.records) else 0,
        "block_width": result.block_width,
        "cause": result.cause,
    }
    if len(result.records):
        row |= {name: result.curve(name)[-1] for name in CURVES if name in TABLE}
        row |= _change(result.curve("step"), result.curve("test_loss"))
        row["spikes"] = len(
            spikes(*map(result.curve, ("step", "train_loss", "max_train_loss")))
        )
    return row


def component_rows(
    manifest: Manifest, index: int, result: Result
) -> list[dict[str, Any]]:
    """The rows of a cell in components.csv; the phase change is the component's own."""
    if not len(result.records):
        return []
    cell, rows = manifest.cells[index], []
    for component in result.components:
        curves = {
            name: result.curve(f"component_{name}/{component}") for name in CURVES[:4]
        }
        curves["step"] = result.curve("step")
        found = outcome(
            curves,
            has_test=True,
            diverged=result.status == "diverged",
            eval_every=manifest.config["eval_every"],
            thresholds=manifest.thresholds,
        )
        row = {"cell": index, "id": cell.id, **cell.axes}
        row |= {"component": component}
        row |= {
            "memorise_step": found.memorise_step,
            "grok_step": found.grok_step,
            **_change(curves["step"], curves["test_loss"]),
        }
        row |= {name: curves[name][-1] for name in CURVES[:4]}
        rows.append(row)
    return rows


def _change(steps: np.ndarray, loss: np.ndarray) -> dict[str, Any]:
    """The columns on the phase change of a curve; None where there is none."""
    found = phase_change(steps, loss)
    if found is None:
        return dict.fromkeys(("change_step", "change_width", "non_convex"))
    return {
        "change_step": found.step,
        "change_width": found.width,
        "non_convex": found.non_convex,
    }


def _outcome(
    manifest: Manifest,
    cell: Cell,
    result: Result,
    thresholds: Thresholds,
) -> Outcome:
    if result.status == "failed":
        return Outcome("", None, None)
    curves = {n: result.curve(n) for n in ("step", "train_accuracy", "test_accuracy")}
    found = outcome(
        curves,
        has_test=cell.tested,
        diverged=result.status == "diverged",
        eval_every=manifest.config["eval_every"],
        thresholds=thresholds,
    )
    if result.status == "stopped" and found.grok_step is None:
        return dataclasses.replace(found, phase="")  # its budget was not spent
    return found
