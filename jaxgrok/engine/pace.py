"""Seconds of a lane-step, learned while training.

The pace sets the length of a dispatch and the time left. It decides no result.

    >>> pace.learn(train_size=3830, steps=200, lane_steps=800, seconds=1.1)
    >>> pace.steps(train_size=3830, seconds=1.0)
"""

from collections.abc import Mapping

import numpy as np

LEAST_SECONDS = 0.5
"""Measured time that makes an estimate."""
PACE_DECAY = 0.9
"""Exponential decay, per dispatch, of the step-time average."""
FIRST_STEPS = 2
"""Steps of a dispatch whose pace is unknown."""


class Pace:
    """Seconds that steps take, by train size, learned from dispatches."""

    def __init__(self) -> None:
        # By train size: decaying sums of seconds, steps and lane-steps.
        self._sums: dict[int, np.ndarray] = {}
        self._totals: dict[int, np.ndarray] = {}
        """The same sums, not decaying."""
        self._warm: set[int] = set()

    def learn(
        self, train_size: int, *, steps: int, lane_steps: int, seconds: float
    ) -> None:
        """Learn from a dispatch; a program's first one is slow, and left out.

        Args:
            train_size: padded size of the training set.
            steps: steps of the dispatch.
            lane_steps: the same, times the busy lanes.
            seconds: wall time.
        """
        if train_size not in self._warm:
            self._warm.add(train_size)
            return
        new = np.array([seconds, steps, lane_steps])
        self._sums[train_size] = PACE_DECAY * self._sums.get(train_size, 0) + new
        self._totals[train_size] = self._totals.get(train_size, 0) + new

    @property
    def known(self) -> bool:
        """Whether enough was measured to speak of it."""
        return any(sums[0] > LEAST_SECONDS for sums in self._sums.values())

    def steps(self, train_size: int, seconds: float) -> int:
        """Return the steps of a dispatch that should take so many seconds."""
        sums = self._sums.get(train_size)
        if sums is None:
            return FIRST_STEPS
        return max(1, int(seconds / sums[0] * sums[1]))

    def seconds(self, train_size: int) -> float:
        """Return the seconds of a lane-step; in proportion to the nearest measured."""
        return _seconds(self._sums, train_size)

    def spread(self, train_size: int) -> tuple[float, float]:
        """Return the same as a range, low and high: of late, and since the start.

        They differ where other programs come and go, or lanes stay idle.
        """
        late, whole = self.seconds(train_size), _seconds(self._totals, train_size)
        return min(late, whole), max(late, whole)


def _seconds(measured: Mapping[int, np.ndarray], train_size: int) -> float:
    """Return the seconds of a lane-step from sums by train size."""
    if not measured:
        return 0.0
    reliable = {n: s for n, s in measured.items() if s[0] > LEAST_SECONDS}
    sums = reliable or measured
    nearest = min(sums, key=lambda size: abs(size - train_size))
    seconds, _, lane_steps = sums[nearest]
    return float(seconds / lane_steps * train_size / nearest)
