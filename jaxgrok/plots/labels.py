"""Values on an axis: their names, and round steps between two limits."""

import numpy as np
from numpy.typing import NDArray

from jaxgrok.results.phase_grid import PhaseGrid


def value_names(values: NDArray) -> list[str]:
    """Names of the values of an axis, of three digits where these tell them apart."""
    if values.dtype.kind != "f":
        return [str(value) for value in values]
    brief = [f"{value:.3g}" for value in values]
    apart = len(set(brief)) == len(set(values.tolist())) and "e" not in "".join(brief)
    names = brief if apart else [f"{value:.10g}" for value in values]
    return ["–" if name == "nan" else name for name in names]


def round_steps(low: float, high: float) -> list[float]:
    """Round numbers in low..high for the ticks of a log scale, more in a short one."""
    numbers = (1, 1.5, 2, 3, 5, 7) if high < 10 * low else (1, 2, 5)
    if high > 1000 * low:
        numbers = (1,)
    steps = [n * 10.0**k for k in range(-1, 12) for n in numbers]
    return [step for step in steps if low <= step <= high]


AXIS_NAMES = {
    "weight_decay": "weight decay",
    "train_fraction": "train fraction",
    "n_train": "training examples n_train",
    "batch_size": "batch size",
    "learning_rate": "learning rate",
}
"""How figures name an axis, where not by its field."""


def grok_text(gathered: PhaseGrid, row: int, column: int) -> str:
    """What a square says: '1.6k', '1.6k' over '1/2', '>5k' (censored), or a dash."""
    at = row, column
    grokked, tested = gathered.grokked[at], gathered.tested[at]
    if np.isfinite(gathered.median[at]):
        text = short(gathered.median[at])
    elif np.isfinite(gathered.budget[at]):
        text = f">{short(gathered.budget[at])}"
    else:
        text = "–"
    return text if grokked in (0, tested) else f"{text}\n{grokked}/{tested}"


def short(step: float) -> str:
    """A step in at most three digits: 950, 1.6k, 12.5k, 2M."""
    step = float(f"{step:.3g}")
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if step >= size:
            return f"{step / size:g}{unit}"
    return f"{step:g}"
