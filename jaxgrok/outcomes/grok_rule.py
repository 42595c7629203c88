"""The grok rule: an accuracy holds once it is high for `hold` evaluations in a row.

Whoever asks whether a cell has grokked asks here: the compiled training that stops a
lane, the sweep that looks ahead or goes on, and the outcome that is reported.

>>> first_held([0, 100, 200, 300], [0.2, 0.99, 1.0, 1.0], threshold=0.99, hold=3)
100
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def run_length(previous: Any, is_high: Any) -> Any:
    """Return how many evaluations in a row are high, after one more of them.

    Plain arithmetic: it takes Python numbers, NumPy arrays and JAX tracers alike.

    Args:
        previous: the length of the run before this evaluation.
        is_high: whether the accuracy is at or above the threshold; false for NaN.
    """
    return (previous + 1) * is_high


def first_held(
    steps: ArrayLike, values: ArrayLike, threshold: float, hold: int
) -> int | None:
    """Return the first step from which `values` stay high for `hold` evaluations.

    Args:
        steps: [evals]
        values: [evals]; a NaN breaks a run, and so does the end of the curve.
        threshold: a value counts when it is at least this.
        hold: evaluations in a row that have to count, at least 1.

    Returns:
        The step of the first of them, or None where no run is full.
    """
    steps, values = np.asarray(steps), np.asarray(values)
    if steps.ndim != 1 or steps.shape != values.shape:
        raise ValueError(
            f"steps has shape {steps.shape} and values {values.shape}; both must have "
            "one shape [evals]"
        )
    if hold < 1:
        raise ValueError(f"hold={hold!r} must be a whole number ≥ 1")
    length = 0
    # Compared as an array, in its own precision, as a compiled training does.
    for index, is_high in enumerate((values >= threshold).tolist()):
        length = run_length(length, is_high)
        if length == hold:
            return int(steps[index - hold + 1])
    return None


def evaluations_to_hold(values: ArrayLike, threshold: float, hold: int) -> int:
    """Return how many more evaluations there must be, at least, until `values` hold.

    Args:
        values: [evals], the accuracies so far.
        threshold: as for `first_held`.
        hold: as for `first_held`.

    Returns:
        0 where the last `hold` evaluations are high, `hold` where the last is not.
    """
    length = 0
    for is_high in (np.asarray(values)[-hold:] >= threshold).tolist():
        length = run_length(length, is_high)
    return hold - length


def ends_by_rule(accuracies: ArrayLike, step: int, config: Mapping[str, Any]) -> bool:
    """Tell whether the grok rule has ended a cell: more steps would change nothing.

    Args:
        accuracies: its test accuracies, [evals].
        step: its last one.
        config: `stop`, `accuracy_threshold`, `hold`, `eval_every` and
            `steps_past_grok` of the grid.
    """
    if config["stop"] != "grokked":
        return False
    accuracies = np.asarray(accuracies)
    steps = np.arange(len(accuracies)) * config["eval_every"]
    hold = config["hold"]
    first = first_held(steps, accuracies, config["accuracy_threshold"], hold)
    if first is None:
        return False
    # The rule knows it at the last of the evaluations that have to be high.
    known = first + (hold - 1) * int(config["eval_every"])
    return bool(step >= known + config["steps_past_grok"])
