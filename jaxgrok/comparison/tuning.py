"""The values of some axes with which each method groks soonest.

The cells that choose must not be counted afterwards: compare on other seeds.

>>> best("runs/tuning", ["learning_rate", "weight_decay"])
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxgrok.comparison.compare import steps_of
from jaxgrok.comparison.methods import Key, key_of
from jaxgrok.comparison.ratio import Steps
from jaxgrok.fields.values import listed, shown
from jaxgrok.results.run import RunOrPath, open_run


def best(run: RunOrPath, axes: Sequence[str]) -> pd.DataFrame:
    """Choose the values of some axes, for each combination of all others but the seed.

    The smallest median grok step wins, a median beyond the budget being the largest; of
    equals, the values with which fewer cells are censored, then those of the smallest
    mean step, a censored cell counting as its budget; then those that come first in the
    grid.

    Args:
        run: as `jaxgrok.open` returns it, or the path of its directory.
        axes: what is tuned, such as ["learning_rate", "weight_decay"].

    Returns:
        One row a combination of the other axes, which are its first columns; then the
        values of the tuned axes, and of the cells that have them `median`, NaN beyond
        the budget, `censored` and `seeds`.

    Raises:
        FileNotFoundError: there is no run directory.
        ValueError: an axis is unknown, a cell has no outcome yet, or seeds differ.
    """
    run = open_run(run)
    cells = [entry.axes for entry in run.manifest.cells]
    for name in axes:
        if name not in cells[0] or name == "seed":
            names = listed(other for other in cells[0] if other != "seed")
            raise ValueError(f"axes: {shown(name)} cannot be tuned; axes are {names}")
    others = [name for name in cells[0] if name not in (*axes, "seed")]
    options: dict[Key, dict[Key, list[int]]] = {}
    for index, cell in enumerate(cells):
        values = options.setdefault(key_of(cell, others), {})
        values.setdefault(key_of(cell, axes), []).append(index)
    steps = steps_of(run, range(len(cells)))
    rows: list[dict[str, Any]] = []
    for key, candidates in options.items():
        _check_seeds(cells, candidates)
        winner = min(
            candidates, key=lambda values: rank(steps.take(candidates[values]))
        )
        winners = steps.take(candidates[winner])
        row = dict(zip(others, key, strict=True)) | dict(zip(axes, winner, strict=True))
        row |= {"median": winners.median(), "censored": winners.censored}
        rows.append(row | {"seeds": len(winners.grok)})
    return pd.DataFrame(rows)


def rank(steps: Steps) -> tuple[float, int, float]:
    """Return what the cells of one choice are ordered by; the smallest is the best."""
    median = steps.median()
    mean = np.mean(np.where(np.isnan(steps.grok), steps.budget, steps.grok))
    return np.inf if np.isnan(median) else median, steps.censored, float(mean)


def _check_seeds(
    cells: Sequence[dict[str, Any]], candidates: dict[Key, list[int]]
) -> None:
    """Refuse choices that are not tried on the same seeds."""
    seeds = {
        values: {cells[index]["seed"] for index in indices}
        for values, indices in candidates.items()
    }
    first, *rest = seeds
    for values in rest:
        if seeds[values] != seeds[first]:
            raise ValueError(
                f"{first} and {values} are not tried on the same seeds; give all "
                "choices the same"
            )
