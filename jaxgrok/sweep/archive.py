"""What a run has on disk, and what is only in memory so far.

>>> with Archive(grid, directory) as archive:
...     row = archive.add(result)
...     archive.flush()
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import xarray as xr

from jaxgrok.grid.cells import Grid
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.results import resume, snapshots
from jaxgrok.results.ledger import Ledger
from jaxgrok.results.manifest import Usage, describe
from jaxgrok.results.resume import Resumable, SavedLane, decode, encode
from jaxgrok.results.rows import CellRow
from jaxgrok.results.run_directory import RunDirectory, adopt
from jaxgrok.results.shards import OVER, Result
from jaxgrok.sweep import figures
from jaxgrok.sweep.messages import Dispatch, Snapshot

Shapes = Mapping[str, tuple[int, ...]]


class Archive:
    """Manifest, results, snapshots and cells in flight of one run.

    A context manager; leaving it waits for the snapshots that are being written.

    Args:
        grid: all cells.
        directory: where they are kept.
        grid_file: where the grid comes from, for the manifest.

    Attributes:
        ledger: results so far.

    Raises:
        ValueError: for a directory that does not fit the grid.
    """

    def __init__(
        self, grid: Grid, directory: RunDirectory, grid_file: GridFile | None = None
    ) -> None:
        self._grid, self._directory = grid, directory
        self._cells = {cell.id: cell for cell in grid.cells}
        # First of all: a directory that does not fit the grid stays as it is.
        self._manifest, results = adopt(directory, describe(grid, grid_file))
        self.ledger = Ledger(directory, self._manifest, results)
        self._snapshots = snapshots.Writer(directory.path)
        self._resume_folder = directory.path / "resume"
        self._shapes: Shapes = {}
        """Shape of each parameter of the snapshots that are on no shard."""

    def __enter__(self) -> "Archive":
        self._snapshots.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._snapshots.__exit__(*error)

    def count(self, dispatch: Dispatch) -> None:
        """Count lane-steps, to be written with the manifest."""
        usage = self._manifest.usage
        busy = usage.busy + dispatch.lane_steps
        usage = Usage(busy, usage.executed + dispatch.executed)
        self._manifest = dataclasses.replace(self._manifest, usage=usage)

    def write_manifest(self) -> None:
        """Write the manifest as it is now."""
        self._directory.write_manifest(self._manifest)

    def add(self, result: Result) -> CellRow:
        """Enter a result; return its row of cells.csv."""
        return self.ledger.add(result)

    def keep(self, snapshot: Snapshot, shapes: Shapes) -> None:
        """Keep a snapshot of a cell."""
        kin = self._cells[snapshot.cell_id].kin
        self._keep(kin, snapshot.step, snapshot.vector, shapes)

    def flush(self) -> None:
        """Write finished cells, their snapshots before them.

        Raises:
            OSError: the disk refuses something; it has the finished cells if it has
                room for them.
        """
        # A kill may come between the two: a cell that counts as finished is never
        # trained again, so its snapshots have to be on disk by then.
        try:
            if self.ledger.unwritten:
                self._snapshots.flush()
                self._snapshots.wait()
        finally:
            self.ledger.flush()

    def leave(self, lanes: Mapping[str, SavedLane]) -> None:
        """Write all that is in memory alone: results, snapshots, cells in flight.

        Raises:
            OSError: the disk refuses something; what comes before it is written.
        """
        self.ledger.flush()
        self._snapshots.flush()
        self._snapshots.wait()
        self.save(lanes)
        self.write_manifest()

    def save(self, lanes: Mapping[str, SavedLane]) -> None:
        """Save the cells in flight, and snapshots that are on no shard."""
        if not lanes:
            resume.drop(self._resume_folder)
            return
        # A shard being written is neither pending nor on disk yet.
        self._snapshots.wait()
        resumable = Resumable(lanes, self._snapshots.pending, self._shapes)
        resume.save(self._resume_folder, *encode(resumable))

    def resume(self) -> dict[str, SavedLane]:
        """Return the cells that were in flight when the directory was left."""
        saved = resume.load(self._resume_folder)
        if saved is None:
            return {}
        resumable = decode(*saved)
        for kin, vectors in resumable.snapshots.items():
            for step, vector in vectors.items():
                self._keep(kin, step, vector, resumable.shapes)
        over = {row["id"] for row in self.ledger.rows() if row["status"] in OVER}
        lanes = {}
        for cell_id, lane in resumable.lanes.items():
            # The grid may have changed, and results may be newer than the save.
            if cell_id in self._cells and cell_id not in over:
                lanes[cell_id] = lane
        return lanes

    def finish(self) -> xr.Dataset:
        """Tidy up behind the last cell, and draw the figures."""
        resume.drop(self._resume_folder)
        if self._grid.config["snapshots"] == "phases":
            # Phases are known at the end only; until here every cell kept snapshots.
            snapshots.prune(self._directory.path, self._one_per_phase())
        return self.redraw()

    def redraw(self) -> xr.Dataset:
        """Draw the figures of what is on disk, and return it."""
        return figures.redraw(self._directory, self.ledger)

    def _keep(self, kin: str, step: int, vector: np.ndarray, shapes: Shapes) -> None:
        """Keep a snapshot that there is none of yet."""
        # A resumed lane passes steps again whose snapshots are on disk already.
        if not self._snapshots.has(kin, step):
            self._snapshots.add(kin, step, vector, shapes)
            self._shapes = shapes

    def _one_per_phase(self) -> set[str]:
        """Choose the first training of each phase that has snapshots."""
        kins = snapshots.kept(self._directory.path)
        first: dict[str, str] = {}
        for row in self.ledger.rows():
            kin = self._cells[row["id"]].kin
            if kin in kins:
                first.setdefault(row["phase"], kin)
        return set(first.values())
