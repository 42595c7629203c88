"""A crossover search as the queue of a sweep: its trials are cells of the grid.

>>> options = Options(queue=functools.partial(CrossoverQueue, search))
>>> sweep.train(config, out, options)
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jaxgrok.crossover.report import stop_words
from jaxgrok.crossover.search import Search
from jaxgrok.crossover.settings import Axes, trial_of
from jaxgrok.crossover.trainings import report_row
from jaxgrok.engine.pace import Pace
from jaxgrok.grid.cells import Cell, Grid, Group
from jaxgrok.host.durations import TimeLeft


class CrossoverQueue:
    """The queue of a search.

    Attributes:
        total: None, as nobody knows how many trainings a search takes.
        stops_cells: whether it may stop busy cells.
    """

    total: int | None = None
    stops_cells = True

    def __init__(self, search: Search, grid: Grid, pace: Pace) -> None:
        self._search = search
        self._cells = {trial_of(cell): cell for cell in grid.cells}
        self._trials = {cell.id: trial for trial, cell in self._cells.items()}

    def known(self, rows: Iterable[Mapping[str, Any]]) -> set[str]:
        """Report the rows of cells.csv so far; return the ids of the cells that stand.

        A stopped cell stands until the search asks for it again.
        """
        # All of them, before the first trial is taken: the order does not matter.
        rows = list(rows)
        for row in rows:
            report_row(self._search, self._trials[row["id"]], row)
        return {row["id"] for row in rows}

    def most(self, group: Group) -> int:
        """Return how many cells of a group may still be asked for."""
        # A stopped cell may be asked for again, so that this never goes down.
        return len(group.cells)

    def waiting(self, group: Group) -> bool:
        """Return whether the search wants cells of a group now."""
        return self._search.waiting(self._settings(group))

    def work(self, group: Group) -> float:
        """Return the same for every group: nobody knows what a search will ask for."""
        return 1.0

    def backlog(self, group: Group) -> int:
        """Return 0: which trainings come next depends on those before."""
        return 0

    def take(self, group: Group, free: int) -> list[Cell]:
        """Return cells to start in so many free lanes."""
        trials = self._search.take(free, self._settings(group))
        return [self._cells[trial] for trial in trials]

    def resumed(self, cell: Cell) -> None:
        """Count a cell as busy that was taken before a pause."""
        self._search.start(self._trials[cell.id])

    def ended(self, cell: Cell, row: Mapping[str, Any]) -> None:
        """Report a cell's row of cells.csv."""
        report_row(self._search, self._trials[cell.id], row)

    def needless(self, steps: Mapping[str, int]) -> dict[str, str]:
        """Return which busy cells to stop, and why, given the steps each has made."""
        progress = {self._trials[cell_id]: count for cell_id, count in steps.items()}
        stops = self._search.needless(progress)
        return {self._cells[trial].id: stop_words(stops[trial]) for trial in stops}

    def left(self, steps: Mapping[str, int]) -> TimeLeft | None:
        """Return None: how long a search takes is not known."""
        return None

    def _settings(self, group: Group) -> list[Axes]:
        """Return the settings that a group's cells belong to, each once."""
        # In the order of the grid, so that a resumed search repeats itself.
        return list(dict.fromkeys(self._trials[cell.id].axes for cell in group.cells))
