"""Read the circuit of a cell, or of weights from elsewhere, and write it to a folder.

>>> report = read_circuit("runs/mainline-post", "seed=0")
>>> report.circuit.key_frequencies
(14, 35, 41)
>>> write(report, "circuits/seed=0")
"""

import dataclasses
import json
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxgrok.analyse import figure_arrays
from jaxgrok.circuits.circuit import Circuit, circuit
from jaxgrok.circuits.network import Diverged, Network, read
from jaxgrok.circuits.stages import observations, stages
from jaxgrok.circuits.weights import files, transformerlens
from jaxgrok.fourier.group_order import reading_of
from jaxgrok.grid.selector import Selector
from jaxgrok.host.files import checked_files
from jaxgrok.host.files.paths import AnyPath, UserPath, as_path
from jaxgrok.plots import circuit_figures
from jaxgrok.plots.files import save
from jaxgrok.results.run import RunOrPath, open_run
from jaxgrok.results.run_cell import RunCell


@dataclasses.dataclass(frozen=True)
class CellSource:
    """Where a network of a run comes from.

    Attributes:
        run: the directory.
        cell: row of cells.csv.
        axes: its axis values.
        step: of the snapshot.
    """

    run: str
    cell: int
    axes: dict[str, Any]
    step: int


@dataclasses.dataclass(frozen=True)
class FileSource:
    """Where a network from elsewhere comes from: its .npz."""

    weights: str


@dataclasses.dataclass(frozen=True)
class Report:
    """What was read of one network.

    Attributes:
        source: where the network comes from.
        network: its activations over every pair of its task.
        circuit: what it learned.
        measures: progress measures over its snapshots, as `trajectory` returns them;
            None if they were not asked for, or there are no snapshots.
        skipped: snapshots that are not finite, which the measures leave out.
    """

    source: CellSource | FileSource
    network: Network
    circuit: Circuit
    measures: dict[str, np.ndarray] | None = None
    skipped: int = 0

    @property
    def stages(self) -> dict[str, list[int] | None] | None:
        """First and last step of each stage of the training, or None."""
        return None if self.measures is None else stages(self.measures)

    @property
    def warning(self) -> str | None:
        """One line where the network does not do what was assumed, or None."""
        circuit = self.circuit
        if circuit.solves_task:
            return None
        text = (
            f"right on {circuit.all_accuracy:.1%} of all pairs, loss "
            f"{circuit.all_loss:.3g} (a guess: {math.log(self.network.classes):.3g}): "
        )
        if isinstance(self.source, CellSource):
            return f"{text}the network does not solve {circuit.assumed.operation}"
        return (
            f"{text}if the network is better than that, it was misread; assumed: "
            f"{circuit.assumed} (--operation, --activation and cfg.json say otherwise)"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the contents of circuit.json."""
        entries = dataclasses.asdict(self.source) | self.circuit.as_dict(self.stages)
        if self.measures is not None:
            entries["observations"] = observations(self.measures)
            entries["skipped_snapshots"] = self.skipped
        return entries


def read_circuit(
    run: RunOrPath,
    selector: Selector,
    step: int | None = None,
    *,
    key_rule: str | None = None,
    key_frequencies: Sequence[int] | None = None,
    over_training: bool = True,
) -> Report:
    """Read the circuit of a cell.

    Args:
        run: a run or its directory.
        selector: the cell, as in `Run.cell`.
        step: of a snapshot; the last by default.
        key_rule: which frequencies are key; one of `KEY_RULES` of
            `jaxgrok.fourier.key_frequencies`. By default W_L where there is a circuit,
            and none where there is none.
        key_frequencies: key ones, in place of a rule.
        over_training: whether to measure all its snapshots too, by the key
            frequencies of the last.

    Raises:
        ValueError: the cell has no such snapshot, or its task no Fourier reading.
        Diverged: the snapshot is not finite.
        FileNotFoundError: there is no run directory.
    """
    cell = open_run(run).cell(selector)
    # First: without a Fourier reading, other snapshots would be of no help.
    reading_of(cell.task)
    # The step is recorded as a number, even where it was left to be the last.
    step = cell.checked_step(step)
    source = CellSource(str(cell.run.path), cell.index, cell.axes, step)
    network = _network(cell, step)
    result = circuit(network, key_rule=key_rule, key_frequencies=key_frequencies)
    if not over_training:
        return Report(source, network, result)
    # Two large networks would not fit into memory together: it is run again below.
    del network
    keys = result.key_frequencies
    if key_frequencies is None and step != cell.steps()[-1]:
        # An earlier snapshot may have no key frequencies yet: follow the last's.
        last = cell.last_finite_step()
        keys = cell.circuit(last, key_rule=key_rule).key_frequencies
    measures = cell.measures(keys)
    skipped = len(cell.steps()) - len(measures["steps"])
    return Report(source, _network(cell, step), result, measures, skipped)


def _network(cell: RunCell, step: int) -> Network:
    """Return the activations of a snapshot; if it diverged, say which one did not."""
    try:
        return cell.network(step)
    except Diverged as error:
        last = cell.last_finite_step()
        way_out = "" if last is None else f"; the last finite snapshot is --step {last}"
        raise Diverged(f"cell {cell.index}, step {step}: {error}{way_out}") from None


def read_weights(
    weights: str | os.PathLike[str],
    *,
    train_index: str | os.PathLike[str] | None = None,
    operation: str | None = None,
    activation: str | None = None,
    key_rule: str | None = None,
    key_frequencies: Sequence[int] | None = None,
) -> Report:
    """Read the circuit of an .npz of TransformerLens-named arrays.

    Args:
        weights: the .npz.
        train_index: an .npy of the training pairs: rows x·p + y, a mask [p²] or pairs
            [n, 2]; without it, the losses are not split into train and test.
        operation: the task, if no cfg.json beside the file says; x+y by default.
        activation: likewise; relu by default.
        key_rule: as in `read_circuit`.
        key_frequencies: likewise.

    Raises:
        ValueError: the arrays or cfg.json are not those of a network over `x y =`.
    """
    task, model, params = transformerlens.load_npz(
        weights, operation=operation, activation=activation
    )
    is_train = None
    if train_index is not None:
        is_train = files.train_index(train_index, task)
    try:
        network = read(task, model, params, is_train)
    except Diverged as error:
        raise Diverged(f"{weights}: {error}") from None
    result = circuit(network, key_rule=key_rule, key_frequencies=key_frequencies)
    return Report(FileSource(str(weights)), network, result)


def write(
    report: Report,
    folder: UserPath,
    names: Sequence[str] | None = None,
) -> AnyPath:
    """Write circuit.json, figures.npz and the figures into a folder; return it.

    Args:
        report: of `read_circuit` or `read_weights`.
        folder: made if it does not exist.
        names: the figures; by default all that the network has.

    Raises:
        ValueError: the network does not have one of the figures; nothing is written.
    """
    out, entries = as_path(folder), report.as_dict()
    figures = circuit_figures.figures(
        report.network, report.circuit, report.measures, report.stages, names
    )
    # The names are checked when the first figure is drawn, before the folder is made.
    first = next(figures)
    out.mkdir(parents=True, exist_ok=True)
    # `allow_nan` is a check: `as_dict` has None for every NaN.
    text = json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    checked_files.write(out / "circuit.json", text.encode())
    figure_arrays.write(report, out)
    # One figure at a time is open: `figures` draws the next when it is asked for.
    for name, figure in (first, *figures):
        save(figure, out / f"{name}.png")
    return out
