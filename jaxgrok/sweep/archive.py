"""What a run has on disk, and what of it is only in memory so far.

What cells in flight leave is in files of the workers; the archive knows where.

>>> archive = Archive(grid, directory)
>>> row = archive.add(result)
>>> archive.flush()
"""

import dataclasses
from collections.abc import Iterator, Mapping

import xarray as xr

from jaxgrok.fleet import continuation
from jaxgrok.fleet.messages import Dispatch, Progress
from jaxgrok.grid.cells import Cell, Grid
from jaxgrok.grid.grid_file import GridFile
from jaxgrok.host.clock import utc_now
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.results import snapshots
from jaxgrok.results.adoption import adopt
from jaxgrok.results.files import final_states, resume, snapshot_files
from jaxgrok.results.files.final_states import FinalStates
from jaxgrok.results.files.manifest import Usage, describe
from jaxgrok.results.files.resume import Saves
from jaxgrok.results.files.saved_lanes import LanePlace
from jaxgrok.results.files.shards import OVER, Result
from jaxgrok.results.ledger import Ledger
from jaxgrok.results.rows import CROSSOVER, CROSSOVER_FIGURE, CellRow
from jaxgrok.results.run_directory import RunDirectory
from jaxgrok.results.wanted_snapshots import has_all
from jaxgrok.sweep import figures


class Archive:
    """Manifest and results of one run, and the places of its cells in flight.

    Args:
        grid: all cells.
        directory: where they are kept.
        grid_file: where the grid comes from, for the manifest.
        command: the command line, for the manifest.
        mixed_bits: go on with a directory that was computed where bits differ.

    Attributes:
        ledger: results so far.
        mixed_bits: whether workers of other bits may take part.
        again: cells with a result that are trained again, for their snapshots.
        notes: lines that the user should read.
        usage_changed: whether the manifest on disk lacks what became known since.

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
        self.mixed_bits = mixed_bits
        self._cells = {cell.id: cell for cell in grid.cells}
        # First of all: a directory that does not fit the grid stays as it is.
        manifest = describe(grid, grid_file, command)
        mended = directory.mend()
        every = grid.config["eval_every"]
        saves = Saves(directory.path, every)
        steps = snapshots.SnapshotIndex(directory.path).every()
        for kin, saved in saves.snapshots.items():
            steps.setdefault(kin, set()).update(saved)
        adopted = adopt(directory, grid, manifest, steps, mixed_bits=mixed_bits)
        self._manifest = adopted.manifest
        self._usage, self.usage_changed = self._manifest.usage, False
        self._snapshot_steps = steps
        # Where nothing of the directory fits, its saves are gone by now.
        self._saves = saves if saves.exist() else Saves(directory.path, every)
        self.again, self.notes = adopted.again, (*mended, *adopted.notes)
        self.ledger = Ledger(
            directory, self._manifest, adopted.results if adopted.curves else {}
        )
        if not adopted.curves:  # one shard after the other
            self.ledger.read(adopted.results)
        # The ledger has the rows; curves would stay in memory for nothing.
        self._adopted = dataclasses.replace(adopted, results={})
        self._unflushed: set[str] = set()
        """Cells whose results are in memory alone."""
        self._final_states = FinalStates(directory.path)
        self._last_budgets = continuation.last_budgets(grid)
        directory.clear()

    @property
    def path(self) -> AnyPath:
        """The run directory."""
        return self._directory.path

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
        usage = self._usage
        busy = usage.busy + dispatch.lane_steps
        self._usage = Usage(busy, usage.executed + dispatch.executed)

    def begin(self) -> None:
        """Write the manifest, before anything is trained."""
        if self._cells.keys() - self._ended():
            # The crossovers were read of fewer trainings.
            self._directory.remove_table(CROSSOVER)
            (self.path / CROSSOVER_FIGURE).unlink(missing_ok=True)
        self.write_manifest()

    def note_shortage(self, progress: Progress) -> None:
        """Take note of what a seat computes at a time, where memory is short."""
        if progress.group is None or not progress.short:
            return
        groups = list(self._manifest.groups)
        group = groups[progress.group]
        if group.short != progress.short:
            groups[progress.group] = dataclasses.replace(group, short=progress.short)
            self._manifest = dataclasses.replace(self._manifest, groups=tuple(groups))
            self.usage_changed = True

    def write_manifest(self) -> None:
        """Write the manifest as it is now."""
        self.usage_changed = False
        self._manifest = dataclasses.replace(self._manifest, usage=self._usage)
        self._directory.write_manifest(self._manifest)

    def end(self) -> None:
        """Write in the manifest that training ends now."""
        # A run that trained nothing keeps the time at which an earlier one ended.
        if not self._manifest.ended:
            self._manifest = dataclasses.replace(self._manifest, ended=utc_now())
        self.write_manifest()

    def add(self, result: Result) -> CellRow:
        """Enter a result; return its row of cells.csv."""
        self._unflushed.add(result.cell_id)
        return self.ledger.add(result)

    def starting_place(self, cell_id: str) -> LanePlace | None:
        """Return where a cell goes on that had a shorter budget; None for anew."""
        cell = self._cells[cell_id]
        place = self._final_states.place(cell.kin, below=cell.lane["steps"])
        if place is None or not self._goes_on(cell, place.step):
            return None
        if self._adopted.elsewhere:
            lane = final_states.read(self.path, place)
            folder = self.path / final_states.FOLDER
            continuation.refuse_misfits(self._grid, {cell_id: lane}, folder)
        return place

    def starting_steps(self) -> dict[str, int]:
        """Return the steps from which cells go on that wait and do not start anew."""
        steps = {}
        for cell_id in self._cells.keys() - self._ended():
            if place := self.starting_place(cell_id):
                steps[cell_id] = place.step
        return steps

    def flush(self) -> None:
        """Write finished cells.

        Raises:
            OSError: the disk refuses something; it has the finished cells if it has
                room for them.
        """
        self.write_results()
        self.ledger.write_tables()

    def write_results(self) -> None:
        """Write finished cells, without the tables."""
        self.ledger.write_results()
        # Not before: a cell whose result is lost goes on from its save.
        for cell_id in self._unflushed:
            self._saves.forget(cell_id)
        self._unflushed.clear()
        self._saves.tidy()

    def leave(self) -> None:
        """Write all that is in memory alone, and that training ends now."""
        self.flush()
        self.end()

    def note_saves(self, places: Mapping[str, LanePlace]) -> None:
        """Take note of where a worker saved cells; remove files of older saves."""
        self._unflushed -= places.keys()  # trained again, from its end or anew
        self._saves.note(places)

    def place_of(self, cell_id: str) -> LanePlace | None:
        """Return where a cell in flight was saved last, or where it starts from."""
        if cell_id in self._unflushed:
            return self.starting_place(cell_id)
        return self._saves.places.get(cell_id) or self.starting_place(cell_id)

    def resume(self) -> dict[str, LanePlace]:
        """Return the cells that were in flight when the directory was left."""
        ids = self._ended()
        places = {}
        for cell, place in self._heirs(self._saves.places):
            # The grid may have changed, and results may be newer than the save.
            if cell.id not in ids and self._goes_on(cell, place.step):
                places[cell.id] = place
        if self._adopted.elsewhere:
            folder = self.path / resume.FOLDER
            for cell_id, place in places.items():
                kin = self._cells[cell_id].kin
                lane, *_ = resume.read(self.path, place, kin)
                continuation.refuse_misfits(self._grid, {cell_id: lane}, folder)
            self._forget_others(places)
        self._saves.replace(places)
        return places

    def finish(self) -> xr.Dataset:
        """Tidy up behind the last cell, and draw the figures."""
        resume.drop(self.path)
        if self._grid.config["snapshots"] == "phases":
            # Phases are known at the end only; until here every cell kept snapshots.
            kins, index = self._one_per_phase(), self._directory.index
            snapshot_files.prune(self.path, kins, index)
        # A cell of a longer budget than a state's has ended since.
        self._final_states.prune(set(self._last_budgets.items()))
        return self.redraw()

    def redraw(self) -> xr.Dataset:
        """Draw the figures of what is on disk, and return it."""
        return figures.redraw(self._directory, self.ledger)

    def _ended(self) -> set[str]:
        """Return the cells that are not trained any more."""
        ids = {row["id"] for row in self.ledger.rows() if row["status"] in OVER}
        return ids - self.again

    def _heirs(
        self, places: Mapping[str, LanePlace]
    ) -> Iterator[tuple[Cell, LanePlace]]:
        """Yield the cells of this grid that go on from saved lanes."""
        for cell_id, place in places.items():
            if cell_id in self._cells:
                yield self._cells[cell_id], place
            for heir in self._adopted.heirs.get(cell_id, ()):
                yield heir, place

    def _goes_on(self, cell: Cell, step: int) -> bool:
        """Tell whether a cell may go on from a step: it left all snapshots before."""
        if cell.kin not in self._grid.kept:
            return True
        steps = self._snapshot_steps.get(cell.kin, set())
        return has_all(self._grid.schedule, step, steps)

    def _forget_others(self, places: Mapping[str, LanePlace]) -> None:
        """Forget snapshots from elsewhere of cells that start anew here."""
        going_on = self._ended() | places.keys() | self.starting_steps().keys()
        anew = self._cells.keys() - going_on
        gone = {}
        for cell_id in anew:
            kin = self._cells[cell_id].kin
            if steps := self._snapshot_steps.pop(kin, None):
                gone[kin] = steps
        if gone:
            snapshot_files.forget(self.path, gone, self._directory.index)

    def _one_per_phase(self) -> set[str]:
        """Choose the first training of each phase that has snapshots."""
        kins = snapshots.kept(self._directory.path)
        first: dict[str, str] = {}
        for row in self.ledger.rows():
            kin = self._cells[row["id"]].kin
            if kin in kins:
                first.setdefault(row["phase"], kin)
        return set(first.values())
