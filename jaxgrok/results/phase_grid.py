"""Cells gathered over two axes: what a square of the phase diagram holds.

A step is never invented: a censored cell counts as later than any that grokked.

>>> grid = gather(jaxgrok.load(run_dir), x="weight_decay", y="train_fraction")
>>> grid.median                               # [y, x] median grok step
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from jaxgrok.outcomes.outcomes import PHASES, UNDECIDED
from jaxgrok.results.dataset import (
    LABELS,
    axis_names,
    column_of,
    labels_of,
    values_along,
)


@dataclass(frozen=True)
class PhaseGrid:
    """The cells of a dataset gathered over two axes.

    Attributes:
        x, y: names of the two axes.
        x_values, y_values: [x], [y] their values, ascending.
        over: the other varied axes, whose cells share a square.
        square: [cells] index of each cell's square among y × x, row by row.
        counts: label (a phase, failed or pending) → [y, x] cells.
        median: [y, x] median grok step, a censored cell counting as later than any;
            NaN where the median cell is censored.
        grokked: [y, x] cells that grokked, of those `tested`.
        tested: [y, x] cells that were tested up to their budget, or to their grok.
        budget: [y, x] step up to which the censored cells were followed; NaN where
            there is none.
        end_step: [y, x] step up to which cells of the phase "ended" were followed; NaN
            where there is none. They are neither tested nor censored.
    """

    x: str
    y: str
    x_values: np.ndarray
    y_values: np.ndarray
    over: tuple[str, ...]
    square: np.ndarray
    counts: dict[str, np.ndarray]
    median: np.ndarray
    grokked: np.ndarray
    tested: np.ndarray
    budget: np.ndarray
    end_step: np.ndarray


@dataclass(frozen=True)
class CellOutcomes:
    """What the squares gather of each cell, all [cells].

    Attributes:
        labels: a phase, failed or pending.
        grok_step: NaN where the cell did not grok.
        is_tested: whether it was tested up to its budget, or to its grok.
        is_censored: whether it was followed to the end of its budget in vain.
        followed: step up to which it was followed.
    """

    labels: np.ndarray
    grok_step: np.ndarray
    is_tested: np.ndarray
    is_censored: np.ndarray
    followed: np.ndarray


def cell_outcomes(dataset: xr.Dataset) -> CellOutcomes:
    """Return what is known of every cell's grok, in cell order."""
    labels = labels_of(dataset)
    grok_step = column_of(dataset, "grok_step").astype(float)
    is_tested = np.isin(labels, PHASES) & ~np.isin(labels, UNDECIDED)
    # A diverged cell says nothing on how far the censored ones were followed.
    is_censored = is_tested & np.isnan(grok_step) & (labels != "diverged")
    return CellOutcomes(labels, grok_step, is_tested, is_censored, _followed(dataset))


def gather(
    dataset: xr.Dataset, *, x: str = "weight_decay", y: str = "train_fraction"
) -> PhaseGrid:
    """Gather the cells over (x, y); an axis that is not varied gives way to another.

    Raises:
        ValueError: the dataset does not have one of the axes.
    """
    x, y, over = _axes(dataset, x, y)
    x_values, column = np.unique(values_along(dataset, x), return_inverse=True)
    y_values, row = np.unique(values_along(dataset, y), return_inverse=True)
    shape = len(y_values), len(x_values)
    # `column` and `row` are [cells]: positions among the values of x and of y.
    square = row * shape[1] + column
    cells = cell_outcomes(dataset)
    has_grokked = np.isfinite(cells.grok_step)

    def count(members: np.ndarray) -> np.ndarray:
        return np.bincount(square[members], minlength=shape[0] * shape[1])

    def earliest_end(members: np.ndarray) -> np.ndarray:
        return _minima(square[members], cells.followed[members], shape)

    return PhaseGrid(
        x=x,
        y=y,
        x_values=x_values,
        y_values=y_values,
        over=over,
        square=square,
        counts={label: count(cells.labels == label).reshape(shape) for label in LABELS},
        median=_medians(square, cells.grok_step, cells.is_tested, shape),
        grokked=count(cells.is_tested & has_grokked).reshape(shape),
        tested=count(cells.is_tested).reshape(shape),
        budget=earliest_end(cells.is_censored),
        end_step=earliest_end(cells.labels == "ended"),
    )


def medians(grid: PhaseGrid, values: np.ndarray) -> np.ndarray:
    """Return the median over each square [y, x] of values [cells], NaN left out."""
    return _medians(grid.square, values, np.isfinite(values), grid.median.shape)


def _minima(
    square: np.ndarray, values: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Return the least value of each square [y, x], NaN where it has none."""
    least = np.full(shape[0] * shape[1], np.inf)
    # `at`, since many cells share a square: a plain index would keep the last alone.
    np.minimum.at(least, square, values)
    least[np.isinf(least)] = np.nan
    return least.reshape(shape)


def _medians(
    square: np.ndarray, values: np.ndarray, counts: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Return the median of each square [y, x], over the cells that count.

    NaN ranks as later than any number. Of two middle values one of which is NaN, the
    number is the median; where both are, or no cell counts, it is NaN.
    """
    square, values = square[counts], values[counts].astype(float)
    values = np.where(np.isnan(values), np.inf, values)
    # One sort for all squares: each is then a stretch of `ranked`, in ascending order.
    ranked = values[np.lexsort((values, square))]
    sizes = np.bincount(square, minlength=shape[0] * shape[1])
    starts = np.cumsum(sizes) - sizes
    median = np.full(len(sizes), np.nan)
    filled = sizes > 0
    # The lower and the upper middle of each stretch: the same one if its size is odd.
    low = ranked[(starts + (sizes - 1) // 2)[filled]]
    high = ranked[(starts + sizes // 2)[filled]]
    # inf in the upper middle: the mean would be inf, though half the cells grokked.
    middle = np.where(np.isfinite(high), (low + high) / 2, low)
    median[filled] = np.where(np.isfinite(middle), middle, np.nan)
    return median.reshape(shape)


def _axes(dataset: xr.Dataset, x: str, y: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the two axes of a diagram, and the varied ones that its squares gather."""
    names = axis_names(dataset)
    for name in (x, y):
        if name not in (*names, "n_train", "weight_decay", "train_fraction"):
            raise ValueError(
                f"axis={name!r} is not in the dataset; choose one of {names}"
            )
    sizes = {
        name: len(np.unique(values_along(dataset, name))) for name in (*names, x, y)
    }
    varied = [name for name in names if sizes[name] > 1]
    fixed = [name for name in (x, y) if sizes[name] > 1]
    # A fraction and its n_train say the same; a budget and a seed are no axes to show.
    twins = {"train_fraction", "n_train"}
    hidden = {"seed", "steps", *fixed} | (twins if twins & set(fixed) else set())
    spare = [name for name in varied if name not in hidden]
    # Those with more values come first; of two with equally many, the first axis.
    spare.sort(key=lambda name: -sizes[name])
    for name in (x, y):
        if name not in fixed and spare:
            replacement = spare.pop(0)
            x = replacement if x == name else x
            y = replacement if y == name else y
    # With one twin on y, the other is constant within a square: nothing to gather over.
    over = [n for n in varied if n not in (x, y) and not twins >= {n, y}]
    return x, y, tuple(over)


def _followed(dataset: xr.Dataset) -> np.ndarray:
    """Return the step up to which each cell was followed: [cells]."""
    budget = column_of(dataset, "steps").astype(float)
    if "test_accuracy" not in dataset:
        return budget
    is_evaluated = dataset["test_accuracy"].notnull()
    # A cell that was stopped ends before its budget: its curves are NaN from there on.
    last = dataset["step"].where(is_evaluated).max("step")
    followed: np.ndarray = last.transpose(*dataset["phase"].dims).values.ravel()
    # fmin takes the budget where a cell has no evaluation at all.
    return np.asarray(np.fmin(budget, followed))
