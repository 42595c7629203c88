"""What a worker itself writes into a run directory: snapshots and lanes to go on from.

>>> with WorkerFiles(run_dir, grid, "local") as files:
...     files.keep([snapshot], shapes)
...     places = files.save(cells.save())
"""

import functools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from jaxgrok.fleet import continuation
from jaxgrok.grid.cells import Grid
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.results import snapshots
from jaxgrok.results.files import final_states, resume
from jaxgrok.results.files.final_states import FinalStateWriter
from jaxgrok.results.files.resume import Resumable
from jaxgrok.results.files.saved_lanes import LanePlace, SavedLane
from jaxgrok.results.files.snapshot_shards import Shapes


class Snapshot(NamedTuple):
    """Parameters of a cell at a step, as one vector."""

    cell_id: str
    step: int
    vector: np.ndarray


class WorkerFiles:
    """The files of one worker; a context manager, which waits for what is written.

    Args:
        run_dir: where they go.
        grid: what is trained.
        worker: its name, part of every file's.
    """

    def __init__(self, run_dir: AnyPath, grid: Grid, worker: str) -> None:
        self._run_dir, self._grid, self._worker = run_dir, grid, worker
        self._cells = {cell.id: cell for cell in grid.cells}
        self._snapshots = snapshots.Writer(run_dir, worker)
        self._final_states = FinalStateWriter(run_dir)
        self._shapes: Shapes = {}
        """Shape of each parameter of the snapshots that are on no shard."""

    def __enter__(self) -> "WorkerFiles":
        self._snapshots.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._snapshots.__exit__(*error)

    @functools.cached_property
    def keeps_final(self) -> bool:
        """Whether the last lanes of cells are kept, for a longer budget."""
        return continuation.keeps(self._grid)

    @functools.cached_property
    def _last_budgets(self) -> Mapping[str, int]:
        return continuation.last_budgets(self._grid)

    @property
    def unwritten(self) -> bool:
        """Whether any snapshot or final state is not on disk yet."""
        return self._snapshots.unwritten or self._final_states.unwritten

    def keeps_snapshots(self, cell_id: str) -> bool:
        """Tell whether snapshots of a cell are wanted."""
        return self._cells[cell_id].kin in self._grid.kept

    def keep(self, new: Iterable[Snapshot], shapes: Shapes) -> None:
        """Keep snapshots of cells, all of one form."""
        for snapshot in new:
            kin = self._cells[snapshot.cell_id].kin
            self._keep(kin, snapshot.step, snapshot.vector, shapes)

    def keep_final(self, cell_id: str, lane: SavedLane) -> None:
        """Keep the lane of a cell that spent its budget, the longest of its kin."""
        cell = self._cells[cell_id]
        budget = int(cell.lane["steps"])
        if self._last_budgets[cell.kin] == budget:
            self._final_states.add(cell.kin, budget, lane)

    def flush(self) -> None:
        """Write all snapshots and final states, and wait for them."""
        self._snapshots.flush()
        self._snapshots.wait()
        self._final_states.flush()

    def save(self, lanes: Mapping[str, SavedLane]) -> dict[str, LanePlace]:
        """Save cells in flight, and the snapshots that are on no shard."""
        # A shard being written is neither pending nor on disk yet.
        self._snapshots.wait()
        resumable = Resumable(lanes, self._snapshots.pending, self._shapes)
        every = self._grid.config["eval_every"]
        return resume.save(self._run_dir, self._worker, resumable, every)

    def read(self, cell_id: str, place: LanePlace) -> SavedLane:
        """Read a lane to go on from, and take over its snapshots that are on no shard.

        Raises:
            OSError: its file is gone.
            ValueError: its file is damaged.
        """
        if place.file.startswith(final_states.FOLDER):
            return final_states.read(self._run_dir, place)
        kin = self._cells[cell_id].kin
        lane, vectors, shapes = resume.read(self._run_dir, place, kin)
        for step, vector in vectors.items():
            self._keep(kin, step, vector, shapes)
        return lane

    def _keep(self, kin: str, step: int, vector: np.ndarray, shapes: Shapes) -> None:
        """Keep a snapshot that there is none of yet."""
        # A resumed lane passes steps again whose snapshots are on disk already.
        if not self._snapshots.has(kin, step):
            self._snapshots.add(kin, step, vector, shapes)
            self._shapes = shapes
