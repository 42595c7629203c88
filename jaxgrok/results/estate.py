"""What a run directory leaves to the cells of a grid, longer budgets among them.

>>> estate = estate_of(directory, directory.manifest(), grid)
>>> directory.write_results(estate.inherited())
"""

import dataclasses
from collections.abc import Mapping, Sequence

from jaxgrok.grid.cells import Cell, Grid
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.outcomes.grok_rule import ends_by_rule
from jaxgrok.results.files import cell_table
from jaxgrok.results.files.index import Index
from jaxgrok.results.files.manifest import Manifest
from jaxgrok.results.files.shards import Result
from jaxgrok.results.files.snapshot_files import forget
from jaxgrok.results.run_directory import RunDirectory


@dataclasses.dataclass(frozen=True)
class Estate:
    """What a run directory has, and who comes into it.

    Attributes:
        path: of the directory.
        manifest: as it is there.
        heirs: a cell that the grid has not → the cells of the grid that are the same
            training with a longer budget.
        results: by cell id; those of failed cells count as none.
        curves: whether the results have their curves.
    """

    path: AnyPath
    manifest: Manifest
    heirs: Mapping[str, Sequence[Cell]]
    results: Mapping[str, Result]
    curves: bool

    @property
    def is_empty(self) -> bool:
        """Whether there is no result that counts."""
        results = (self.results.get(cell.id) for cell in self.manifest.cells)
        return all(result is None or result.status == "failed" for result in results)

    def inherited(self) -> list[Result]:
        """Return the results that are also results of cells with a longer budget."""
        inherited: list[Result] = []
        for cell in self.manifest.cells:
            result = self.results.get(cell.id)
            if cell.id in self.heirs and result is not None and self._is_final(result):
                for heir in self.heirs[cell.id]:
                    inherited.append(dataclasses.replace(result, cell_id=heir.id))
        return inherited

    def forget_ends(self, grid: Grid, index: Index) -> None:
        """Forget snapshots that were kept only because a budget ended there.

        A training that was never interrupted has none of that step.

        Args:
            grid: what to train.
            index: of the directory.
        """
        ends = {(cell.kin, cell.lane["steps"]) for cell in grid.cells}
        steps: dict[str, set[int]] = {}
        for cell in self.manifest.cells:
            budget = int(cell.lane["steps"])
            is_due = grid.schedule.keeps(budget) or (cell.kin, budget) in ends
            result = self.results.get(cell.id)
            if cell.id not in self.heirs or is_due or result is None:
                continue
            # One that its own rule ended there would have ended there anyway.
            if not self._is_final(result):
                steps.setdefault(cell.kin, set()).add(budget)
        if steps:
            forget(self.path, steps, index)

    def _is_final(self, result: Result) -> bool:
        """Tell whether a cell ended by itself: a longer budget changes nothing."""
        if result.status != "done":
            return result.status == "diverged"
        accuracies = result.curve("test_accuracy")
        last_step = int(result.curve("step")[-1])
        return ends_by_rule(accuracies, last_step, self.manifest.config)


def estate_of(directory: RunDirectory, manifest: Manifest, grid: Grid) -> Estate:
    """Read what a directory leaves to a grid.

    Args:
        directory: locked.
        manifest: as it is there.
        grid: what to train.
    """
    heirs = _heirs(manifest, grid)
    # The curves of a large run fill the memory; heirs and snapshots ask for them.
    curves = bool(len(manifest.cells) <= cell_table.MANY or heirs or grid.kept)
    results = directory.results(curves=curves)
    return Estate(directory.path, manifest, heirs, results, curves)


def _heirs(manifest: Manifest, grid: Grid) -> dict[str, list[Cell]]:
    """Return, for each cell that is not in the grid, those of a longer budget."""
    ids = {cell.id for cell in grid.cells}
    # A grid with an axis of budgets has several cells of one kin.
    by_kin: dict[str, list[Cell]] = {}
    for cell in grid.cells:
        by_kin.setdefault(cell.kin, []).append(cell)
    heirs = {}
    for cell in manifest.cells:
        if cell.id not in ids:
            budget = cell.lane["steps"]
            kin = by_kin.get(cell.kin, [])
            heirs[cell.id] = [c for c in kin if c.lane["steps"] > budget]
    return heirs
