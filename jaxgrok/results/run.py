"""A run directory as it is read: its dataset, its tables and the networks of its cells.

>>> run = jaxgrok.open("runs/mainline-post")
>>> run.dataset().test_loss.sel(seed=0)
>>> run.cell("seed=0").circuit().key_frequencies
(14, 35, 41)
"""

import contextlib
import copy
import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from jaxgrok.grid import selector as selectors
from jaxgrok.grid.selector import Selector
from jaxgrok.host import memory
from jaxgrok.host.files.npz import DAMAGE
from jaxgrok.host.files.paths import AnyPath, UserPath, as_path
from jaxgrok.outcomes.outcomes import Thresholds
from jaxgrok.results import dataset, frames, rows, snapshots
from jaxgrok.results.files.manifest import Manifest, read_manifest
from jaxgrok.results.files.second_look import second_look
from jaxgrok.results.files.shards import Result, read_results
from jaxgrok.results.rows import CellRow, ComponentRow
from jaxgrok.results.run_cell import RunCell
from jaxgrok.results.snapshots import SnapshotIndex


class Run:
    """A run directory, opened for reading.

    Each file is read once, when it is first asked for, and kept: open the directory
    again to see what a running sweep has added since.

    Attributes:
        path: the directory.
        manifest: its resolved grid, and the circumstances of the training.
    """

    _has_own_thresholds = True

    def __init__(self, path: UserPath) -> None:
        self.path = as_path(path)
        self.manifest = second_look(lambda: read_manifest(self.path))

    def __repr__(self) -> str:
        return f"<Run {self.path}: {self.manifest.title}, {len(self)} cells>"

    def __len__(self) -> int:
        return len(self.manifest.cells)

    @property
    def tables(self) -> AnyPath | None:
        """The folder of the tables that agree with its outcomes, None without any."""
        return self.path if self._has_own_thresholds else None

    @functools.cached_property
    def results(self) -> dict[str, Result]:
        """The results of the finished cells, by cell id."""
        indexed = self.manifest.is_sealed
        return second_look(lambda: read_results(self.path, indexed=indexed))

    @functools.cached_property
    def snapshots(self) -> SnapshotIndex:
        """Which snapshots the cells have."""
        return SnapshotIndex(self.path)

    @functools.cached_property
    def _axes(self) -> list[dict[str, Any]]:
        """The axis values of each cell, which selectors are compared with."""
        return [cell.axes for cell in self.manifest.cells]

    @contextlib.contextmanager
    def _sensible(self) -> Iterator[None]:
        """Name the run where its files are whole, and what they say makes no sense."""
        try:
            yield
        except (*DAMAGE, AssertionError) as error:
            if str(self.path) in str(error) or memory.ran_out(error):
                raise
            words = " ".join(str(error).split())[:200]
            raise ValueError(
                f"{self.path} makes no sense ({type(error).__name__}: {words})"
            ) from error

    def dataset(self) -> xr.Dataset:
        """Return everything as a dataset with the grid's axes as dimensions.

        A product grid has one dimension per axis; zipped and chained grids have `cell`,
        with the axes as coordinates. Curves have a further dimension `step`, NaN past a
        cell's end; `sum_of_squares` also `matrix`, Fourier measures `freq`, and what is
        known of every digit, trigram or task `component`. Unfinished cells have phase
        and status "".
        """
        with self._sensible():
            return dataset.assemble(self.manifest, self.results)

    def cells(self) -> pd.DataFrame:
        """Return cells.csv as a frame: one row a finished cell."""
        with self._sensible():
            return frames.cells_frame(self.manifest, self.results)

    def curves(self) -> pd.DataFrame:
        """Return the curves as a frame: one row an evaluation of a finished cell."""
        with self._sensible():
            return frames.curves_frame(self.manifest, self.results)

    def rows(self) -> list[CellRow]:
        """Return the rows of cells.csv, in cell order, one a finished cell."""
        with self._sensible():
            return rows.table(self.manifest, self.results)

    def component_rows(self) -> list[ComponentRow]:
        """Return the rows of components.csv; [] for a task without components."""
        with self._sensible():
            return rows.component_table(self.manifest, self.results)

    def with_thresholds(
        self,
        *,
        accuracy_threshold: float | None = None,
        hold: int | None = None,
        grok_ratio: float | None = None,
    ) -> "Run":
        """Return this run with outcomes by other thresholds, read from its curves.

        Nothing is written. A training that ended early, by the thresholds it was
        trained with, and does not meet these has the phase "ended".

        Args:
            accuracy_threshold: as the field of a grid; None for the run's own.
            hold: likewise.
            grok_ratio: likewise.

        Raises:
            ValueError: a threshold is not allowed, or can never be met.
        """
        own = self.manifest.thresholds
        thresholds = Thresholds(
            own.accuracy if accuracy_threshold is None else accuracy_threshold,
            own.hold if hold is None else hold,
            own.grok_ratio if grok_ratio is None else grok_ratio,
        )
        run = copy.copy(self)
        if thresholds == own:
            return run
        _check_hold(self.manifest, thresholds.hold)
        title = f"{self.manifest.title} · {thresholds}"
        run.manifest = dataclasses.replace(
            self.manifest, title=title, thresholds=thresholds
        )
        run._has_own_thresholds = False
        return run

    def cell(self, selector: Selector) -> RunCell:
        """Return one cell.

        Args:
            selector: a row of cells.csv, or axis values that fit one cell:
                "weight_decay=1.0,seed=0" or {"weight_decay": 1.0, "seed": 0}.

        Raises:
            ValueError: the selector fits no cell, or several.
        """
        return RunCell(self, selectors.one(self._axes, selector))

    def matching(self, selector: Selector) -> list[int]:
        """Return the rows of cells.csv that a selector fits, at least one.

        Raises:
            ValueError: the selector fits no cell.
        """
        return selectors.matching(self._axes, selector)

    def cells_with_snapshots(self) -> list[RunCell]:
        """Return the cells that have snapshots; ValueError if none has."""
        indices = self.indices_with_snapshots()
        if not indices:
            raise ValueError(
                f"{self.path}: no cell has snapshots; {snapshots.WAY_TO_HAVE}"
            )
        return [RunCell(self, index) for index in indices]

    def indices_with_snapshots(self) -> list[int]:
        """Return the rows of cells.csv of the cells that have snapshots."""
        cells = enumerate(self.manifest.cells)
        return [index for index, cell in cells if cell.kin in self.snapshots]


def _check_hold(manifest: Manifest, hold: int) -> None:
    """Refuse a hold that the shortest of the budgets has no room for."""
    budget = min(cell.lane["steps"] for cell in manifest.cells)
    # The first evaluation is that of step 0.
    evaluations = budget // manifest.config["eval_every"] + 1
    if hold > evaluations:
        raise ValueError(
            f"hold={hold} can never be met: a training of {budget} steps has "
            f"{evaluations} evaluations; take at most so many"
        )


RunOrPath = Run | UserPath
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
