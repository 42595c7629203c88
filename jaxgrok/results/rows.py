"""Finished cells as rows: what cells.csv and components.csv say about each.

>>> rows = table(read_manifest(run_dir), read_results(run_dir))
>>> rows[0]["phase"], rows[0]["grok_step"]
('grokking', 1600)
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from jaxgrok.host.files.atomic_files import as_table, write_atomically
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.outcomes.outcomes import Outcome, outcome, spikes
from jaxgrok.outcomes.phase_changes import phase_change
from jaxgrok.results.files.manifest import Manifest
from jaxgrok.results.files.shards import Result
from jaxgrok.training.records import COMPONENT_CURVES

CELLS = "cells.csv"
COMPONENTS = "components.csv"
CROSSOVER = "crossover.csv"
CROSSOVER_FIGURE = "plots/crossover.png"
"""The figure of that table, which goes with it."""


class Key(TypedDict):
    """Which cell a row is about."""

    cell: int
    """Index of the cell in the manifest."""
    id: str
    axes: dict[str, Any]


class Change(TypedDict):
    """The phase change of a loss, each None where there is none."""

    change_step: int | None
    change_width: int | None
    non_convex: bool | None


class CellRow(Key):
    """A row of cells.csv. Steps are None where they are censored, losses in nats.

    After `cell` the table has a column for each axis, then these, in this order.
    """

    n_train: int
    status: str
    phase: str
    memorise_step: int | None
    grok_step: int | None
    change_step: int | None
    change_width: int | None
    non_convex: bool | None
    spikes: int | None
    steps: int
    train_loss: float | None
    train_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    block_width: int
    cause: str


class ComponentRow(Key):
    """A row of components.csv: one component of one cell, in the same way."""

    component: str
    memorise_step: int | None
    grok_step: int | None
    change_step: int | None
    change_width: int | None
    non_convex: bool | None
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


# The annotations of a class keep the order of its body, those of its base first.
CELL_COLUMNS = tuple(
    name for name in CellRow.__annotations__ if name not in Key.__annotations__
)
"""Columns of cells.csv after `cell` and one for each axis."""
COMPONENT_COLUMNS = tuple(
    name for name in ComponentRow.__annotations__ if name not in Key.__annotations__
)
"""Columns of components.csv after `cell` and one for each axis."""


def table(manifest: Manifest, results: Mapping[str, Result]) -> list[CellRow]:
    """Return the rows of cells.csv, in cell order, of the cells that have a result."""
    return [
        cell_row(manifest, index, results[cell.id])
        for index, cell in enumerate(manifest.cells)
        if cell.id in results
    ]


def component_table(
    manifest: Manifest, results: Mapping[str, Result]
) -> list[ComponentRow]:
    """Return the rows of components.csv; [] for a task without components."""
    rows: list[ComponentRow] = []
    for index, cell in enumerate(manifest.cells):
        if cell.id in results:
            rows += component_rows(manifest, index, results[cell.id])
    return rows


def cell_row(manifest: Manifest, index: int, result: Result) -> CellRow:
    """Return the row of a cell in cells.csv, from its index and its result."""
    cell, reached = manifest.cells[index], _outcome(manifest, index, result)
    row: CellRow = {
        "cell": index,
        "id": cell.id,
        "axes": cell.axes,
        "n_train": cell.lane["n_train"],
        "status": result.status,
        "phase": reached.phase,
        "memorise_step": reached.memorise_step,
        "grok_step": reached.grok_step,
        "change_step": None,
        "change_width": None,
        "non_convex": None,
        "spikes": None,
        "steps": 0,
        "train_loss": None,
        "train_accuracy": None,
        "test_loss": None,
        "test_accuracy": None,
        "block_width": result.block_width,
        "cause": result.cause,
    }
    if not len(result.records):
        return row
    steps, train_loss = result.curve("step"), result.curve("train_loss")
    # Three columns of the row; the type checker wants all of them at once.
    row.update(_change(steps, result.curve("test_loss")))  # type: ignore[typeddict-item]
    row["spikes"] = len(spikes(steps, train_loss, result.curve("max_train_loss")))
    row["steps"] = int(steps[-1])
    row["train_loss"] = train_loss[-1]
    row["train_accuracy"] = result.curve("train_accuracy")[-1]
    row["test_loss"] = result.curve("test_loss")[-1]
    row["test_accuracy"] = result.curve("test_accuracy")[-1]
    if reached.phase == "ended":
        row["cause"] = f"ended at step {row['steps']}"
    return row


def component_rows(
    manifest: Manifest, index: int, result: Result
) -> list[ComponentRow]:
    """Return the rows of a cell in components.csv; steps are the component's own."""
    if not len(result.records):
        return []
    cell, steps = manifest.cells[index], result.curve("step")
    rows: list[ComponentRow] = []
    for number, component in enumerate(result.components):
        # Under the plain names, the rules for a whole cell apply to a component.
        curves = {
            whole: result.curve(name)[:, number]
            for name, whole in COMPONENT_CURVES.items()
        }
        reached = outcome(
            curves | {"step": steps},
            diverged=result.status == "diverged",
            eval_every=manifest.config["eval_every"],
            thresholds=manifest.thresholds,
        )
        rows.append(
            {
                "cell": index,
                "id": cell.id,
                "axes": cell.axes,
                "component": component,
                "memorise_step": reached.memorise_step,
                "grok_step": reached.grok_step,
                **_change(steps, curves["test_loss"]),
                "train_loss": curves["train_loss"][-1],
                "train_accuracy": curves["train_accuracy"][-1],
                "test_loss": curves["test_loss"][-1],
                "test_accuracy": curves["test_accuracy"][-1],
            }
        )
    return rows


def table_bytes(
    axes: Sequence[str],
    rows: Iterable[CellRow],
    component_rows: Sequence[ComponentRow] = (),
) -> dict[str, bytes]:
    """Return cells.csv and, where there are components, components.csv, by name."""
    # n_train can be an axis, and is then not repeated.
    columns = [name for name in CELL_COLUMNS if name not in axes]
    names = ["cell", *axes, *columns]
    tables = {CELLS: as_table(names, map(_flat, rows))}
    if component_rows:
        names = ["cell", *axes, *COMPONENT_COLUMNS]
        tables[COMPONENTS] = as_table(names, map(_flat, component_rows))
    return tables


def write_tables(
    folder: AnyPath,
    axes: Sequence[str],
    rows: Iterable[CellRow],
    component_rows: Sequence[ComponentRow] = (),
) -> None:
    """Write what `table_bytes` returns into a folder that is no run directory."""
    for name, content in table_bytes(axes, rows, component_rows).items():
        write_atomically(folder / name, content)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its axes among its columns."""
    # An axis may have the name of a column, such as n_train: the column wins.
    return {**row["axes"], **row}


def _change(steps: np.ndarray, loss: np.ndarray) -> Change:
    """Return the columns about the phase change of a loss."""
    change = phase_change(steps, loss)
    if change is None:
        return {"change_step": None, "change_width": None, "non_convex": None}
    return {
        "change_step": change.step,
        "change_width": change.width,
        "non_convex": change.non_convex,
    }


def _outcome(manifest: Manifest, index: int, result: Result) -> Outcome:
    """Return the outcome of a cell; its phase is "" where none can be told."""
    if result.status == "failed":
        return Outcome("", None, None)
    steps, budget = result.curve("step"), manifest.cells[index].lane["steps"]
    reached = outcome(
        {
            "step": steps,
            "train_accuracy": result.curve("train_accuracy"),
            "test_accuracy": result.curve("test_accuracy"),
        },
        diverged=result.status == "diverged",
        ended_early=result.status == "done" and int(steps[-1]) < budget,
        eval_every=manifest.config["eval_every"],
        thresholds=manifest.thresholds,
    )
    if result.status == "stopped" and reached.grok_step is None:
        # Its budget was not spent: that it did not grok yet says nothing.
        return dataclasses.replace(reached, phase="")
    return reached
