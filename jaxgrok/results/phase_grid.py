"""Cells gathered over two axes: what a square of the phase diagram holds.

Owns the aggregation over seeds and other axes, arrays in and arrays out. Refuses to
invent a step: a censored cell counts as later than any.

    gathered = squares(jaxgrok.load(run_dir), x="weight_decay", y="train_fraction")
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxgrok.outcomes.outcomes import PHASES
from jaxgrok.results.columns import (
    LABELS,
    axis_names,
    column_of,
    labels_of,
    values_along,
)


@dataclass(frozen=True)
class Squares:
    """The cells of a dataset gathered over two axes; arrays are [y, x].

    counts: cells by label (a phase, failed or pending). median: median grok step, a
    censored cell counting as later than any; NaN when the median cell is censored.
    grokked of tested: cells that grokked, of those that finished and have test pairs.
    budget: step up to which the censored cells were followed, NaN where none was.
    over: the varied axes that a square gathers.
    """

    x: str
    y: str
    x_values: NDArray
    y_values: NDArray
    over: tuple[str, ...]
    counts: dict[str, NDArray]
    median: NDArray
    grokked: NDArray
    tested: NDArray
    budget: NDArray


def squares(
    dataset: xr.Dataset, *, x: str = "weight_decay", y: str = "train_fraction"
) -> Squares:
    """Gather the cells over (x, y); an axis that is not varied gives way to another.

    Raises ValueError for an axis that the dataset does not have.
    """
    x, y, over = _axes(dataset, x, y)
    x_values, column = np.unique(values_along(dataset, x), return_inverse=True)
    y_values, row = np.unique(values_along(dataset, y), return_inverse=True)
    shape = len(y_values), len(x_values)
    labels = labels_of(dataset)
    grok_step, followed = column_of(dataset, "grok_step"), _followed(dataset)
    counts = {label: np.zeros(shape, int) for label in LABELS}
    grokked, tested = np.zeros(shape, int), np.zeros(shape, int)
    median, budget = np.full(shape, np.nan), np.full(shape, np.nan)
    for square in np.ndindex(shape):
        inside = (row == square[0]) & (column == square[1])
        for label in LABELS:
            counts[label][square] = np.sum(inside & (labels == label))
        judged = inside & np.isin(labels, PHASES) & (labels != "untested")
        steps = grok_step[judged].astype(float)
        tested[square], grokked[square] = len(steps), np.isfinite(steps).sum()
        median[square] = _censored_median(steps)
        ran_on = judged & np.isnan(grok_step.astype(float)) & (labels != "diverged")
        if ran_on.any():
            budget[square] = followed[ran_on].min()
    return Squares(
        x, y, x_values, y_values, over, counts, median, grokked, tested, budget
    )


def medians(dataset: xr.Dataset, gathered: Squares, values: NDArray) -> NDArray:
    """The median over each square [y, x] of per-cell values [cells], NaN left out."""
    column = values_along(dataset, gathered.x)
    row = values_along(dataset, gathered.y)
    found = np.full((len(gathered.y_values), len(gathered.x_values)), np.nan)
    for square in np.ndindex(found.shape):
        inside = (row == gathered.y_values[square[0]]) & (
            column == gathered.x_values[square[1]]
        )
        known = values[inside & np.isfinite(values)]
        if known.size:
            found[square] = np.median(known)
    return found


def _axes(dataset: xr.Dataset, x: str, y: str) -> tuple[str, str, tuple[str, ...]]:
    """The two axes of a diagram and the varied ones that its squares gather."""
    names = axis_names(dataset)
    for name in (x, y):
        if name not in dataset and name not in ("weight_decay", "train_fraction"):
            raise ValueError(f"axis {name!r} is not in the dataset: allowed is {names}")
    sizes = {
        name: len(np.unique(values_along(dataset, name))) for name in (*names, x, y)
    }
    varied = [name for name in names if sizes[name] > 1]
    kept = [name for name in (x, y) if sizes[name] > 1]
    # A fraction and its n_train say the same; a budget and a seed are no axes to show.
    twins = {"train_fraction", "n_train"}
    hidden = {"seed", "steps", *kept} | (twins if twins & set(kept) else set())
    spare = [name for name in varied if name not in hidden]
    spare.sort(key=lambda name: -sizes[name])
    for name in (x, y):
        if name not in kept and spare:
            swapped = spare.pop(0)
            x, y = (swapped if axis == name else axis for axis in (x, y))
    over = tuple(n for n in varied if n not in (x, y) and not twins >= {n, y})
    return x, y, over


def _followed(dataset: xr.Dataset) -> NDArray:
    """The step up to which every cell was followed [cells]: its budget, or less."""
    budget = column_of(dataset, "steps").astype(float)
    if "test_accuracy" not in dataset:
        return budget
    seen = dataset["test_accuracy"].notnull()
    last = dataset["step"].where(seen).max("step").transpose(*dataset["phase"].dims)
    return np.fmin(budget, last.values.ravel())


def _censored_median(steps: NDArray) -> float:
    """The median with NaN as later than any; of two middle ones, a finite lower one."""
    if not len(steps):
        return np.nan
    ranked = np.sort(steps)
    low, high = ranked[(len(ranked) - 1) // 2], ranked[len(ranked) // 2]
    return (low + high) / 2 if np.isfinite(high) else low
