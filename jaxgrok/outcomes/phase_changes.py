"""Phase changes as numbers: where a loss falls fastest, how wide the fall, how sudden.

Owns what a phase change of a curve is. Arrays in, arrays out. The post ("A Mechanistic
Interpretability Analysis of Grokking", Nanda & Lieberum 2022) calls "any striking
non-convexity" of a loss curve one; here that is a number.

    >>> phase_change(steps, test_loss)
    PhaseChange(step=788, width=121, depth=1.9)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import median_filter

SMOOTHED_OVER = 3
"""Evaluations of the running median that takes out single outliers."""
FALL = 1.0
"""The fall that is looked for, in nats of log loss: by a factor of e."""
LEAST_FALL = 0.25
"""A curve whose log loss falls by less has no fall to speak of."""
NON_CONVEX = float(np.log(1.5))
"""A fall is sudden from this depth on: the loss is half as much again as its chord."""


class PhaseChange(NamedTuple):
    """The shortest stretch in which a loss falls by a factor of e, over linear steps.

    step: its middle. width: its steps. depth: by how many nats of log loss the curve
    lies above the chord from its peak to the end of that stretch. A convex curve lies
    below its chords, so a positive depth proves that it is not.
    """

    step: int
    width: int
    depth: float

    @property
    def non_convex(self) -> bool:
        """Whether the curve stays up and then falls: a depth of NON_CONVEX or more."""
        return self.depth >= NON_CONVEX


def phase_change(steps: ArrayLike, loss: ArrayLike) -> PhaseChange | None:
    """The phase change of one curve, or None where the loss does not fall.

    steps, loss: [evals], the loss in nats; what is not finite or not positive is left
    out. Smoothed by a running median, and taken from its peak on as the lowest value so
    far, so that neither a rise before the fall nor noise on its floor counts. Where the
    log loss falls by less than 2 in all, half of its fall is looked for. The steps are
    interpolated between evaluations.
    """
    at, level = _level(np.asarray(steps, float), np.asarray(loss, float))
    if len(at) < 3 or level[0] - level[-1] < LEAST_FALL:
        return None
    fall = min(FALL, (level[0] - level[-1]) / 2)
    ends = np.flatnonzero(level[0] - level >= fall)
    begins = np.interp(level[ends] + fall, level[::-1], at[::-1])
    best = int((at[ends] - begins).argmin())
    begin, end = begins[best], int(ends[best])
    share = (at[: end + 1] - at[0]) / (at[end] - at[0])
    chord = level[0] + share * (level[end] - level[0])
    return PhaseChange(
        step=round((begin + at[end]) / 2),
        width=round(at[end] - begin),
        depth=float((level[: end + 1] - chord).max()),
    )


def _level(steps: NDArray, loss: NDArray) -> tuple[NDArray, NDArray]:
    """Log loss from its peak on, smoothed and as the lowest so far; and its steps."""
    known = np.isfinite(loss) & (loss > 0)
    steps, level = steps[known], np.log(loss[known])
    if len(level) < SMOOTHED_OVER:
        return steps, level
    smooth = median_filter(level, SMOOTHED_OVER, mode="nearest")
    peak = int(smooth.argmax())
    lowest = np.minimum.accumulate(smooth[peak:])
    # Strictly falling, so that a level belongs to the last step that has it.
    return steps[peak:], lowest - 1e-9 * np.arange(len(lowest))
