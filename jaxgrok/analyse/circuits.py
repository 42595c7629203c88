"""From files to circuits and back: cells of a run directory, weights from elsewhere.

Owns what circuit.json, circuits.csv and the figures' folder hold. Does no mathematics.

    >>> report = of_cell("runs/mainline-post", "seed=0")
    >>> report.circuit.key_frequencies
    (14, 35, 41)
    >>> write(report, "circuits/seed=0")
"""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgrok.circuits import trajectory as progress
from jaxgrok.circuits import transformerlens
from jaxgrok.circuits.circuit import Circuit, circuit
from jaxgrok.circuits.network import Network, read
from jaxgrok.fourier.group_order import reading_of
from jaxgrok.grid import selector
from jaxgrok.grid.selector import Selector
from jaxgrok.host.atomic_files import write_atomically, write_table
from jaxgrok.plots import circuit as portraits
from jaxgrok.plots import circuit_figures
from jaxgrok.plots.files import save
from jaxgrok.results import run_directory, snapshots
from jaxgrok.results.manifest import Manifest, read_manifest
from jaxgrok.training import examples

COLUMNS = (
    "order",
    "step",
    "phase",
    "grok_step",
    "sparse",
    "key_frequencies",
    "clusters",
    "neuron_share",
    "W_E_share",
    "W_L_share",
    "logit_variance_explained",
    "train_loss",
    "test_loss",
    "all_loss",
    "trig_loss",
    "excluded_loss",
    "cos_approximation_loss",
)
"""Columns of circuits.csv after `cell` and the axes."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What was read of one network.

    Attributes:
        source: where it comes from: run directory and cell, or file; and its step.
        network: its arrays.
        circuit: what the analysis finds in them.
        measures: progress measures over its snapshots, or None.
    """

    source: dict[str, Any]
    network: Network
    circuit: Circuit
    measures: dict[str, np.ndarray] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The contents of circuit.json."""
        if self.measures is None:
            return self.source | self.circuit.as_dict()
        stages = progress.stages(self.measures)
        observed = {"observations": progress.observations(self.measures)}
        return self.source | self.circuit.as_dict(stages) | observed


def of_cell(
    run_dir: str | os.PathLike[str],
    cell: Selector,
    *,
    step: int | None = None,
    key_rule: str = "W_L",
    over_training: bool = True,
) -> Report:
    """Read the circuit of a cell at a kept step, the last by default.

    With `over_training`, also the progress measures of all its snapshots, by the key
    frequencies of the last. Raises ValueError in one line where the cell has no
    snapshots, or its task no Fourier reading.
    """
    described = read_manifest(Path(run_dir))
    index = selector.one([c.axes for c in described.cells], cell)
    task, model = _network_of(described, index)
    chosen = described.cells[index]
    is_train = _is_train(task, chosen.lane)
    last = snapshots.steps_kept(run_dir, index)[-1]
    step = last if step is None else step
    params = snapshots.load_params(run_dir, index, step)
    network = read(task, model, params, is_train)
    found = circuit(network, key_rule=key_rule)
    source = {"run": str(run_dir), "cell": index, "axes": chosen.axes, "step": step}
    if not over_training:
        return Report(source, network, found)
    steps, trajectory = snapshots.load_trajectory(run_dir, index)
    keys = found.key_frequencies
    if step != last:
        params = {name: array[-1] for name, array in trajectory.items()}
        final = read(task, model, params, is_train)
        keys = circuit(final, key_rule=key_rule).key_frequencies
    measures = progress.trajectory(task, model, steps, trajectory, is_train, keys)
    return Report(source, network, found, measures)


def of_weights(
    weights: str | os.PathLike[str],
    *,
    train_index: str | os.PathLike[str] | None = None,
    operation: str | None = None,
    activation: str | None = None,
    key_rule: str = "W_L",
) -> Report:
    """Read the circuit of an .npz of TransformerLens-named arrays.

    train_index: an .npy of training rows x·p + y; without it, no loss is split.
    operation, activation: where no cfg.json beside it tells; x+y and relu by default.
    """
    task, model, params = transformerlens.load_npz(
        weights, operation=operation, activation=activation
    )
    rows = (
        None if train_index is None else transformerlens.train_index(train_index, task)
    )
    network = read(task, model, params, rows)
    return Report(
        {"weights": str(weights)}, network, circuit(network, key_rule=key_rule)
    )


def _network_of(described: Manifest, cell: int) -> tuple[Any, Any]:
    """The (task, model) of a cell; ValueError without a Fourier reading."""
    task, model = described.network(cell)
    reading_of(task)
    return task, model


def _is_train(task: Any, lane: Mapping[str, Any]) -> np.ndarray:
    """Which pairs of the pool a cell trained on: [pool] bool."""
    order = np.asarray(examples.order(lane["seed"], task.pool_size))
    is_train = np.zeros(task.pool_size, bool)
    is_train[order[: lane["n_train"]]] = True
    return is_train


def write(
    report: Report,
    folder: str | os.PathLike[str],
    names: Sequence[str] | None = None,
) -> Path:
    """Write circuit.json and the figures of a report into a folder; return it.

    names: the figures; all that the network has by default. ValueError for one that
    it has not, before anything is written.
    """
    out, facts = Path(folder), report.as_dict()
    figures = circuit_figures.figures(
        report.network, report.circuit, report.measures, facts["stages"], names
    )
    first = next(figures)
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(out / "circuit.json", text.encode())
    for name, figure in (first, *figures):
        save(figure, out / f"{name}.png")
    return out


def survey(
    run_dir: str | os.PathLike[str], key_rule: str = "W_L"
) -> list[dict[str, Any]]:
    """Read the last circuit of every cell that has snapshots: one row a cell.

    A row holds the axes and COLUMNS; ValueError where no cell has snapshots.
    """
    path = Path(run_dir)
    ended = {row["cell"]: row for row in run_directory.cells(path)}
    rows = []
    for cell in snapshots.cells_kept(path):
        report = of_cell(path, cell, key_rule=key_rule, over_training=False)
        rows.append(_row(report, ended.get(cell, {})))
    return rows


def _row(report: Report, ended: Mapping[str, Any]) -> dict[str, Any]:
    facts = report.circuit.as_dict()
    row = {"cell": report.source["cell"], **report.source["axes"]}
    row |= {name: facts.get(name) for name in COLUMNS}
    row |= {name: ended.get(name) for name in ("phase", "grok_step")}
    return row | {
        "step": report.source["step"],
        "order": report.circuit.order,
        "clusters": {k: len(neurons) for k, neurons in facts["clusters"].items()},
        "logit_variance_explained": facts["logit_variance_explained"]["overall"],
        "trig_loss": facts["trig_loss"]["all"],
        "excluded_loss": facts["excluded_loss_2d"]["full"],
    }


def write_survey(rows: list[dict[str, Any]], run_dir: str | os.PathLike[str]) -> Path:
    """Write circuits.csv, and plots/circuits.png where seeds are told apart."""
    path = Path(run_dir)
    names = [name for name in rows[0] if name not in COLUMNS]
    texts = [{name: _text(value) for name, value in row.items()} for row in rows]
    write_table(path / "circuits.csv", [*names, *COLUMNS], texts)
    (path / "plots").mkdir(exist_ok=True)
    save(portraits.seeds(rows), path / "plots" / "circuits.png")
    return path / "circuits.csv"


def _text(value: Any) -> str:
    """A value of circuits.csv: 14 35 41, or 14:85 35:90 for clusters."""
    if isinstance(value, Mapping):
        return " ".join(f"{k}:{v}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
