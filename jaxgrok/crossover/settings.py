"""A grid's cells as brackets of a crossover search, and the search as a run's queue.

Owns which cells belong together: those that differ by nothing but size and seed.

    >>> brackets = of_grid(resolve(config), known="runs/wd_vs_frac-laptop")
"""

import dataclasses
import itertools
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxgrok.crossover.report import named
from jaxgrok.crossover.search import Bracket, Search, Trial
from jaxgrok.crossover.threshold_fit import Training
from jaxgrok.engine.pace import Pace
from jaxgrok.grid.cells import Cell, Grid, Group
from jaxgrok.grid.setups import Program
from jaxgrok.results import run_directory
from jaxgrok.results.manifest import read_manifest

NOT_A_SETTING = ("seed", "n_train", "train_fraction")


def of_grid(grid: Grid, known: str | Path | None = None) -> list[Bracket]:
    """One bracket for every setting of a grid; `known`: a run directory to learn from.

    Raises ValueError where a bracket has one size or one seed, or no test examples.
    """
    for cell in grid.cells:
        if not cell.tested:
            raise ValueError(
                f"n_train={cell.lane['n_train']} leaves no pairs to test on; take less"
            )
    brackets = of_cells(grid.cells)
    trials = {trial_of(cell) for cell in grid.cells}
    for trial in missing(brackets, trials):
        raise ValueError(
            f"{named(trial.bracket)} has no n_train={trial.size} with seed="
            f"{trial.seed}; a search needs every size with every seed"
        )
    if known is None:
        return brackets
    learned = _learn(grid, Path(known))
    if not any(learned.values()):
        raise ValueError(f"known={known} holds no training of any setting searched")
    return [
        dataclasses.replace(bracket, known=tuple(learned.get(bracket.name, ())))
        for bracket in brackets
    ]


def of_cells(cells: Iterable[Cell]) -> list[Bracket]:
    """The brackets of a manifest's cells."""
    members: dict[Any, list[Mapping[str, Any]]] = {}
    for cell in cells:
        members.setdefault(setting(cell), []).append(cell.lane)
    found = []
    for name, lanes in members.items():
        sizes, seeds = ({lane[key] for lane in lanes} for key in ("n_train", "seed"))
        for what, values, way in (
            ("size", sizes, "a range, as --sizes 300:2000 gives"),
            ("seed", seeds, 'more, e.g. --grid.seed="(0, 1, 2, 3, 4)"'),
        ):
            if len(values) < 2:
                raise ValueError(
                    f"{named(name)} has one {what}, {min(values)}: an interval needs "
                    f"at least two; give {way}"
                )
        steps = max(lane["steps"] for lane in lanes)
        found.append(Bracket(name, tuple(sorted(sizes)), tuple(sorted(seeds)), steps))
    return found


def missing(brackets: Iterable[Bracket], trials: set[Trial]) -> Iterator[Trial]:
    """Sizes and seeds of the brackets that do not come together in any cell."""
    for bracket in brackets:
        for size, seed in itertools.product(bracket.sizes, bracket.seeds):
            trial = Trial(bracket.name, size, seed)
            if trial not in trials:
                yield trial


def setting(cell: Cell) -> tuple[tuple[str, Any], ...]:
    """What a cell of a manifest shares with the others of its bracket."""
    axes = cell.axes.items()
    return tuple((name, value) for name, value in axes if name not in NOT_A_SETTING)


def trial_of(cell: Cell) -> Trial:
    return Trial(setting(cell), cell.lane["n_train"], cell.lane["seed"])


def tell(search: Search, trial: Trial, row: Mapping[str, Any]) -> None:
    """Tell a search of a trial's row of cells.csv."""
    if row["status"] == "failed":
        search.forget(trial)
        return
    generalised = row["grok_step"] is not None
    over = generalised or row["status"] != "stopped"
    search.tell(trial, generalised=generalised, steps=row["steps"], over=over)


def _learn(grid: Grid, known: Path) -> dict[Any, list[Training]]:
    """Trainings of a run directory that are of a setting of the grid, by bracket.

    Sizes, seeds, padding and budgets may differ; what decides a result otherwise may
    not. A shorter budget that was spent tells as much as that many steps of ours.
    """

    def settled(config: Mapping[str, Any], cell: Cell) -> str:
        program = Program(dict(config), cell.static)
        free = {"n_train", "seed", "steps", "train_size", "stop", "steps_past_grok"}
        found = program.decisive | cell.lane
        return repr(sorted((k, v) for k, v in found.items() if k not in free))

    names: dict[str, dict[Any, int]] = {}
    for cell in grid.cells:
        same = names.setdefault(settled(grid.config, cell), {})
        same[setting(cell)] = cell.lane["steps"]
    manifest = read_manifest(known)
    learned: dict[Any, list[Training]] = {}
    for row in run_directory.cells(known):
        cell = manifest.cells[row["cell"]]
        if row["status"] == "failed" or not cell.tested:
            continue
        grok_step, lane = row["grok_step"], cell.lane
        for name, steps in names.get(settled(manifest.config, cell), {}).items():
            generalised = grok_step is not None and grok_step <= steps
            late = grok_step is not None or row["status"] == "diverged"
            seen = 1.0 if late else min(row["steps"] / steps, 1.0)
            training = Training(lane["n_train"], lane["seed"], generalised, seen)
            learned.setdefault(name, []).append(training)
    return learned


class Trials:
    """A search as the queue of a run: its trials are cells of the grid."""

    total: int | None = None
    stops_cells = True

    def __init__(self, search: Search, grid: Grid, pace: Pace) -> None:
        self._search = search
        self._cells = {trial_of(cell): cell for cell in grid.cells}
        self._trials = {cell.id: trial for trial, cell in self._cells.items()}

    def known(self, rows: Iterable[Mapping[str, Any]]) -> set[str]:
        """Tell the search of all there is; a stopped cell stands until it is wanted."""
        rows = list(rows)
        for row in rows:
            tell(self._search, self._trials[row["id"]], row)
        return {row["id"] for row in rows}

    def waiting(self, group: Group) -> bool:
        return self._search.waiting(self._brackets(group))

    def most(self, group: Group) -> int:
        return len(group.cells)

    def take(self, group: Group, free: int) -> list[Cell]:
        trials = self._search.take(free, self._brackets(group))
        return [self._cells[trial] for trial in trials]

    def _brackets(self, group: Group) -> list[Hashable]:
        """Names of the brackets that a group's cells are of."""
        return list(dict.fromkeys(self._trials[c.id].bracket for c in group.cells))

    def resumed(self, cell: Cell) -> None:
        self._search.started(self._trials[cell.id])

    def ended(self, cell: Cell, row: Mapping[str, Any]) -> None:
        tell(self._search, self._trials[cell.id], row)

    def needless(self, steps: Mapping[str, int]) -> dict[str, str]:
        made = {self._trials[name]: count for name, count in steps.items()}
        found = self._search.needless(made)
        return {self._cells[trial].id: cause for trial, cause in found.items()}

    def left(self, made: Mapping[str, int]) -> None:
        return None
