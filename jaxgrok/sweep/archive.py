"""What a run has on disk, and what is only in memory so far.

>>> with Archive(grid, directory) as archive:
...     row = archive.add(result)
...     archive.flush()
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from jaxgrok.grid.cells import Cell, Grid
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.host.clock import utc_now
from jaxgrok.host.paths import AnyPath
from jaxgrok.results import snapshots
from jaxgrok.results.adoption import adopt
from jaxgrok.results.files import resume
from jaxgrok.results.files.final_states import FinalStates
from jaxgrok.results.files.manifest import Usage, describe
from jaxgrok.results.files.resume import Resumable, SavedLane
from jaxgrok.results.files.shards import OVER, Result
from jaxgrok.results.files.snapshot_shards import Shapes, prune
from jaxgrok.results.ledger import Ledger
from jaxgrok.results.rows import CellRow
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.results.wanted_snapshots import SnapshotSteps, has_all
from jaxgrok.sweep import continuation, figures
from jaxgrok.sweep.messages import Dispatch, Snapshot


class Archive:
    """Manifest, results, snapshots and cells in flight of one run.

    A context manager; leaving it waits for the snapshots that are being written.

    Args:
        grid: all cells.
        directory: where they are kept.
        grid_file: where the grid comes from, for the manifest.
        command: the command line, for the manifest.
        mixed_bits: go on with a directory that was computed where bits differ.

    Attributes:
        ledger: results so far.
        again: cells with a result that are trained again, for their snapshots.
        notes: lines that the user should read.

    Raises:
        ValueError: for a directory that does not fit the grid, or is damaged.
    """

    def __init__(
        self,
        grid: Grid,
        directory: RunDirectory,
        grid_file: GridFile | None = None,
        *,
        command: str = "",
        mixed_bits: bool = False,
    ) -> None:
        self._grid, self._directory = grid, directory
        self._cells = {cell.id: cell for cell in grid.cells}
        self._resume_folder = directory.path / "resume"
        # First of all: a directory that does not fit the grid stays as it is.
        manifest = describe(grid, grid_file, command)
        adopted = adopt(
            directory, grid, manifest, self._snapshot_steps(), mixed_bits=mixed_bits
        )
        self._manifest, self._adopted = adopted.manifest, adopted
        self.again, self.notes = adopted.again, adopted.notes
        self.ledger = Ledger(directory, self._manifest, adopted.results)
        self._snapshots = snapshots.Writer(directory.path)
        self._final_states = FinalStates(directory.path)
        self._last_budgets = continuation.last_budgets(grid)
        self._shapes: Shapes = {}
        """Shape of each parameter of the snapshots that are on no shard."""

    def __enter__(self) -> "Archive":
        self._snapshots.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._snapshots.__exit__(*error)

    @property
    def path(self) -> AnyPath:
        """The run directory."""
        return self._directory.path

    @functools.cached_property
    def keeps_final(self) -> bool:
        """Whether the last lanes of cells are kept, for a longer budget."""
        return continuation.keeps(self._grid)

    def standing_rows(self) -> list[CellRow]:
        """Return the rows of cells that need no training: those that failed do."""
        rows = self.ledger.rows()
        return [
            row
            for row in rows
            if row["status"] != "failed" and row["id"] not in self.again
        ]

    def count(self, dispatch: Dispatch) -> None:
        """Count lane-steps, to be written with the manifest."""
        usage = self._manifest.usage
        busy = usage.busy + dispatch.lane_steps
        usage = Usage(busy, usage.executed + dispatch.executed)
        self._manifest = dataclasses.replace(self._manifest, usage=usage)

    def write_manifest(self) -> None:
        """Write the manifest as it is now."""
        self._directory.write_manifest(self._manifest)

    def end(self) -> None:
        """Write in the manifest that training ends now."""
        # A run that trained nothing keeps the time at which an earlier one ended.
        if not self._manifest.ended:
            self._manifest = dataclasses.replace(self._manifest, ended=utc_now())
        self.write_manifest()

    def add(self, result: Result) -> CellRow:
        """Enter a result; return its row of cells.csv."""
        return self.ledger.add(result)

    def keep(self, snapshot: Snapshot, shapes: Shapes) -> None:
        """Keep a snapshot of a cell."""
        kin = self._cells[snapshot.cell_id].kin
        self._keep(kin, snapshot.step, snapshot.vector, shapes)

    def keep_final(self, cell_id: str, lane: SavedLane) -> None:
        """Keep the lane of a cell that spent its budget, the longest of its kin."""
        cell = self._cells[cell_id]
        budget = int(cell.lane["steps"])
        if self._last_budgets[cell.kin] == budget:
            self._final_states.add(cell.kin, budget, lane)

    def starting_step(self, cell_id: str) -> int:
        """Return the step from which a cell goes on that has not started: 0 is anew."""
        cell = self._cells[cell_id]
        step = self._final_states.step(cell.kin, below=cell.lane["steps"])
        return step if step and self._goes_on(cell, step) else 0

    def starting_steps(self) -> dict[str, int]:
        """Return those steps of all cells that wait and do not start anew."""
        open_cells = self._cells.keys() - self._ended()
        steps = {cell_id: self.starting_step(cell_id) for cell_id in open_cells}
        return {cell_id: step for cell_id, step in steps.items() if step}

    def starting_lane(self, cell_id: str) -> SavedLane | None:
        """Return the lane from which such a cell goes on, None for anew."""
        step = self.starting_step(cell_id)
        if not step:
            return None
        lane = self._final_states.lane(self._cells[cell_id].kin, step)
        if self._adopted.elsewhere:
            folder = self._directory.path / "final_states"
            continuation.refuse_misfits(self._grid, {cell_id: lane}, folder)
        return lane

    def flush(self) -> None:
        """Write finished cells, their snapshots before them.

        Raises:
            OSError: the disk refuses something; it has the finished cells if it has
                room for them.
        """
        # A kill may come between the two: a cell that counts as finished would be
        # trained again for its snapshots, so they have to be on disk by then.
        try:
            if self.ledger.unwritten:
                self._snapshots.flush()
                self._snapshots.wait()
        finally:
            self.ledger.flush()
        self._final_states.flush()

    def leave(self, lanes: Mapping[str, SavedLane]) -> None:
        """Write all that is in memory alone: results, snapshots, then states.

        Raises:
            OSError: the disk refuses something; what comes before it is written.
        """
        self.ledger.flush()
        self._snapshots.flush()
        self._snapshots.wait()
        self._final_states.flush()
        self.save(lanes)
        self.end()

    def save(self, lanes: Mapping[str, SavedLane]) -> None:
        """Save the cells in flight, and snapshots that are on no shard."""
        if not lanes:
            resume.drop(self._resume_folder)
            return
        # A shard being written is neither pending nor on disk yet.
        self._snapshots.wait()
        resumable = Resumable(lanes, self._snapshots.pending, self._shapes)
        resume.save(self._resume_folder, resumable)

    def resume(self) -> dict[str, SavedLane]:
        """Return the cells that were in flight when the directory was left."""
        saved = resume.load(self._resume_folder) or Resumable({}, {}, {})
        for kin, vectors in saved.snapshots.items():
            for step, vector in vectors.items():
                self._keep(kin, step, vector, saved.shapes)
        ids = self._ended()
        lanes = {}
        for cell, lane in self._heirs(saved.lanes):
            # The grid may have changed, and results may be newer than the save.
            step = lane.step(self._grid.config["eval_every"])
            if cell.id not in ids and self._goes_on(cell, step):
                lanes[cell.id] = lane
        if self._adopted.elsewhere:
            continuation.refuse_misfits(self._grid, lanes, self._resume_folder)
            self._forget_others(lanes)
        return lanes

    def finish(self) -> xr.Dataset:
        """Tidy up behind the last cell, and draw the figures."""
        resume.drop(self._resume_folder)
        if self._grid.config["snapshots"] == "phases":
            # Phases are known at the end only; until here every cell kept snapshots.
            prune(self._directory.path, self._one_per_phase())
        # A cell of a longer budget than a state's has ended since.
        self._final_states.prune(set(self._last_budgets.items()))
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

    def _ended(self) -> set[str]:
        """Return the cells that are not trained any more."""
        ids = {row["id"] for row in self.ledger.rows() if row["status"] in OVER}
        return ids - self.again

    def _heirs(
        self, lanes: Mapping[str, SavedLane]
    ) -> Iterator[tuple[Cell, SavedLane]]:
        """Yield the cells of this grid that go on from saved lanes."""
        for cell_id, lane in lanes.items():
            if cell_id in self._cells:
                yield self._cells[cell_id], lane
            for heir in self._adopted.heirs.get(cell_id, ()):
                yield heir, lane

    def _goes_on(self, cell: Cell, step: int) -> bool:
        """Tell whether a cell may go on from a step: it left all snapshots before."""
        if cell.kin not in self._grid.kept:
            return True
        return has_all(self._grid.schedule, step, self._snapshots.steps(cell.kin))

    def _snapshot_steps(self) -> SnapshotSteps:
        """Return the snapshots that there are, in shards and in the resume state."""
        steps = snapshots.SnapshotIndex(self._directory.path).every()
        if saved := resume.load(self._resume_folder):
            for kin, vectors in saved.snapshots.items():
                steps.setdefault(kin, set()).update(vectors)
        return steps

    def _forget_others(self, lanes: Mapping[str, SavedLane]) -> None:
        """Forget snapshots from elsewhere of cells that start anew here."""
        going_on = self._ended() | lanes.keys() | self.starting_steps().keys()
        anew = self._cells.keys() - going_on
        self._snapshots.forget({self._cells[cell_id].kin for cell_id in anew})

    def _one_per_phase(self) -> set[str]:
        """Choose the first training of each phase that has snapshots."""
        kins = snapshots.kept(self._directory.path)
        first: dict[str, str] = {}
        for row in self.ledger.rows():
            kin = self._cells[row["id"]].kin
            if kin in kins:
                first.setdefault(row["phase"], kin)
        return set(first.values())
