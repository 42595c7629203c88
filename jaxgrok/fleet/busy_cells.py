"""The cells in an engine's lanes, with their curves so far.

>>> cells = BusyCells(grid, engine)
>>> cells.start(["3f0a"])
>>> for records in engine.advance(100): cells.note(records)
"""

from collections.abc import Iterable, Mapping

import jax
import numpy as np

from jaxgrok.engine.engine import Engine, ResumeState
from jaxgrok.fleet.worker_files import Snapshot
from jaxgrok.grid.cells import Grid
from jaxgrok.outcomes.grok_rule import ends_by_rule, evaluations_to_hold
from jaxgrok.results.files.saved_lanes import SavedLane
from jaxgrok.results.files.shards import Bits, Result
from jaxgrok.training.setup import lane_of


class BusyCells:
    """Cells that hold a lane, from their start to their result.

    Args:
        grid: where they are from.
        engine: whose lanes they hold.
        bits: what decides the last bits of results here.
        keeps_final: whether the lanes of cells that spend their budget are wanted.

    Attributes:
        results: of cells that ended, in that order.
        snapshots: parameters that were due.
        final: lanes of cells that spent their budget, by id.
    """

    def __init__(
        self, grid: Grid, engine: Engine, bits: Bits, *, keeps_final: bool = False
    ) -> None:
        self._grid, self._engine = grid, engine
        self._bits = dict(bits) | {"block_width": engine.width}
        self._cells = {cell.id: cell for cell in grid.cells}
        self._records: dict[str, list[np.ndarray]] = {}
        """One an evaluation, without the flags."""
        self._computed_with: dict[str, tuple[Bits, ...]] = {}
        self._keeps_final = keeps_final
        self.final: dict[str, SavedLane] = {}
        self.results: list[Result] = []
        self.snapshots: list[Snapshot] = []

    @property
    def steps(self) -> dict[str, int]:
        """Steps that each cell has made."""
        return {cell_id: self._step(cell_id) for cell_id in self._engine.cells}

    def start(self, cell_ids: Iterable[str]) -> None:
        """Start cells anew; one whose initial loss is not finite ends at once."""
        setup = self._engine.setup
        lanes = {}
        for cell_id in cell_ids:
            lanes[cell_id] = lane_of(setup, **self._cells[cell_id].lane)
            self._records[cell_id] = []
            self._computed_with[cell_id] = (self._bits,)
        if lanes:
            self.note(self._engine.admit(lanes))
            # Those that ended at step 0 hold no lane any more.
            self.keep_due(cell_id for cell_id in lanes if cell_id in self._records)

    def adopt(self, lanes: Mapping[str, SavedLane]) -> None:
        """Go on with saved cells, each with the budget that it has in this grid."""
        setup = self._engine.setup
        states = {}
        for cell_id, lane in lanes.items():
            # The leaves of a `Lane` come first. A longer budget has other `steps`.
            numbers = jax.tree.leaves(lane_of(setup, **self._cells[cell_id].lane))
            leaves = [*numbers, *lane.state.leaves[len(numbers) :]]
            states[cell_id] = lane.state._replace(leaves=leaves)
            self._records[cell_id] = list(lane.records)
            origin = lane.computed_with
            is_new = not origin or origin[-1] != self._bits
            self._computed_with[cell_id] = (*origin, self._bits) if is_new else origin
        self._engine.adopt(states)

    def stop(self, cell_id: str, cause: str) -> None:
        """End a cell that is not needed any more."""
        self._keep([cell_id])
        self._end(cell_id, "stopped", cause)

    def note(self, records: Mapping[str, np.ndarray]) -> None:
        """Append an evaluation's records to the curves; take finished cells out."""
        for cell_id, array in records.items():
            if cell_id not in self._records:
                continue  # It ended at an earlier evaluation of the same dispatch.
            record = self._engine.schema.unpack(array)
            self._records[cell_id].append(record.values)
            if not record.finished:
                continue
            # The last parameters of a diverged cell say nothing; they are not kept.
            if record.diverged_step is None:
                self._keep([cell_id])
                self._keep_final(cell_id)
                self._end(cell_id, "done")
            else:
                cause = f"training loss not finite at step {record.diverged_step}"
                self._end(cell_id, "diverged", cause)

    def keep_due(self, cell_ids: Iterable[str]) -> None:
        """Keep snapshots of those cells whose step is on the schedule."""
        schedule = self._grid.schedule
        self._keep([c for c in cell_ids if schedule.keeps(self._step(c))])

    def steps_to_snapshot(self, limit: int) -> int:
        """Return the steps up to the next snapshot of any cell, at most `limit`."""
        for cell_id in filter(self._is_kept, self._engine.cells):
            step = self._step(cell_id)
            limit = min(limit, self._grid.schedule.after(step) - step)
        return limit

    def evals_until_end(self) -> int:
        """Return the evaluations, at least 1, up to the first that may end a cell.

        So many can be started without a look at the records between. A lane that
        diverges meanwhile makes steps for nothing; their records are dropped.
        """
        setup = self._engine.setup
        accuracy, hold = setup.thresholds.accuracy, setup.thresholds.hold
        column = self._engine.schema.columns("test_accuracy")
        bounds = []
        for cell_id in self._engine.cells:
            left = int(self._cells[cell_id].lane["steps"]) - self._step(cell_id)
            # Exact: budgets are multiples of eval_every, and so are steps here.
            bounds.append(left // setup.eval_every)
            if setup.stop == "grokked":
                recent = self._records[cell_id][-hold:]
                accuracies = [record[column] for record in recent]
                bounds.append(evaluations_to_hold(accuracies, accuracy, hold))
        return max(min(bounds), 1)

    def take_results(self) -> list[Result]:
        """Hand over the results so far."""
        results, self.results = self.results, []
        return results

    def take_snapshots(self) -> list[Snapshot]:
        """Hand over the snapshots so far."""
        snapshots, self.snapshots = self.snapshots, []
        return snapshots

    def take_final(self) -> dict[str, SavedLane]:
        """Hand over the last lanes so far."""
        final, self.final = self.final, {}
        return final

    def save(self) -> dict[str, SavedLane]:
        """Copy all cells, to go on with them later or elsewhere."""
        return {
            cell_id: self._saved(cell_id, state)
            for cell_id, state in self._engine.save().items()
        }

    def _saved(self, cell_id: str, state: ResumeState) -> SavedLane:
        """Return a cell with its curves so far."""
        records = np.stack(self._records[cell_id])
        return SavedLane(state, records, self._computed_with[cell_id])

    def _step(self, cell_id: str) -> int:
        """Return the steps that a cell has made, counted by its records."""
        # The first record is that of step 0.
        chunks = len(self._records[cell_id]) - 1
        return chunks * self._engine.setup.eval_every + self._engine.offset

    def _is_kept(self, cell_id: str) -> bool:
        """Tell whether snapshots of a cell were asked for."""
        return self._cells[cell_id].kin in self._grid.kept

    def _keep(self, cell_ids: Iterable[str]) -> None:
        """Copy the parameters of those cells whose snapshots were asked for."""
        due = list(filter(self._is_kept, cell_ids))
        vectors = self._engine.vectors(due)
        for cell_id, vector in zip(due, vectors, strict=True):
            # A cell that is diverging is noticed at its next evaluation only.
            if np.isfinite(vector).all():
                self.snapshots.append(Snapshot(cell_id, self._step(cell_id), vector))

    def _keep_final(self, cell_id: str) -> None:
        """Copy the lane of a cell that only its budget ends, if that is wanted."""
        if not self._keeps_final:
            return
        record = self._records[cell_id]
        column = self._engine.schema.columns("test_accuracy")
        accuracies = [values[column] for values in record]
        if not ends_by_rule(accuracies, self._step(cell_id), self._grid.config):
            (state,) = self._engine.save([cell_id]).values()
            self.final[cell_id] = self._saved(cell_id, state)

    def _end(self, cell_id: str, status: str, cause: str = "") -> None:
        """Free the lane of a cell and make its result."""
        engine, track = self._engine, self._records.pop(cell_id)
        # The lane's arrays stay as they are until another cell overwrites them.
        engine.release(cell_id)
        # Steps join an array of floats; even float32 counts exactly up to 2**24.
        steps = np.arange(len(track), dtype=track[0].dtype) * engine.setup.eval_every
        # In one piece: `np.stack` looks at every record by itself.
        records = np.concatenate(track).reshape(len(track), -1)
        curves = np.concatenate([steps[:, None], records], axis=1)
        schema = engine.schema.with_steps()
        self.results.append(
            Result(
                cell_id,
                status,
                schema,
                curves,
                engine.width,
                cause,
                self._computed_with.pop(cell_id),
            )
        )
