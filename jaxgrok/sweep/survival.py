"""How much of their budgets cells spend, learned from those that ended.

>>> survival = Survival()
>>> survival.ended(0.3)
>>> survival.remaining(0.0)
(0.1, 0.9)
"""

from collections.abc import Iterable

import numpy as np

BINS = 200
"""Steps in which shares of a budget are counted."""


class Survival:
    """The Kaplan-Meier estimate of how long cells run, in shares of their budgets.

    Cells that still run say that they take at least as long as they have taken; without
    them, the cells that end first would make every estimate too short.
    """

    def __init__(self) -> None:
        self._ends = np.zeros(BINS + 1)
        self._running = np.zeros(BINS + 1)
        self._is_stale = True
        """Whether more is known than the areas say: they cost more than one cell."""

    def ended(self, share: float) -> None:
        """Learn from a cell that ended after this share of its budget."""
        self._ends[_bin(share)] += 1
        self._is_stale = True

    def running(self, shares: Iterable[float]) -> None:
        """Take note of the cells that run now, each with what it has spent."""
        bins = list(map(_bin, shares))
        self._running = np.bincount(bins, minlength=BINS + 1).astype(float)
        self._is_stale = True

    def remaining(self, share: float) -> tuple[float, float]:
        """Return the share of its budget that a cell has still to spend: low, high.

        The low end takes for granted that nothing lasts longer than what was seen so
        far; the high end that what lasts longer spends its whole budget.

        Args:
            share: what it has spent, and did not end.
        """
        if self._is_stale:
            self._refresh()
        index = _bin(share)
        alive = self._alive[index]
        if not alive:
            return 0.0, 1.0 - share
        low = self._area_seen[index] / alive
        high = self._area[index] / alive
        return float(low), float(min(high, 1.0 - share))

    def _refresh(self) -> None:
        """Compute the share of cells that reach each bin, and the areas behind it."""
        self._is_stale = False
        counts = self._ends + self._running
        # Those that reach a bin at all: its own and those of all later ones.
        at_risk = counts[::-1].cumsum()[::-1]
        # The last bin holds cells that spent their budget: none of them ended before.
        ratios = 1 - self._ends[:BINS] / np.maximum(at_risk[:BINS], 1)
        self._alive = np.concatenate([[1.0], ratios.cumprod()])
        horizon = int(np.flatnonzero(counts)[-1]) if counts.any() else 0
        widths = self._alive[:BINS] / BINS
        is_seen = np.arange(BINS) < horizon
        self._area = _area_behind(widths)
        self._area_seen = _area_behind(np.where(is_seen, widths, 0.0))


def _bin(share: float) -> int:
    """Return the bin of a share."""
    return min(int(share * BINS + 1e-9), BINS)


def _area_behind(widths: np.ndarray) -> np.ndarray:
    """Return the sum of each entry and all behind it, and 0 at the end."""
    return np.concatenate([widths[::-1].cumsum()[::-1], [0.0]])
