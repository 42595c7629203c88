"""Read the circuits of all cells of a run: circuits.csv and plots/circuits.png.

>>> rows = survey("runs/mainline-post")
>>> write_survey(rows, "runs/mainline-post")
"""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from jaxgrok.circuits.circuit import circuit
from jaxgrok.circuits.network import Diverged, Network
from jaxgrok.fourier.group_order import reading_of
from jaxgrok.host.files.checked_files import write_table
from jaxgrok.host.files.paths import AnyPath, UserPath, as_path
from jaxgrok.host.terminal import number, tracked
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
    frequencies excluded; None where a number is unknown, and all of them where the last
    snapshot is not finite.
    """

    cell: int
    axes: dict[str, Any]
    order: int
    step: int
    phase: str | None
    grok_step: int | None
    has_circuit: bool | None = None
    sparse: bool | None = None
    answer_share: float | None = None
    key_frequencies: tuple[int, ...] = ()
    clusters: dict[int, int] = dataclasses.field(default_factory=dict)
    neuron_share: float | None = None
    W_E_share: float | None = None
    W_L_share: float | None = None
    logit_variance_explained: float | None = None
    train_loss: float | None = None
    test_loss: float | None = None
    all_loss: float | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    all_accuracy: float | None = None
    trig_loss: float | None = None
    excluded_loss: float | None = None
    cos_approximation_loss: float | None = None

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


def survey(
    run: RunOrPath,
    key_rule: str | None = None,
    key_frequencies: Sequence[int] | None = None,
    *,
    quiet: bool = True,
) -> list[CircuitRow]:
    """Read the last circuit of every cell that has snapshots.

    Cells whose operation has no Fourier reading are left out, if others have one.

    Args:
        run: a run or its directory.
        key_rule: as in `read_circuit`.
        key_frequencies: likewise.
        quiet: show no bar.

    Raises:
        ValueError: no cell has snapshots, or no task a Fourier reading.
    """
    opened = open_run(run)
    # A cell that is still training has snapshots, and no row of cells.csv yet.
    outcomes = {row["cell"]: row for row in opened.rows()}
    cells = opened.cells_with_snapshots()
    readable = [cell for cell in cells if cell.task.reading is not None]
    if not readable:
        reading_of(cells[0].task)
    # The last alone: the measures of all snapshots would take far longer.
    last = [(cell.cell.kin, cell.steps()[-1]) for cell in readable]
    every_params = opened.snapshots.each(last)
    rows = []
    for cell in tracked(readable, "circuits", quiet=quiet):
        row = _blank_row(cell, outcomes.get(cell.index, {}))
        params = next(every_params)
        # One cell that diverged keeps no other from being read.
        with contextlib.suppress(Diverged):
            # Not kept by a name: two large networks would not fit into memory.
            reading = _reading(cell.network_of(params), key_rule, key_frequencies)
            row = dataclasses.replace(row, **reading)
        rows.append(row)
    return rows


def _blank_row(cell: RunCell, outcome: Mapping[str, Any]) -> CircuitRow:
    """Return what is known of a cell before its circuit is read.

    Args:
        cell: one with snapshots.
        outcome: its row of cells.csv, or empty.
    """
    return CircuitRow(
        cell=cell.index,
        axes=cell.axes,
        order=reading_of(cell.task).order,
        step=cell.steps()[-1],
        phase=outcome.get("phase"),
        grok_step=outcome.get("grok_step"),
    )


def _reading(
    network: Network, key_rule: str | None, key_frequencies: Sequence[int] | None
) -> dict[str, Any]:
    """Read the circuit of a network; the fields of its row."""
    result = circuit(network, key_rule=key_rule, key_frequencies=key_frequencies)
    # As circuit.json has them: None where a number is unknown.
    numbers = result.as_dict()
    return {name: numbers[name] for name in _PLAIN} | {
        "key_frequencies": result.key_frequencies,
        "clusters": {k: len(neurons) for k, neurons in result.clusters.items()},
        "logit_variance_explained": numbers["logit_variance_explained"]["overall"],
        "trig_loss": numbers["trig_loss"]["all"],
        "excluded_loss": numbers["excluded_loss_2d"]["full"],
    }


_PLAIN = (
    "has_circuit",
    "sparse",
    "answer_share",
    "neuron_share",
    "W_E_share",
    "W_L_share",
    "train_loss",
    "test_loss",
    "all_loss",
    "train_accuracy",
    "test_accuracy",
    "all_accuracy",
    "cos_approximation_loss",
)
"""Columns that circuit.json has under their own names."""


def count(rows: Sequence[CircuitRow]) -> str:
    """Say how many networks have a circuit, and how many could not be read."""
    circuits = sum(row.has_circuit is True for row in rows)
    diverged = sum(row.has_circuit is None for row in rows)
    text = f"{circuits} of {number(len(rows), 'network')} have a circuit"
    return f"{text}; {diverged} diverged" if diverged else text


def write_survey(rows: Sequence[CircuitRow], run_dir: UserPath) -> AnyPath:
    """Write circuits.csv and plots/circuits.png into a folder; return the table."""
    path = as_path(run_dir)
    path.mkdir(parents=True, exist_ok=True)
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
