"""How long a step takes in each cell, from what the user measured of some methods.

>>> seconds(axes, {"optimiser=adamw": 0.0021, "optimiser=muon": 0.0034})
array([0.0021, 0.0021, 0.0034, 0.0034])
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgrok.fields.values import shown
from jaxgrok.grid import selector as selectors

StepTimes = Mapping[str, float]
"""Selector of cells → seconds that one step of each takes."""


def seconds(
    cells: Sequence[Mapping[str, Any]], step_times: StepTimes
) -> NDArray[np.float64]:
    """Return the seconds that a step takes in each cell [cells].

    Args:
        cells: the axis values of every cell.
        step_times: selectors that together fit every cell once.

    Raises:
        ValueError: a selector fits no cell, two fit the same, or none fits one; a time
            is not a number above 0.
    """
    times = np.full(len(cells), np.nan)
    for selector, value in step_times.items():
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if not is_number or not 0 < value < math.inf:
            raise ValueError(
                f"step_times: the time of {selector} is {shown(value)}; it must be "
                "seconds, above 0"
            )
        for index in selectors.matching(cells, selector, "step_times"):
            if np.isfinite(times[index]):
                raise ValueError(
                    f"step_times: {selector} fits a cell that another entry fits too: "
                    f"{_words(cells[index])}"
                )
            times[index] = value
    missing = np.flatnonzero(np.isnan(times))
    if missing.size:
        raise ValueError(
            f"step_times: no entry fits the cell {_words(cells[missing[0]])}"
        )
    return times


def _words(cell: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in cell.items())
