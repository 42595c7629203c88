"""The figures of a run: what they are called, and what each needs of the run.

for name, figure in figures("runs/mine"):
    save(figure, f"{name}.png")
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import xarray as xr
from matplotlib.figure import Figure

from jaxgrok.grid.selector import Selector
from jaxgrok.host.files.paths import AnyPath
from jaxgrok.plots import circuit, sweep
from jaxgrok.plots.registry import FigureTable, Need
from jaxgrok.plots.sweep.circuit_measures import MEASURES
from jaxgrok.plots.sweep.grok_steps import varied_axis
from jaxgrok.plots.tables import read_checked, read_circuits, read_rows
from jaxgrok.results.run import RunOrPath, open_run
from jaxgrok.results.selection import selected


@dataclass(frozen=True)
class RunResults:
    """What the figures of a run are drawn from.

    Attributes:
        dataset: of its cells.
        folder: with its tables; None where there are none that agree with it.
        sides: axes that were chosen for the sides of squares: `x`, `y`.
    """

    dataset: xr.Dataset
    folder: AnyPath | None = None
    sides: Mapping[str, str] = field(default_factory=dict)

    def table(self, name: str) -> AnyPath:
        """Return the path of a table that is there."""
        if self.folder is None:
            raise ValueError(f"{name} needs the folder of the run")
        return self.folder / name


def of_dataset(noun: str, is_met: Callable[[xr.Dataset], bool]) -> Need[RunResults]:
    """Return a need that the dataset of a run meets or not.

    Args:
        noun: what it is, as a message says it: "this run has no {noun}".
        is_met: whether a dataset has it.
    """
    return Need(noun, lambda results: is_met(results.dataset))


def _table(name: str) -> Need[RunResults]:
    """Return the need of a table in the run's folder."""

    def is_there(results: RunResults) -> bool:
        return results.folder is not None and (results.folder / name).exists()

    return Need(name, is_there)


CURVES = of_dataset(
    "curves",
    # A part of a run may hold cells that have not ended.
    lambda dataset: "train_loss" in dataset and bool(dataset["train_loss"].count()),
)
COMPONENTS = of_dataset("components", lambda dataset: "component" in dataset.dims)
ONE_AXIS = of_dataset(
    "axis that alone is varied besides the seed",
    lambda dataset: varied_axis(dataset) is not None,
)
SPIKES = of_dataset(
    "spikes", lambda dataset: bool((dataset["spikes"].fillna(0) > 0).any())
)
FOURIER_MEASURES = of_dataset(
    "Fourier measures", lambda dataset: all(name in dataset for name in MEASURES)
)

FIGURES = FigureTable[RunResults]("run")
"""All figures of a run, in the order in which they are drawn."""


def figures(
    run: RunOrPath,
    names: Sequence[str] | None = None,
    *,
    cell: Selector | None = None,
    x: str | None = None,
    y: str | None = None,
) -> Iterator[tuple[str, Figure]]:
    """Draw the figures of a run one at a time, with their names.

    Args:
        run: as `jaxgrok.open` returns it, or the path of its directory.
        names: of the figures; by default all that the run has everything for.
        cell: which cells they show; by default all. Figures of tables have no part.
        x: axis of the columns where a figure has squares (OF_SQUARES).
        y: axis of their rows.

    Raises:
        ValueError: before the first is drawn, for a figure that there is not or that
            the run lacks something for; for an axis that there is not.
    """
    run = open_run(run)
    sides = _sides(x, y)
    if cell is None:
        return FIGURES.draw(RunResults(run.dataset(), run.tables, sides), names)
    part = selected(run.dataset(), run.matching(cell))
    return FIGURES.draw(RunResults(part, sides=sides), names)


def _sides(x: str | None, y: str | None) -> dict[str, str]:
    """Return the sides of squares; one that is not named is not the other."""
    if not x and not y:
        return {}
    if x == y:
        raise ValueError(f"both sides of the squares are {x}; name two axes")
    usual = ("weight_decay", "train_fraction")
    return {
        "x": x or usual[y == usual[0]],
        "y": y or usual[x != usual[1]],
    }


def sweep_figures(dataset: xr.Dataset) -> Iterator[tuple[str, Figure]]:
    """Draw the figures that a dataset alone has everything for, with their names."""
    return FIGURES.draw(RunResults(dataset))


def register(
    name: str, draw: Callable[[xr.Dataset], Figure], *needs: Need[RunResults]
) -> None:
    """Add a figure to those of every run, or replace the one of this name.

    Args:
        name: of the figure and, without its suffix, of its file.
        draw: dataset → figure.
        *needs: what a run must have for it: CURVES, COMPONENTS, … or `of_dataset`.
    """
    FIGURES.register(name, lambda results: draw(results.dataset), *needs)


def _phase_diagram(results: RunResults) -> Figure:
    return sweep.phase_diagram(results.dataset, **results.sides)


def _circuit_measures(results: RunResults) -> Figure:
    return sweep.circuit_measures(results.dataset, **results.sides)


def _crossover(results: RunResults) -> Figure:
    rows = read_checked(results.table("crossover.csv").parent, "crossover.csv")
    return sweep.crossover(results.dataset, rows)


def _compare(results: RunResults) -> Figure:
    rows = read_rows(results.table("compare.csv"))
    return sweep.compare(rows, results.dataset.attrs.get("title", ""))


def _circuits(results: RunResults) -> Figure:
    return circuit.seeds(read_circuits(results.table("circuits.csv")))


# The names are those of the files in a run's folder plots/.
FIGURES.register("phase_diagram", _phase_diagram)
register("curves", sweep.curves, CURVES)
register("components", sweep.components, CURVES, COMPONENTS)
register("steps", sweep.steps, CURVES, ONE_AXIS)
register("spikes", sweep.spikes, CURVES, SPIKES)
FIGURES.register("circuit_measures", _circuit_measures, FOURIER_MEASURES)
OF_SQUARES = ("phase_diagram", "circuit_measures")
"""Figures whose sides can be chosen."""
# Drawn from tables that other commands leave in the run directory.
FIGURES.register("crossover", _crossover, _table("crossover.csv"))
FIGURES.register("compare", _compare, _table("compare.csv"))
FIGURES.register("circuits", _circuits, _table("circuits.csv"))
OF_TABLES = ("crossover", "compare", "circuits")
