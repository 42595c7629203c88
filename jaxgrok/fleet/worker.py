"""Trains the cells that a coordinator assigns, on the devices of one machine.

>>> worker = Worker(grid, [engines], run_dir)
>>> report = worker.do(Order({0: Assignment(group=0, n_cells=72)}))
"""

import contextlib
import functools
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import jax

from jaxgrok.engine.platform import Platform
from jaxgrok.fleet.chores import Chores
from jaxgrok.fleet.messages import Assignment, Order, Progress, Refusal, Report
from jaxgrok.fleet.seat import Engines, Seat
from jaxgrok.fleet.worker_files import WorkerFiles
from jaxgrok.grid.cells import Grid
from jaxgrok.host import machine, memory
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.results.files import status_file
from jaxgrok.results.files.saved_lanes import LanePlace, SavedLane
from jaxgrok.results.files.shards import Result


class Worker:
    """Train what is ordered, and write what the coordinator does not need to see.

    A result whose cell leaves snapshots is held back until they are on disk.

    Args:
        grid: what assignments index.
        engines: of each seat, what builds the engine of a group.
        run_dir: where its snapshots and lanes go.
        name: who answers.
        is_elsewhere: whether the coordinator is another process: seats show what they
            compute, so that it can be compared, and lanes are saved less often.
    """

    def __init__(
        self,
        grid: Grid,
        engines: Sequence[Engines],
        run_dir: AnyPath,
        name: str = "local",
        *,
        is_elsewhere: bool = False,
    ) -> None:
        self._grid, self._name, self._run_dir = grid, name, run_dir
        self._platform = Platform.of(jax.local_devices())
        self._engines, self._is_elsewhere = engines, is_elsewhere
        self._save_chore = "fleet_save" if is_elsewhere else "save"
        self._chores = Chores()
        self._hurries = threading.Event()
        self._held: list[Result] = []

    @functools.cached_property
    def _files(self) -> WorkerFiles:
        # Not before the coordinator has tidied up the directory.
        return WorkerFiles(self._run_dir, self._grid, self._name).__enter__()

    @functools.cached_property
    def _seats(self) -> list[Seat]:
        bits, keeps_final = machine.bits(), self._files.keeps_final
        return [
            Seat(
                self._grid,
                engines,
                bits,
                keeps_final=keeps_final,
                sings=self._is_elsewhere,
                hurries=self._hurries,
            )
            for engines in self._engines
        ]

    def greet(self) -> Report:
        """Return the first message: this worker is idle."""
        seats = {seat: Progress() for seat in range(len(self._engines))}
        return Report(self._name, self._platform, seats)

    def hurry(self) -> None:
        """Answer soon what was ordered last; may be called from another thread."""
        self._hurries.set()

    def close(self) -> None:
        """Wait for what is being written."""
        # What was refused was told as it happened.
        with contextlib.suppress(OSError, MemoryError):
            if "_files" in vars(self):
                self._files.__exit__()

    def do(self, order: Order) -> Report:
        """Stop, start, train and save as ordered; tell what came of it."""
        lanes, notes = self._read(order)
        seats = self._train(order.assignments, lanes)
        is_busy = any(seat.is_busy for seat in self._seats)
        saved: dict[str, LanePlace] = {}
        refusal = None
        try:
            self._fetch()
            # Results that wait for snapshots would be trained again.
            retreats = any(progress.retreats for progress in seats.values())
            if self._files.unwritten and (retreats or self._is_time("flush", order)):
                self._chores.run("flush", self._files.flush)
            if is_busy and self._is_time(self._save_chore, order):
                self._chores.run(self._save_chore, lambda: saved.update(self._save()))
        except OSError as error:
            refusal = Refusal(error.errno or 0, error.strerror or str(error))
        self._chores.run_if_due("trim", memory.trim)
        results = self._results(is_refused=refusal is not None)
        return Report(self._name, self._platform, seats, results, saved, refusal, notes)

    def _read(self, order: Order) -> tuple[dict[str, SavedLane | None], list[str]]:
        """Read the lanes to go on from; note those that cannot be, and start anew."""
        lanes: dict[str, SavedLane | None] = {}
        notes: dict[str, None] = {}
        for assignment in order.assignments.values():
            for cell_id, place in assignment.start.items():
                lanes[cell_id] = None
                if place is None:
                    continue
                try:
                    lanes[cell_id] = self._files.read(cell_id, place)
                except (OSError, ValueError):
                    words = f"{place.file} cannot be read: its cells start anew"
                    notes[f"{self._name}: {words}"] = None
        return lanes, list(notes)

    def _train(
        self,
        assignments: Mapping[int, Assignment],
        lanes: Mapping[str, SavedLane | None],
    ) -> dict[int, Progress]:
        """Let every seat do what it is assigned, side by side."""

        def do(seat: int) -> Progress:
            assignment = assignments[seat]
            start = {cell_id: lanes[cell_id] for cell_id in assignment.start}
            return self._seats[seat].do(assignment, start)

        if len(assignments) == 1:  # in this thread, as signals reach no other
            return {seat: do(seat) for seat in assignments}
        with ThreadPoolExecutor(len(self._seats)) as pool:
            return dict(zip(assignments, pool.map(do, assignments), strict=True))

    def _fetch(self) -> None:
        """Take what seats made over: results, then snapshots and final lanes."""
        # Results first: a full disk can refuse a snapshot.
        opened = [seat.open for seat in self._seats if seat.open]
        for work in opened:
            self._held += work.cells.take_results()
        for work in opened:
            self._files.keep(work.cells.take_snapshots(), work.engine.shapes)
            for cell_id, lane in work.cells.take_final().items():
                self._files.keep_final(cell_id, lane)

    def _is_time(self, chore: str, order: Order) -> bool:
        """Tell whether something is to be written now."""
        if not (order.save or self._chores.is_due(chore)):
            return False
        # One that was frozen, or cut off, may have been given up long ago. What it has
        # in memory is of no use to a run that has ended, and would stay there.
        return not self._is_elsewhere or status_file.exists(self._run_dir)

    def _save(self) -> dict[str, LanePlace]:
        lanes: dict[str, SavedLane] = {}
        for seat in self._seats:
            lanes |= seat.save()
        return self._files.save(lanes)

    def _results(self, *, is_refused: bool) -> list[Result]:
        """Return the results whose snapshots are on disk, or will never be."""
        ready: list[Result] = []
        held: list[Result] = []
        for result in self._held:
            waits = self._files.unwritten and self._files.keeps_snapshots(
                result.cell_id
            )
            (held if waits and not is_refused else ready).append(result)
        self._held = held
        return ready
