"""Seconds of a lane-step, learned while training.

The pace sets the length of a dispatch and the time left. It decides no result.
"""

import numpy as np

from jaxgrok.engine.engine import Engine

LEAST_SECONDS = 0.5
"""Measured time that makes an estimate."""


MEMORY = 0.9
"""Weight of a dispatch in the pace, against the one after it."""


class Pace:
    """Seconds that a lane-step takes, learned from dispatches."""

    def __init__(self) -> None:
        # By train size: decaying sums of seconds, steps and lane-steps measured.
        self._sums: dict[int, np.ndarray] = {}
        self._warm: set[int] = set()

    def measured(self, engine: Engine, n_steps: int, seconds: float) -> None:
        """Learn from a dispatch; a program's first one is slow, and left out."""
        size = engine.setup.train_size
        if size not in self._warm:
            self._warm.add(size)
            return
        new = np.array([seconds, n_steps, n_steps * len(engine.cells)])
        self._sums[size] = MEMORY * self._sums.get(size, 0) + new

    @property
    def known(self) -> bool:
        """Whether enough was measured to speak of it."""
        return any(sums[0] > LEAST_SECONDS for sums in self._sums.values())

    def steps(self, engine: Engine, seconds: float) -> int:
        """Steps of a dispatch that should take so many seconds; 2 to begin with."""
        sums = self._sums.get(engine.setup.train_size)
        return 2 if sums is None else max(1, int(seconds / sums[0] * sums[1]))

    def seconds(self, size: int) -> float:
        """Seconds of a lane-step at a train size; unmeasured ones in proportion."""
        if not self._sums:
            return 0.0
        sound = {n: sums for n, sums in self._sums.items() if sums[0] > LEAST_SECONDS}
        sums = sound or self._sums
        near = min(sums, key=lambda known: abs(known - size))
        measured, _, lane_steps = sums[near]
        return measured / lane_steps * size / near
