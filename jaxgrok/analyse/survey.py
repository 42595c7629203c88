"""Read the circuits of all cells of a run: circuits.csv and plots/circuits.png.

>>> rows = survey("runs/mainline-post")
>>> write_survey(rows, "runs/mainline-post")
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxgrok.analyse.circuits import read_circuit
from jaxgrok.host.atomic_files import write_table
from jaxgrok.plots import circuit as plots
from jaxgrok.plots.files import save
from jaxgrok.results.run import RunOrPath, open_run
from jaxgrok.results.run_cell import RunCell


@dataclasses.dataclass(frozen=True)
class CircuitRow:
    """One cell of circuits.csv: a column a field, after `cell` and the axes.

    Attributes:
        cell: row of cells.csv.
        axes: axis values of the cell.
        order: of the task's group.
        step: the last snapshot.
        phase: of the cell; None if it has not finished.
        grok_step: of the cell; None if it did not grok.
        clusters: frequency → number of its neurons.

    The other fields are those of `Circuit`, of all pairs of the task and with all key
    frequencies excluded; None where a number is unknown.
    """

    cell: int
    axes: dict[str, Any]
    order: int
    step: int
    phase: str | None
    grok_step: int | None
    sparse: bool
    key_frequencies: tuple[int, ...]
    clusters: dict[int, int]
    neuron_share: float | None
    W_E_share: float | None
    W_L_share: float | None
    logit_variance_explained: float | None
    train_loss: float | None
    test_loss: float | None
    all_loss: float | None
    trig_loss: float | None
    excluded_loss: float | None
    cos_approximation_loss: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return `cell`, the axes and every other field, by name."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        axes = fields.pop("axes")
        return {"cell": fields.pop("cell"), **axes, **fields}


# Columns of their own: the row of the cell, and one for each axis.
_NOT_COLUMNS = ("cell", "axes")
COLUMNS = tuple(
    field.name
    for field in dataclasses.fields(CircuitRow)
    if field.name not in _NOT_COLUMNS
)
"""Columns of circuits.csv after `cell` and the axes."""


def survey(run: RunOrPath, key_rule: str = "W_L") -> list[CircuitRow]:
    """Read the last circuit of every cell that has snapshots.

    Args:
        run: a run or its directory.
        key_rule: as in `read_circuit`.

    Raises:
        ValueError: no cell has snapshots, or the task no Fourier reading.
    """
    opened = open_run(run)
    # A cell that is still training has snapshots, and no row of cells.csv yet.
    outcomes = {row["cell"]: row for row in opened.rows()}
    rows = []
    for cell in opened.cells_with_snapshots():
        rows.append(_row(cell, key_rule, outcomes.get(cell.index, {})))
    return rows


def _row(cell: RunCell, key_rule: str, outcome: Mapping[str, Any]) -> CircuitRow:
    """Read a cell's last circuit; `outcome` is its row of cells.csv, or empty."""
    # The measures of all snapshots would take far longer than the last circuit.
    report = read_circuit(cell.run, cell.index, key_rule=key_rule, over_training=False)
    circuit = report.circuit
    # As circuit.json has them: None where a number is unknown.
    numbers = circuit.as_dict()
    return CircuitRow(
        cell=cell.index,
        axes=cell.axes,
        order=circuit.order,
        step=cell.steps()[-1],
        phase=outcome.get("phase"),
        grok_step=outcome.get("grok_step"),
        sparse=circuit.sparse,
        key_frequencies=circuit.key_frequencies,
        clusters={k: len(neurons) for k, neurons in circuit.clusters.items()},
        neuron_share=numbers["neuron_share"],
        W_E_share=numbers["W_E_share"],
        W_L_share=numbers["W_L_share"],
        logit_variance_explained=numbers["logit_variance_explained"]["overall"],
        train_loss=numbers["train_loss"],
        test_loss=numbers["test_loss"],
        all_loss=numbers["all_loss"],
        trig_loss=numbers["trig_loss"]["all"],
        excluded_loss=numbers["excluded_loss_2d"]["full"],
        cos_approximation_loss=numbers["cos_approximation_loss"],
    )


def write_survey(rows: Sequence[CircuitRow], run_dir: str | os.PathLike[str]) -> Path:
    """Write circuits.csv and plots/circuits.png into a folder; return the table."""
    path = Path(run_dir)
    # Texts for the table only: the figure below draws the values.
    texts = []
    for row in rows:
        texts.append({name: _text(value) for name, value in row.as_dict().items()})
    write_table(path / "circuits.csv", ["cell", *rows[0].axes, *COLUMNS], texts)
    (path / "plots").mkdir(exist_ok=True)
    save(plots.seeds([row.as_dict() for row in rows]), path / "plots" / "circuits.png")
    return path / "circuits.csv"


def _text(value: Any) -> str:
    """Word a value of circuits.csv: 14 35 41, or 14:85 35:90 for clusters."""
    if isinstance(value, Mapping):
        return " ".join(f"{k}:{v}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
