"""Seconds of a lane-step, learned while training.

The pace sets the length of a dispatch and the time left. It decides no result.

    >>> pace.learn(train_size=3830, steps=200, lane_steps=800, seconds=1.1)
    >>> pace.steps(train_size=3830, seconds=1.0)
"""

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
        if not self._sums:
            return 0.0
        reliable = {n: s for n, s in self._sums.items() if s[0] > LEAST_SECONDS}
        sums = reliable or self._sums
        nearest = min(sums, key=lambda size: abs(size - train_size))
        measured, _, lane_steps = sums[nearest]
        return float(measured / lane_steps * train_size / nearest)
