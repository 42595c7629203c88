"""What is searched: the settings of a grid, and the trials that each of them offers.

>>> settings = settings_of_grid(resolve(config))
>>> settings[0].sizes, settings[0].seeds
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from jaxgrok.crossover.threshold_fit import Training
from jaxgrok.grid.cells import Cell, Grid

Axes = tuple[tuple[str, Any], ...]
"""The axis values of a setting as (name, value) pairs, without size and seed."""

SIZE_AND_SEED = ("seed", "n_train", "train_fraction")
"""Axes along which the cells of one setting differ."""


@dataclass(frozen=True)
class Setting:
    """One setting of a grid, whose crossover is searched.

    Attributes:
        axes: what distinguishes it from the other settings.
        sizes: candidate training-set sizes in increasing order, at least two.
        seeds: seeds to train, at least two.
        steps: budget of one training.
        prior: trainings from other runs, at any sizes and of any seeds.
    """

    axes: Axes
    sizes: Sequence[int]
    seeds: Sequence[int]
    steps: int
    prior: Sequence[Training] = ()


class Trial(NamedTuple):
    """One training that a search may ask for.

    Attributes:
        axes: the axes of its setting.
        size: examples to train on.
        seed: its seed.
    """

    axes: Axes
    size: int
    seed: int


def settings_of_grid(grid: Grid) -> list[Setting]:
    """Return the settings of a grid in which every size comes with every seed.

    Raises:
        ValueError: a setting has one size or one seed, lacks a size for a seed, or has
            a cell without test examples.
    """
    for cell in grid.cells:
        if not cell.tested:
            raise ValueError(
                f"n_train={cell.lane['n_train']} leaves no pairs to test on; take less"
            )
    settings = settings_of_cells(grid.cells)
    for trial in missing_trials(settings, grid.cells):
        raise ValueError(
            f"{describe(trial.axes)} has no n_train={trial.size} with seed="
            f"{trial.seed}; a search needs every size with every seed"
        )
    return settings


def settings_of_cells(cells: Iterable[Cell]) -> list[Setting]:
    """Return the settings of some cells, in the order of their first cells.

    Raises:
        ValueError: a setting has one size or one seed.
    """
    members: dict[Axes, list[Cell]] = {}
    for cell in cells:
        members.setdefault(axes_of(cell), []).append(cell)
    return [_setting(axes, group) for axes, group in members.items()]


def missing_trials(
    settings: Iterable[Setting], cells: Iterable[Cell]
) -> Iterator[Trial]:
    """Yield the sizes and seeds of the settings that no cell combines."""
    trials = {trial_of(cell) for cell in cells}
    for setting in settings:
        for size, seed in itertools.product(setting.sizes, setting.seeds):
            trial = Trial(setting.axes, size, seed)
            if trial not in trials:
                yield trial


def axes_of(cell: Cell) -> Axes:
    """Return the axes of the setting that a cell belongs to."""
    pairs = cell.axes.items()
    return tuple((name, value) for name, value in pairs if name not in SIZE_AND_SEED)


def trial_of(cell: Cell) -> Trial:
    """Return a cell as a trial of its setting."""
    return Trial(axes_of(cell), cell.lane["n_train"], cell.lane["seed"])


def describe(axes: Axes) -> str:
    """Return a setting in words: `weight_decay=0.3 loss=exact`."""
    return " ".join(f"{name}={value}" for name, value in axes) or "the grid"


def _setting(axes: Axes, cells: Sequence[Cell]) -> Setting:
    """Make the setting of cells that share its axes."""
    sizes = sorted({cell.lane["n_train"] for cell in cells})
    seeds = sorted({cell.lane["seed"] for cell in cells})
    _check_several(axes, "size", sizes, "a range, as --sizes 300:2000 gives")
    _check_several(axes, "seed", seeds, 'more, e.g. --grid.seed="(0, 1, 2, 3, 4)"')
    steps = max(cell.lane["steps"] for cell in cells)
    return Setting(axes, tuple(sizes), tuple(seeds), steps)


def _check_several(axes: Axes, name: str, values: Sequence[int], remedy: str) -> None:
    """Refuse a setting with a single size or seed."""
    if len(values) < 2:
        raise ValueError(
            f"{describe(axes)} has one {name}, {values[0]}: an interval needs at least "
            f"two; give {remedy}"
        )
