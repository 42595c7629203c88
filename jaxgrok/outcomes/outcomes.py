"""Outcomes: curves to memorise step, grok step, phase and spikes.

Owns the thresholds, the phase table and what a spike is. Arrays in, arrays out:
it knows no files, no cells and no plots, and refuses to guess beyond the last
evaluation: a step that was not reached is None (censored), never a number.

    outcome(curves, has_test=True, diverged=False, eval_every=100).phase
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

PHASES = (
    "comprehension",
    "grokking",
    "memorisation",
    "confusion",
    "diverged",
    "untested",
)

SPIKE_ARMED_BELOW = 1e-6
SPIKE_ABOVE = 1e-3


@dataclass(frozen=True)
class Thresholds:
    """What counts as fitted, for how long, and how late a grok has to come.

    accuracy: an evaluation counts when its accuracy is at least this, in (0, 1].
    hold: evaluations in a row that have to count, at least 1.
    grok_ratio: how many times the memorise step the grok step has to exceed for
        grokking rather than comprehension, at least 1.
    """

    accuracy: float = 0.99
    hold: int = 3
    grok_ratio: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.accuracy <= 1:
            raise ValueError(f"accuracy = {self.accuracy!r}: allowed is 0 < a <= 1")
        whole = isinstance(self.hold, int | np.integer) and self.hold is not True
        if not whole or self.hold < 1:
            raise ValueError(f"hold = {self.hold!r}: allowed is a whole number >= 1")
        if not 1 <= self.grok_ratio < np.inf:
            raise ValueError(
                f"grok_ratio = {self.grok_ratio!r}: allowed is a finite number >= 1"
            )


@dataclass(frozen=True)
class Outcome:
    """The phase of one cell (one of PHASES) and its steps, None when censored."""

    phase: str
    memorise_step: int | None
    grok_step: int | None


def first_held(
    steps: ArrayLike, values: ArrayLike, threshold: float, hold: int
) -> int | None:
    """The first step from which `values` stay >= threshold for `hold` evaluations.

    steps, values: [evals]. None when there is no full run of `hold` evaluations; a
    NaN breaks a run, and so does the end of the curve.
    """
    steps, values = _columns(step=steps, values=values)
    if hold < 1:
        raise ValueError(f"hold = {hold!r}: allowed is a whole number >= 1")
    run = 0
    for index, above in enumerate((values >= threshold).tolist()):
        run = run + 1 if above else 0
        if run == hold:
            return int(steps[index - hold + 1])
    return None


def evals_until_held(values: ArrayLike, threshold: float, hold: int) -> int:
    """Fewest further evaluations until `values` have held for `hold` in a row.

    values: [evals], the latest last; 0 where they hold now.
    """
    run = 0
    # Compared in the dtype of the values, as `first_held` and the trainer do.
    for above in reversed((np.asarray(values) >= threshold).tolist()):
        if not above:
            break
        run += 1
    return max(hold - run, 0)


def outcome(
    curves: Mapping[str, ArrayLike],
    *,
    has_test: bool,
    diverged: bool,
    eval_every: int,
    thresholds: Thresholds = Thresholds(),
) -> Outcome:
    """The phase of one cell after Liu et al. 2022, and its memorise and grok steps.

    curves: `step`, `train_accuracy`, `test_accuracy`, each [evals]; without test
    pairs (`has_test=False`) the last one is not read. A diverged cell keeps the
    steps that it reached before.
    """

    def reached(curve: str) -> int | None:
        return first_held(
            curves["step"], curves[curve], thresholds.accuracy, thresholds.hold
        )

    memorise_step = reached("train_accuracy")
    grok_step = reached("test_accuracy") if has_test else None
    if diverged:
        phase = "diverged"
    elif not has_test:
        phase = "untested"
    else:
        phase = _phase(memorise_step, grok_step, eval_every, thresholds.grok_ratio)
    return Outcome(phase, memorise_step, grok_step)


def _phase(
    memorise_step: int | None,
    grok_step: int | None,
    eval_every: int,
    grok_ratio: float,
) -> str:
    if grok_step is None:
        return "confusion" if memorise_step is None else "memorisation"
    if memorise_step is None:
        # Generalised without ever fitting the train set, for example over noisy
        # labels. There is no delay after a fit, so this is not grokking.
        return "comprehension"
    late = grok_step > grok_ratio * memorise_step + eval_every
    return "grokking" if late else "comprehension"


def spikes(
    step: ArrayLike, train_loss: ArrayLike, max_train_loss: ArrayLike
) -> NDArray[np.int64]:
    """The evaluated steps [spikes] whose chunk held a spike of the train loss.

    A spike: the loss was below SPIKE_ARMED_BELOW at an earlier evaluation, then
    passes SPIKE_ABOVE; the next one counts only after it was that low again.
    step, train_loss, max_train_loss: [evals]; the last one is the largest train loss
    of the chunk that ends at the evaluation. Spikes that follow each other within one
    chunk count once, so the number is a lower bound.
    """
    step, train_loss, max_train_loss = _columns(
        step=step, train_loss=train_loss, max_train_loss=max_train_loss
    )
    # fmax: where one of the two was not recorded, the other one counts.
    peaks = np.fmax(train_loss, max_train_loss)
    found: list[int] = []
    if not (train_loss < SPIKE_ARMED_BELOW).any():
        return np.array(found, dtype=np.int64)
    armed = False
    # The peak of a chunk comes before the loss at its end: test first, then re-arm.
    for at, end, peak in zip(step, train_loss, peaks, strict=True):
        if armed and peak > SPIKE_ABOVE:
            found.append(int(at))
            armed = False
        if end < SPIKE_ARMED_BELOW:
            armed = True
    return np.array(found, dtype=np.int64)


def _columns(**named: ArrayLike) -> list[NDArray]:
    """The arguments as arrays, refused unless all are [evals] of one length."""
    arrays = {name: np.asarray(value) for name, value in named.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1 or any(len(s) != 1 for s in shapes.values()):
        raise ValueError(f"shapes {shapes}: allowed is one shape [evals] for all")
    return list(arrays.values())
