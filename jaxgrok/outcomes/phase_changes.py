"""Phase changes as numbers: where a loss falls fastest, how wide the fall, how sudden.

The post ("A Mechanistic Interpretability Analysis of Grokking", Nanda & Lieberum 2022)
calls "any striking non-convexity" of a loss curve a phase change; here it is a number.

>>> phase_change(steps, test_loss)
PhaseChange(step=788, width=121, depth=1.9)
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

SMOOTHING = 3
"""Evaluations in the running median that removes single outliers."""
FALL = 1.0
"""The fall to look for, in nats of log loss: a factor of e."""
LEAST_FALL = 0.25
"""A curve whose log loss falls by less has no phase change."""
NON_CONVEX = float(np.log(1.5))
"""A fall is sudden from this depth on: the loss is half as much again as its chord."""


class PhaseChange(NamedTuple):
    """The shortest stretch in which a loss falls by a factor of e, over linear steps.

    A convex curve lies below its chords, so a positive depth proves that it is not
    convex.
    """

    step: int
    """Its middle."""
    width: int
    """Its length, in steps."""
    depth: float
    """Nats of log loss by which the curve lies above the chord from its peak to the
    end of the stretch."""

    @property
    def non_convex(self) -> bool:
        """Whether the curve stays up and then falls: a depth of NON_CONVEX or more."""
        return self.depth >= NON_CONVEX


def phase_change(steps: ArrayLike, loss: ArrayLike) -> PhaseChange | None:
    """Return the phase change of one curve, or None where the loss does not fall.

    The curve is smoothed by a running median, and taken from its peak on as the lowest
    value so far, so that neither a rise before the fall nor noise on its floor counts.
    Where the log loss falls by less than 2 in all, half of its fall is looked for. The
    steps are interpolated between evaluations.

    Args:
        steps: [evals]
        loss: [evals] in nats; values that are not finite or not positive are left out.
    """
    steps, level = _falling_level(np.asarray(steps, float), np.asarray(loss, float))
    if len(steps) < 3 or level[0] - level[-1] < LEAST_FALL:
        return None
    fall = min(FALL, (level[0] - level[-1]) / 2)
    # Every evaluation that lies a whole fall below the peak can end the stretch; the
    # curve read backwards says where it stood one fall higher.
    end_indices = np.flatnonzero(level[0] - level >= fall)
    starts = np.interp(level[end_indices] + fall, level[::-1], steps[::-1])
    shortest = int((steps[end_indices] - starts).argmin())
    start, end = starts[shortest], int(end_indices[shortest])
    share = (steps[: end + 1] - steps[0]) / (steps[end] - steps[0])
    chord = level[0] + share * (level[end] - level[0])
    return PhaseChange(
        step=round((start + steps[end]) / 2),
        width=round(steps[end] - start),
        depth=float((level[: end + 1] - chord).max()),
    )


def _falling_level(
    steps: np.ndarray, loss: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and smoothed log loss, from its peak on, as the lowest so far."""
    usable = np.isfinite(loss) & (loss > 0)
    steps, level = steps[usable], np.log(loss[usable])
    if len(level) < SMOOTHING:
        return steps, level
    # Not scipy.ndimage's median_filter, whose import takes half a second.
    padded = np.pad(level, SMOOTHING // 2, mode="edge")
    smooth = np.median(sliding_window_view(padded, SMOOTHING), axis=1)
    peak = int(smooth.argmax())
    lowest = np.minimum.accumulate(smooth[peak:])
    # Strictly falling, so that a level belongs to the last step that has it.
    return steps[peak:], lowest - 1e-9 * np.arange(len(lowest))
