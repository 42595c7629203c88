"""Texts on axes and in squares: names of values and axes, steps, ticks.

>>> short(1_600)
'1.6k'
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

AXIS_NAMES = {
    "weight_decay": "weight decay",
    "train_fraction": "train fraction",
    "n_train": "training examples n_train",
    "batch_size": "batch size",
    "learning_rate": "learning rate",
}
"""How figures name an axis, where not by its field."""


def axis_name(field: str) -> str:
    """Return how figures name an axis of the grid."""
    return AXIS_NAMES.get(field, field)


def value_names(values: NDArray[Any]) -> list[str]:
    """Name the values of an axis, by three digits where these tell them apart.

    Args:
        values: [values]; a NaN, of a part without the axis, is named by a dash.
    """
    if values.dtype.kind != "f":
        return [str(value) for value in values]
    # "1e-05" is longer than what it stands for, hence the second format.
    names = [f"{value:.3g}" for value in values]
    distinct = len(set(names)) == len(set(values.tolist()))
    if not distinct or "e" in "".join(names):
        names = [f"{value:.10g}" for value in values]
    return ["–" if name == "nan" else name for name in names]


def round_steps(low: float, high: float) -> list[float]:
    """Return round numbers in low..high for a log scale, more in a short one."""
    numbers: tuple[float, ...] = (1, 2, 5)
    if high < 10 * low:
        numbers = (1, 1.5, 2, 3, 5, 7)
    elif high > 1000 * low:
        numbers = (1,)
    # From 0.1: the limits of an axis lie a little outside its steps.
    steps = [number * 10.0**power for power in range(-1, 12) for number in numbers]
    return [step for step in steps if low <= step <= high]


def short(step: float) -> str:
    """Return a step in at most three digits: 950, 1.6k, 12.5k, 2M."""
    # Rounded before the unit is chosen: 999,999 is 1M, not 1000k.
    step = float(f"{step:.3g}")
    if step < 0:
        return f"−{short(-step)}"
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if step >= size:
            return f"{step / size:g}{unit}"
    return f"{step:g}"


def grok_text(
    *, median: float, budget: float, end_step: float, grokked: int, tested: int
) -> str:
    """Return what a square says.

    '1.6k', '1.6k' over '1/2', '>5k' (censored), 'end' over '1.2k' (ended early), '–'.

    Args:
        median: median grok step, NaN where it is censored or there is none.
        budget: step up to which the censored cells were followed, NaN without any.
        end_step: step up to which those that ended early were followed, or NaN.
        grokked: cells that grokked …
        tested: … of so many. Both are written where they differ and some grokked.
    """
    text = "–"
    if np.isfinite(median):
        text = short(median)
    elif np.isfinite(budget):
        text = f">{short(budget)}"
    elif np.isfinite(end_step) and not grokked:
        text = f"end\n{short(end_step)}"
    # Where none or all grokked, the first line says as much.
    return text if grokked in (0, tested) else f"{text}\n{grokked}/{tested}"


def name_steps(axis: Axis) -> None:
    """Write the ticks of an axis of steps in short: 1.6k."""
    axis.set_major_formatter(FuncFormatter(lambda step, _: short(step)))


def round_log_ticks(axes: Axes) -> None:
    """Put the ticks of a vertical log axis at round numbers within its limits."""
    ticks = round_steps(*axes.get_ylim())
    axes.set_yticks(ticks, labels=[short(tick) for tick in ticks])
    axes.minorticks_off()
