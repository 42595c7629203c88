"""Training-set sizes: to choose from, and of a cell.

>>> sizes(300, 2000, 5)
(300, 482, 775, 1245, 2000)
>>> n_train({"train_fraction": 0.3}, Modular())
3830
"""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from jaxgrok.fields.field import MOST
from jaxgrok.fields.values import shown
from jaxgrok.tasks import Task, is_pool

MOST_SIZES = 10_000
"""Most sizes to choose from: each of them is a cell for every seed and setting."""


def sizes(low: int, high: int, count: int = 24) -> tuple[int, ...]:
    """Return at most `count` training-set sizes from `low` to `high`.

    They are evenly apart in log n.

    Raises:
        ValueError: the range holds no two sizes.
    """
    if not 1 <= low < high <= MOST:
        raise ValueError(
            f"sizes={shown(low)}:{shown(high)} must be a range: the first at least 1, "
            f"and the last above it, at most {MOST}"
        )
    if not 2 <= count <= MOST_SIZES:
        raise ValueError(f"count={shown(count)} must be 2 … {MOST_SIZES}")
    ratio = (high / low) ** (1 / (count - 1))
    # A set: at the low end neighbours may round to the same size.
    return tuple(sorted({round(low * ratio**i) for i in range(count)}))


def n_train(traced: Mapping[str, Any], task: Task) -> int:
    """Return the number of training examples of a cell, at least 1.

    Fractions are exact and rounded down: 0.29 of 100 is 29.

    Args:
        traced: its n_train, or its train_fraction.
        task: what the examples are of.

    Raises:
        ValueError: there are not so many examples, or none is left.
    """
    if "n_train" in traced:
        return _counted(traced["n_train"], task)
    fraction = traced["train_fraction"]
    if not is_pool(task):
        raise ValueError(
            f"train_fraction={fraction} needs a task whose examples can be listed; "
            "those of this one are drawn: take train_fraction=() and n_train=(1000,)"
        )
    # Through its decimal digits: the float 0.29 times 100 is 28.999999999999996.
    if task.universe > MOST:
        raise ValueError(
            f"train_fraction={fraction} needs at most {MOST:,} examples; this task "
            f"has {shown(task.universe)}"
        )
    count = math.floor(Fraction(str(fraction)) * task.universe)
    if count < 1:
        raise ValueError(
            f"train_fraction={fraction} of {task.universe} pairs leaves none to train "
            f"on; take at least {math.ceil(1e6 / task.universe) / 1e6:.6g}"
        )
    return count


def _counted(count: int, task: Task) -> int:
    # The field itself is at most what can be counted.
    most = min(task.universe, MOST)
    if not 1 <= count <= most:
        what = "training pairs" if is_pool(task) else "different examples"
        raise ValueError(f"n_train={count} must be 1 … {most}: there are {most} {what}")
    return count
