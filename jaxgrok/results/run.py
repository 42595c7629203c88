"""A run directory as it is read: its dataset, its tables and the networks of its cells.

>>> run = jaxgrok.open("runs/mainline-post")
>>> run.dataset().test_loss.sel(seed=0)
>>> run.cell("seed=0").circuit().key_frequencies
(14, 35, 41)
"""

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from flax import linen as nn

from jaxgrok.grid import selector as selectors
from jaxgrok.grid.cells import Cell
from jaxgrok.grid.selector import Selector
from jaxgrok.models import MODELS
from jaxgrok.results import dataset, frames, rows
from jaxgrok.results.manifest import read_manifest
from jaxgrok.results.rows import CellRow
from jaxgrok.results.shards import Result, read_results
from jaxgrok.results.snapshots import SnapshotIndex
from jaxgrok.tasks import TASKS, Task
from jaxgrok.training import examples

if TYPE_CHECKING:
    from jaxgrok.circuits.circuit import Circuit
    from jaxgrok.circuits.network import Network


class Run:
    """A run directory, opened for reading.

    Each file is read once, when it is first asked for, and kept: open the directory
    again to see what a running sweep has added since.

    Attributes:
        path: the directory.
        manifest: its resolved grid, and the circumstances of the training.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.manifest = read_manifest(self.path)

    def __repr__(self) -> str:
        return f"<Run {self.path}: {self.manifest.title}, {len(self)} cells>"

    def __len__(self) -> int:
        return len(self.manifest.cells)

    @functools.cached_property
    def results(self) -> dict[str, Result]:
        """The results of the finished cells, by cell id."""
        return read_results(self.path)

    @functools.cached_property
    def snapshots(self) -> SnapshotIndex:
        """Which snapshots the cells have."""
        return SnapshotIndex(self.path)

    @functools.cached_property
    def _axes(self) -> list[dict[str, Any]]:
        return [cell.axes for cell in self.manifest.cells]

    def dataset(self) -> xr.Dataset:
        """Return everything as a dataset with the grid's axes as dimensions.

        A product grid has one dimension per axis; zipped and chained grids have `cell`,
        with the axes as coordinates. Curves have a further dimension `step`, NaN past a
        cell's end; `sum_of_squares` also `matrix`, Fourier measures `freq`, and what is
        known of every digit, trigram or task `component`. Unfinished cells have phase
        and status "".
        """
        return dataset.assemble(self.manifest, self.results)

    def cells(self) -> pd.DataFrame:
        """Return cells.csv as a frame: one row a finished cell."""
        return frames.cells_frame(self.manifest, self.results)

    def curves(self) -> pd.DataFrame:
        """Return the curves as a frame: one row an evaluation of a finished cell."""
        return frames.curves_frame(self.manifest, self.results)

    def rows(self) -> list[CellRow]:
        """Return the rows of cells.csv, in cell order, one a finished cell."""
        return rows.table(self.manifest, self.results)

    def cell(self, selector: Selector) -> "RunCell":
        """Return one cell.

        Args:
            selector: a row of cells.csv, or axis values that fit one cell:
                "weight_decay=1.0,seed=0" or {"weight_decay": 1.0, "seed": 0}.

        Raises:
            ValueError: the selector fits no cell, or several.
        """
        return RunCell(self, selectors.one(self._axes, selector))

    def cells_with_snapshots(self) -> list["RunCell"]:
        """Return the cells that have snapshots; ValueError if none has."""
        indices = self._with_snapshots()
        if not indices:
            raise ValueError(
                f"{self.path}: no cell has snapshots; train with "
                "--grid.snapshots=all to keep them"
            )
        return [RunCell(self, index) for index in indices]

    def _with_snapshots(self) -> list[int]:
        cells = enumerate(self.manifest.cells)
        return [index for index, cell in cells if cell.kin in self.snapshots]


class RunCell:
    """One cell of a run: its settings, its snapshots and what it learned.

    Attributes:
        run: the run it belongs to.
        index: its row of cells.csv.
        cell: its axis values, traced scalars and identity.
    """

    def __init__(self, run: Run, index: int) -> None:
        self.run = run
        self.index = index
        self.cell: Cell = run.manifest.cells[index]

    def __repr__(self) -> str:
        return f"<cell {self.index} of {self.run.path}: {self.label}>"

    @property
    def axes(self) -> dict[str, Any]:
        """Its axis values."""
        return self.cell.axes

    @property
    def label(self) -> str:
        """Its axis values as a file name: weight_decay=1.0,seed=0."""
        return ",".join(f"{axis}={value}" for axis, value in self.axes.items())

    @property
    def task(self) -> Task:
        """Its task; ValueError if it is not registered."""
        return self._built[0]

    @property
    def model(self) -> nn.Module:
        """Its model; ValueError if it is not registered."""
        return self._built[1]

    @functools.cached_property
    def _built(self) -> tuple[Any, Any]:
        manifest = self.run.manifest
        settings = manifest.config | self.cell.static
        for field, registry in (("task", TASKS), ("model", MODELS)):
            if settings[field] not in registry:
                # What the directory names is never executed: the user says so.
                file = getattr(manifest, "grid_file", None)
                raise ValueError(_unregistered(field, settings[field], registry, file))
        return manifest.network(self.index)

    def steps(self) -> list[int]:
        """Return the steps of its snapshots, ascending; ValueError if it has none."""
        # The same training may have gone on in a cell of a longer budget.
        budget = self.cell.lane["steps"]
        steps = [s for s in self.run.snapshots.steps(self.cell.kin) if s <= budget]
        if not steps:
            raise ValueError(f"{self.run.path}: {self._no_snapshots()}")
        return steps

    def _no_snapshots(self) -> str:
        indices = self.run._with_snapshots()
        text = f"cell {self.index} has no snapshots; "
        if not indices:
            return text + "train with --grid.snapshots=all to keep them"
        first = ", ".join(map(str, indices[:8]))
        return f"{text}cells {first}{' …' if indices[8:] else ''} have"

    def params(self, step: int | None = None) -> dict[str, np.ndarray]:
        """Return its parameters, by their TransformerLens names.

        Args:
            step: of a snapshot; the last by default.

        Raises:
            ValueError: it has no snapshots, or none of that step.
        """
        step = self.checked_step(step)
        trajectory = self.run.snapshots.load(self.cell.kin, [step])
        return {name: array[0] for name, array in trajectory.items()}

    def checked_step(self, step: int | None = None) -> int:
        """Return the step of a snapshot (the last for None); ValueError if unknown."""
        steps = self.steps()
        step = steps[-1] if step is None else step
        if step not in steps:
            near = min(steps, key=lambda other: abs(other - step))
            raise ValueError(
                f"step={step} of cell {self.index} was not kept; the nearest is "
                f"{near}, the last {steps[-1]} ({len(steps)} in all)"
            )
        return step

    def trajectory(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return all its snapshots: steps [snaps] and {name: [snaps, ...]}."""
        steps = self.steps()
        return np.array(steps), self.run.snapshots.load(self.cell.kin, steps)

    def is_train(self) -> np.ndarray:
        """Return which examples of its task's pool it trained on: [pool] bool."""
        pool_size: int = self._built[0].pool_size
        lane = self.cell.lane
        order = np.asarray(examples.order(lane["seed"], pool_size))
        is_train = np.zeros(pool_size, bool)
        is_train[order[: lane["n_train"]]] = True
        return is_train

    def network(self, step: int | None = None) -> "Network":
        """Return its activations over every pair of its task, in float64.

        Args:
            step: of a snapshot; the last by default.

        Raises:
            ValueError: it has no such snapshot, its task has no Fourier reading, or
                the network diverged.
        """
        from jaxgrok.circuits import network
        from jaxgrok.fourier.group_order import reading_of

        task, model = self._built
        reading_of(task)  # before `is_train`: other tasks may have no pool
        return network.read(task, model, self.params(step), self.is_train())

    def circuit(self, step: int | None = None, *, key_rule: str = "W_L") -> "Circuit":
        """Return the circuit that it learned.

        Args:
            step: of a snapshot; the last by default.
            key_rule: which frequencies are key; one of
                `jaxgrok.fourier.key_frequencies.KEY_RULES`.

        Raises:
            ValueError: as `network`, and for an unknown rule.
        """
        from jaxgrok.circuits.circuit import circuit

        return circuit(self.network(step), key_rule=key_rule)

    def measures(
        self, key_frequencies: Sequence[int] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the progress measures of all its snapshots.

        Args:
            key_frequencies: fixed ones, or None for each snapshot's own.

        Returns:
            Name → [snaps, ...], as `jaxgrok.circuits.trajectory.trajectory` has them.

        Raises:
            ValueError: it has no snapshots, or its task no Fourier reading.
        """
        from jaxgrok.circuits.trajectory import trajectory

        task, model = self._built
        steps, params = self.trajectory()
        return trajectory(task, model, steps, params, self.is_train(), key_frequencies)


def _unregistered(
    field: str, value: str, registry: Mapping[str, Any], grid_file: Any
) -> str:
    """Word the refusal of a task or model that only a grid file registers."""
    path = getattr(grid_file, "path", None)
    origin = f", the run's grid file is {path}" if path else ""
    return (
        f"{field}={value!r} is unknown (there are {', '.join(registry)}){origin}; give "
        f"the file that registers it: --grid {path or 'FILE'}, or in Python "
        f"jaxgrok.grid.load_registrations({str(path) if path else 'FILE'!r})"
    )


RunOrPath = Run | str | os.PathLike[str]
"""What every reading function takes: a run, or the path of its directory."""


def open_run(run: RunOrPath) -> Run:
    """Open a run directory for reading; a run is returned as it is.

    Raises:
        FileNotFoundError: there is no run directory.
        ValueError: its manifest cannot be read.
    """
    return run if isinstance(run, Run) else Run(run)


def load(run: RunOrPath) -> xr.Dataset:
    """Return a run as a dataset; see `Run.dataset`, and `open_run` for errors."""
    return open_run(run).dataset()


def cells(run: RunOrPath) -> pd.DataFrame:
    """Return a run's cells.csv as a frame; see `Run.cells`."""
    return open_run(run).cells()


def curves(run: RunOrPath) -> pd.DataFrame:
    """Return a run's curves as a frame; see `Run.curves`."""
    return open_run(run).curves()


def load_params(
    run: RunOrPath, selector: Selector, step: int | None = None
) -> dict[str, np.ndarray]:
    """Return a cell's parameters at a step; see `Run.cell` and `RunCell.params`."""
    return open_run(run).cell(selector).params(step)


def load_trajectory(
    run: RunOrPath, selector: Selector
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return a cell's snapshots; see `Run.cell` and `RunCell.trajectory`."""
    return open_run(run).cell(selector).trajectory()
